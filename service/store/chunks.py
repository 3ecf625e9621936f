"""Keys in one query: far below what any database takes."""

from collections.abc import Iterable, Iterator, Sequence
from typing import TypeVar

Key = TypeVar("Key")
_AT_ONCE = 400


def chunks(keys: Iterable[Key]) -> Iterator[Sequence[Key]]:
    """All of them, in order, as many at a time as go into one query."""
    kept = list(keys)
    return (kept[start : start + _AT_ONCE] for start in range(0, len(kept), _AT_ONCE))

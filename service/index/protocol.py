"""What a search index must do; FAISS does it here, a distributed engine may beside it."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from random import Random
from typing import Protocol

from model.content import FloatArray


@dataclass(frozen=True, slots=True)
class Entry:
    """One item as the index holds it."""

    item_id: str
    embedding: FloatArray
    """(D,) float32, finite."""
    tags: frozenset[str] = frozenset()
    """Groups that a search can be kept within."""
    expires_at: float | None = None
    """Seconds since 1970: from then on it is as if it had been removed."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """One search hit."""

    item_id: str
    score: float


class Index(Protocol):
    """Item embeddings, searched by inner product. Safe for many readers beside one writer."""

    def __len__(self) -> int: ...

    def count(self, tag: str) -> int:
        """How many items carry a tag."""
        ...

    def put(self, entries: Iterable[Entry]) -> None:
        """
        Adds items, or replaces those that are there; seen by every search that starts after it returns.

        Raises:
            DimensionMismatch: an embedding is not (D,); nothing was changed.
        """
        ...

    def remove(self, item_ids: Collection[str]) -> None:
        """Takes items out; an id that is not there is passed over."""
        ...

    def search(self, query: FloatArray, k: int, *, within: str | None = None, exclude: Collection[str] = ()) -> list[Candidate]:
        """
        The k items of the highest inner product with the query, best first.

        Equal scores are ordered by a hash of the item id, at the k-th place too: neither the order of
        posting nor that of ids decides. Fewer than k items: all of them. k = 0: none.

        Args:
            query: (D,) float32.
            within: only items that carry this tag.
            exclude: item ids never to return; those that are not there are passed over.

        Raises:
            DimensionMismatch: the query is not (D,).
        """
        ...

    def search_exactly(self, query: FloatArray, k: int) -> list[Candidate]:
        """The same by looking at every row without the index' own help: what `search` is measured against."""
        ...

    def sample(self, count: int, random: Random) -> FloatArray:
        """Copies of up to `count` embeddings drawn at random, (n, D)."""
        ...

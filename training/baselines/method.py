"""What a method is to the comparison: settings to try, each fitted on warm items."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TypeAlias

from training.ranking import Ranker
from training.recipes.trained import Job

Tried: TypeAlias = Iterator[tuple[str, Ranker]]
"""Every setting that is tried, in words, and what it came to."""


STANDARD = ("text", "image")
"""The modalities that anybody would start with: the whole text and the picture, an encoder each."""


@dataclass(frozen=True, slots=True)
class Method:
    """A way to rank new items."""

    name: str
    fit: Callable[[Job], Tried]
    reads: tuple[str, ...] = STANDARD
    """Its modalities; empty for all that there are."""
    inside: Callable[[Job], int] = lambda job: 1
    """How many settings each fit chooses among by itself, by whatever it may see."""

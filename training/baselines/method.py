"""What a method is to the comparison: settings to try, each fitted on warm items."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, TypeAlias, TypeVar

from training.ranking import Ranker
from training.recipes.trained import Job

Made = TypeVar("Made")
Setting: TypeAlias = Mapping[str, Any]
"""A value for each parameter."""
STANDARD = ("text", "image")
"""The modalities that anybody would start with: the whole text and the picture, an encoder each."""


@dataclass(frozen=True, slots=True)
class Axis:
    """The values of a parameter that may be tried, in order."""

    values: tuple[Any, ...]
    start: Any
    """The one that is tried first."""


@dataclass(frozen=True, slots=True)
class Space:
    """A method on one split: its parameters, and how a setting of them is fitted."""

    fit: Callable[[Setting], Ranker]
    axes: Mapping[str, Axis] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Method:
    """A way to rank new items."""

    name: str
    prepare: Callable[[Job], Space]
    reads: tuple[str, ...] = STANDARD
    """Its modalities; empty for all that there are."""
    leaves_out: tuple[str, ...] = ()
    """Those of them that it does not read."""
    takes_away: bool = False
    """It is another method that reads less: where it reads as much, there is nothing to compare."""
    inside: Callable[[Job], int] = lambda job: 1
    """How many settings each fit chooses among by itself, by whatever it may see."""

    def modalities(self, known: Iterable[str]) -> tuple[str, ...]:
        """Which modalities it reads where these are there."""
        return tuple(name for name in self.reads or known if name not in self.leaves_out)


def remembering(make: Callable[[Setting], Made], names: Iterable[str], kept: int = 1) -> Callable[[Setting], Made]:
    """What `make` makes of a setting, of which it reads these names alone; the last ones are kept, as neighbours share them."""
    read = tuple(names)
    made = lru_cache(kept)(lambda *values: make(dict(zip(read, values, strict=True))))
    return lambda setting: made(*(setting[name] for name in read))


def in_words(setting: Setting) -> str:
    """A setting as the log has it."""
    return ", ".join(f"{name} {value}" for name, value in setting.items()) or "as it is"

"""What a search can be kept within by items' attributes and age; another engine translates it to its own filter."""

from dataclasses import dataclass
from typing import TypeAlias

from model.content import Scalar


@dataclass(frozen=True, slots=True)
class OneOf:
    """The attribute has one of these values; null is what an item has that lacks the attribute."""

    attribute: str
    values: tuple[Scalar, ...]


@dataclass(frozen=True, slots=True)
class Between:
    """The attribute is a number within every bound that is given; an item without a number there is outside."""

    attribute: str
    gte: float | None = None
    gt: float | None = None
    lte: float | None = None
    lt: float | None = None


Condition: TypeAlias = OneOf | Between


@dataclass(frozen=True, slots=True)
class Where:
    """All of `must`, at least one of `should` where there are any, none of `must_not`, published at `since` or later."""

    must: tuple[Condition, ...] = ()
    should: tuple[Condition, ...] = ()
    must_not: tuple[Condition, ...] = ()
    since: float | None = None
    """Seconds since 1970."""

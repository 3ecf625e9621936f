"""
The types of an event, and how much each says; the one table for training's interactions and the service's events.

| type | weight | says |
|---|---|---|
| `like` | 1 | the user said so |
| `purchase` | 1 | the user paid for it |
| `rating` | its value | as much as the value says |
| `view` | 0.3 | the user looked: interest, not yet a positive |
| `impression` | 0 | the user was shown it; what that says depends on what followed |
| `hide` | -1 | the user does not want to see it; takes back what was positive before |
| `return` | -1 | the user sent it back; takes back what was positive before |
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Self

from model.errors import EventWithoutValue, UnknownEventType

RATING = "rating"
"""The one type whose weight is its value."""
LOOKING = frozenset({"view", "impression"})
"""Types by which a user met an item without doing anything with it: it does not count as seen for them."""
POSITIVE = 1.0
"""The least weight of a positive."""
WEIGHTS: Mapping[str, float] = MappingProxyType(
    {"like": 1.0, "purchase": 1.0, "view": 0.3, "impression": 0.0, "hide": -1.0, "return": -1.0}
)
"""The default weight of each type, but for `rating`."""
EVENT_TYPES = ("like", "purchase", RATING, "view", "impression", "hide", "return")
"""All types, in the order of the table above."""


@dataclass(frozen=True, slots=True)
class Liking:
    """What counts as a positive: one rule for the interactions of training and for the events that the next one learns from."""

    threshold: float = POSITIVE
    """
    The least rating that is a positive. A type with a weight of its own is measured against it as well, but never against
    more than 1: where ratings go to 5 and 4 is good, a like is still a like.
    """
    weights: Mapping[str, float] = field(default_factory=lambda: WEIGHTS)
    """Of every type but `rating`."""

    @classmethod
    def of(cls, fields: Mapping[str, Any]) -> Self:
        """
        What `to_fields` wrote; the usual where nothing is said.

        Raises:
            UnknownEventType: there is no such type, or it has no weight of its own.
            ValueError, TypeError: a number is none.
        """
        given = {str(name): float(value) for name, value in fields.get("event_weights", {}).items()}
        for event_type in given.keys() - WEIGHTS.keys():
            raise UnknownEventType(event_type, tuple(WEIGHTS))
        return cls(float(fields.get("threshold", POSITIVE)), {**WEIGHTS, **given})

    def to_fields(self) -> dict[str, Any]:
        """As JSON holds it; weights only where they are not the usual."""
        unusual = {name: value for name, value in self.weights.items() if value != WEIGHTS[name]}
        return {"threshold": self.threshold, "event_weights": unusual}

    def weight(self, event_type: str, value: float | None = None) -> float:
        """
        How much an event says.

        Args:
            event_type: one of EVENT_TYPES.
            value: of a rating, in the data's own unit; not read for another type, where it may be a price or a count.

        Raises:
            UnknownEventType: there is no such type.
            EventWithoutValue: a rating has no value.
        """
        if event_type == RATING:
            if value is None:
                raise EventWithoutValue(event_type)
            return value
        if event_type not in self.weights:
            raise UnknownEventType(event_type, EVENT_TYPES)
        return self.weights[event_type]

    def is_positive(self, event_type: str, value: float | None = None) -> bool:
        """Whether an event is a positive, which one that takes back never is; arguments and errors as of `weight`."""
        least = self.threshold if event_type == RATING else min(self.threshold, POSITIVE)
        return self.weight(event_type, value) >= least and not self.takes_back(event_type)

    def takes_back(self, event_type: str) -> bool:
        """Whether an event of this type undoes the positives of the same user and item that came before it."""
        return self.weights.get(event_type, 0.0) < 0

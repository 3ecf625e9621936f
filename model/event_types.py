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
from types import MappingProxyType

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


def weight(event_type: str, value: float | None = None, weights: Mapping[str, float] = WEIGHTS) -> float:
    """
    How much an event says.

    Args:
        event_type: one of EVENT_TYPES.
        value: of a rating, in the data's own unit; not read for another type, where it may be a price or a count.
        weights: by type, where they are not the default ones.

    Raises:
        UnknownEventType: there is no such type.
        EventWithoutValue: a rating has no value.
    """
    if event_type == RATING:
        if value is None:
            raise EventWithoutValue(event_type)
        return value
    if event_type not in weights:
        raise UnknownEventType(event_type, EVENT_TYPES)
    return weights[event_type]


def is_positive(event_type: str, weight: float, threshold: float) -> bool:
    """
    Whether an event of a weight is a positive.

    Args:
        threshold: the least rating that is one. A type with a weight of its own is measured against it as well, but never
            against more than 1: where ratings go to 5 and 4 is good, a like is still a like.
    """
    return weight >= (threshold if event_type == RATING else min(threshold, POSITIVE))


def takes_back(event_type: str, weights: Mapping[str, float] = WEIGHTS) -> bool:
    """Whether an event of this type undoes the positives of the same user and item that came before it."""
    return weights.get(event_type, 0.0) < 0

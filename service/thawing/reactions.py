"""
How a user stands to an item, by all events of the two: the one rule, for users' taste and for items' evidence.

An event's weight is its type's; a rating that the training would take for a positive weighs as much as a like, a lower
one nothing. In the order in which events happened (at the same moment: what takes back comes last):

- a hide or a return takes back every positive before it;
- of the positives after the last of these, the strongest counts, and it counts once;
- where there is none, the last hide or return counts, with its negative weight; else nothing does.

So the outcome depends on the set of events, whatever order they came in. A positive that the checkpoint was trained on
is in its user's taste already: another one on the same item adds nothing, a hide or a return still takes away. Of a positive
after that, what it lacks to a like stays away: a view of 0.3 leaves -0.7, a like 0.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from model.event_types import LOOKING, RATING, Liking
from service.settings import Settings
from service.space import Space
from service.store.event_records import KeptEvent

Numbers: TypeAlias = NDArray[np.float64]
SECONDS_A_DAY = 86_400.0


@dataclass(frozen=True, slots=True)
class Rules:
    """What the settings say about events."""

    liking: Liking = field(default_factory=Liking)
    """What an event of each type is worth, and which ratings are likes."""
    half_life_seconds: float = math.inf
    """In which time what a user did counts half as much, measured back from what it did last."""

    def weight(self, event_type: str, value: float | None) -> float:
        """How many likes an event is worth to its user's taste."""
        if event_type == RATING:
            return float(value is not None and self.liking.is_positive(RATING, value))
        return self.liking.weight(event_type)

    def faded(self, weights: Numbers, moments: Numbers, user: NDArray[np.int64]) -> Numbers:
        """
        What is left of weights, measured back from each user's newest one.

        Args:
            weights, moments, user: (R,); whose each is, from 0.
        """
        newest = np.full(int(user.max(initial=-1)) + 1, -np.inf)
        counts = weights != 0
        np.maximum.at(newest, user[counts], moments[counts])
        left = weights.copy()
        left[counts] *= np.exp2((moments - newest[user])[counts] / self.half_life_seconds)
        return left


def make_rules(settings: Settings, space: Space) -> Rules:
    """What the settings, and where these say nothing the checkpoint, say about events."""
    half_life = math.inf if settings.taste_half_life_days is None else settings.taste_half_life_days * SECONDS_A_DAY
    return Rules(settings.liking(space.manifest.liking), half_life)


@dataclass(frozen=True, slots=True)
class Reaction:
    """How a user stands to an item."""

    weight: float
    """In likes; negative: it does not want it; 0: nothing was said."""
    moment: float
    """When what counts happened, in seconds since 1970."""
    acted: bool
    """Whether it did more than look, so that lists can leave the item out."""
    events: int


def react(events: Sequence[KeptEvent], rules: Rules, *, liked_in_training: bool) -> Reaction:
    """
    The rule above.

    Args:
        events: all of one user on one item, at least one, in any order.
    """
    said = [(event.timestamp, rules.weight(event.event_type, event.value)) for event in events]
    weight, moment = strongest(said)
    if liked_in_training and weight > 0:
        weight = min(weight, 1.0) - 1.0 if any(weight < 0 for _, weight in said) else 0.0
    return Reaction(
        weight, moment, any(event.event_type not in LOOKING for event in events), sum(event.count for event in events)
    )


def strongest(said: Sequence[tuple[float, float]]) -> tuple[float, float]:
    """
    What counts of a user's events on an item: the strongest positive one after the last negative one, else that negative one.

    Args:
        said: moment and weight of each event, at least one, in any order.

    Returns:
        Its weight and its moment; 0 and the newest moment where none weighs anything.
    """
    taken_back = max(((moment, weight) for moment, weight in said if weight < 0), default=None)
    since = -math.inf if taken_back is None else taken_back[0]
    positives = [(weight, moment) for moment, weight in said if weight > 0 and moment > since]
    if positives:
        return max(positives)
    if taken_back is not None:
        moment, weight = taken_back
        return weight, moment
    return 0.0, max(moment for moment, _ in said)

"""One rule says how a user stands to an item, whatever order their events came in."""

import itertools
import math

import numpy as np
import pytest

from model.event_types import EVENT_TYPES, WEIGHTS, Liking
from service.store.event_records import KeptEvent
from service.thawing.reactions import Reaction, Rules, react

RULES = Rules(Liking(4.0))


def events(*said: tuple[str, float], value: float | None = None) -> list[KeptEvent]:
    return [KeptEvent(kind, value, moment, at) for at, (kind, moment) in enumerate(said)]


def reaction(*said: tuple[str, float], value: float | None = None, liked: bool = False) -> Reaction:
    """The same for every order in which they come."""
    found = {react(order, RULES, liked_in_training=liked) for order in itertools.permutations(events(*said, value=value))}
    assert len(found) == 1
    return found.pop()


def test_the_strongest_positive_counts_once() -> None:
    assert reaction(("view", 1), ("like", 2), ("like", 3), ("view", 4)) == Reaction(1.0, 3, acted=True, events=4)


def test_a_hide_takes_back_what_came_before_it() -> None:
    assert reaction(("like", 1), ("hide", 2)) == Reaction(-1.0, 2, acted=True, events=2)
    assert reaction(("like", 1), ("return", 2), ("view", 3)) == Reaction(WEIGHTS["view"], 3, acted=True, events=3)
    assert reaction(("hide", 1), ("purchase", 2)).weight == 1.0


def test_at_the_same_moment_what_takes_back_comes_last() -> None:
    assert reaction(("like", 1), ("hide", 1)).weight == -1.0


def test_looking_is_no_action_and_being_shown_says_nothing_of_taste() -> None:
    assert reaction(("impression", 1)) == Reaction(0.0, 1, acted=False, events=1)
    assert reaction(("impression", 1), ("view", 2)) == Reaction(WEIGHTS["view"], 2, acted=False, events=2)
    assert not any(reaction((kind, 1)).acted for kind in ("view", "impression"))
    assert all(reaction((kind, 1), value=4).acted for kind in EVENT_TYPES if kind not in ("view", "impression"))


@pytest.mark.parametrize(("value", "weight"), [(5.0, 1.0), (4.0, 1.0), (3.9, 0.0), (-1.0, 0.0)])
def test_a_rating_counts_as_a_like_from_the_least_positive_one_on(value: float, weight: float) -> None:
    assert reaction(("rating", 1), value=value).weight == weight


def test_what_training_counted_is_not_counted_again_and_can_be_taken_back() -> None:
    assert reaction(("like", 1), liked=True).weight == 0
    assert reaction(("like", 1), ("hide", 2), liked=True).weight == -1
    assert reaction(("hide", 1), ("like", 2), liked=True).weight == 0


def test_after_what_takes_back_a_trained_like_only_as_much_is_left_as_was_said_since() -> None:
    """The trained like is in the taste still: what is missing to it is taken away."""
    assert reaction(("return", 1), ("view", 2), liked=True) == Reaction(WEIGHTS["view"] - 1, 2, acted=True, events=2)
    assert reaction(("hide", 1), ("view", 2), ("purchase", 3), liked=True).weight == 0
    assert reaction(("view", 1), liked=True).weight == 0


def test_weights_can_be_set() -> None:
    rules = Rules(Liking(weights={**WEIGHTS, "view": 0.0}))

    assert react(events(("view", 1)), rules, liked_in_training=False).weight == 0


def test_what_a_user_did_fades_by_the_half_life_back_from_its_newest() -> None:
    weights, moments = np.array([1.0, -1.0, 0.0, 1.0]), np.array([100.0, 90.0, 500.0, 7.0])
    user = np.array([0, 0, 0, 1])

    faded = Rules(half_life_seconds=10.0).faded(weights, moments, user)
    lasting = Rules(half_life_seconds=math.inf).faded(weights, moments, user)

    assert faded.tolist() == [1.0, -0.5, 0.0, 1.0]
    assert lasting.tolist() == weights.tolist()

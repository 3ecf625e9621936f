"""What each type of event says."""

import re

import pytest

from model.errors import EventWithoutValue, UnknownEventType
from model.event_types import EVENT_TYPES, RATING, WEIGHTS, Liking
from model.event_types import __doc__ as described


def test_the_table_in_the_docs_is_the_table() -> None:
    rows = re.findall(r"^\| `(\w+)` \| (\S+)", described or "", re.MULTILINE)

    assert [name for name, _ in rows] == list(EVENT_TYPES)
    assert {name: float(shown) for name, shown in rows if name != RATING} == WEIGHTS


def test_the_table_cannot_be_changed() -> None:
    with pytest.raises(TypeError):
        WEIGHTS["view"] = 2.0  # type: ignore[index]


def test_a_rating_weighs_its_value_and_nothing_else_does() -> None:
    assert Liking().weight("rating", 4.5) == 4.5
    assert Liking().weight("purchase", 399.0) == Liking().weight("purchase") == 1.0


def test_other_weights_can_be_given() -> None:
    assert Liking(weights={**WEIGHTS, "view": 0.5}).weight("view") == 0.5


def test_an_unknown_type_names_what_is_accepted() -> None:
    with pytest.raises(UnknownEventType, match=r"'bought'.*like, purchase, rating") as caught:
        Liking().weight("bought")

    assert (caught.value.event_type, caught.value.accepted) == ("bought", EVENT_TYPES)


def test_a_rating_without_a_value_is_refused() -> None:
    with pytest.raises(EventWithoutValue) as caught:
        Liking().weight("rating")

    assert caught.value.field == "value"


@pytest.mark.parametrize(
    ("event_type", "value", "threshold", "positive"),
    [
        ("like", None, 1.0, True),
        ("view", None, 1.0, False),
        ("view", None, 0.3, True),
        ("impression", None, 0.3, False),
        ("hide", None, 0.0, False),
        ("rating", 3.0, 4.0, False),
        ("rating", 4.0, 4.0, True),
        ("like", None, 4.0, True),
    ],
)
def test_a_positive_reaches_the_threshold(event_type: str, value: float | None, threshold: float, positive: bool) -> None:
    """Of ratings up to 5 where 4 is good, a like is still a like."""
    assert Liking(threshold).is_positive(event_type, value) is positive


@pytest.mark.parametrize("event_type", ["hide", "return"])
def test_what_takes_back_is_no_positive_whatever_the_threshold(event_type: str) -> None:
    assert not Liking(-1.0).is_positive(event_type)
    assert Liking(-1.0).is_positive(RATING, -1.0)


def test_only_negative_types_take_back() -> None:
    assert [name for name in EVENT_TYPES if Liking().takes_back(name)] == ["hide", "return"]
    assert not Liking(weights={**WEIGHTS, "return": 0.0}).takes_back("return")


def test_what_counts_as_a_like_is_read_as_it_was_written() -> None:
    unusual = Liking(4.0, {**WEIGHTS, "view": 1.0})

    assert unusual.to_fields() == {"threshold": 4.0, "event_weights": {"view": 1.0}}
    assert Liking.of(unusual.to_fields()) == unusual
    assert Liking.of({}) == Liking()


@pytest.mark.parametrize("event_type", ["viw", RATING])
def test_a_type_without_a_weight_of_its_own_is_given_none(event_type: str) -> None:
    with pytest.raises(UnknownEventType, match=f"'{event_type}'"):
        Liking.of({"event_weights": {event_type: 1}})

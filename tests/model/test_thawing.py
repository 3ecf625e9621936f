"""Items that thaw: from content to audience, by how sure each of them is."""

from dataclasses import replace

import numpy as np
import pytest

from model.content import FloatArray
from model.thawing import Evidence, Thawing

ANCHOR = np.array([[1.0, 0.0, 0.5]], np.float32)


@pytest.fixture
def thawing() -> Thawing:
    """Two factors whose content errs as much as one person (p = 1), and not at all nearly (p = 0.01)."""
    eye = np.eye(2, dtype=np.float32)
    ratio = np.array([1.0, 0.01], np.float32)
    arrays: dict[str, FloatArray] = {
        "thaw_reading": eye,
        "thaw_foretold": np.concatenate([eye, np.zeros((1, 2), np.float32)]),
        "thaw_offset": np.zeros(2, np.float32),
        "thaw_ratio": ratio,
        "thaw_back": np.diag(ratio),
        "thaw_everyone": np.zeros(2, np.float32),
        "thaw_rate": np.array([0.1, 20.0], np.float32),
    }
    return Thawing(arrays)


def evidence(
    acted: float = 0, total: tuple[float, float] = (0, 0), passed: float = 0, passing: tuple[float, float] = (0, 0)
) -> Evidence:
    """Of one cold item."""
    values = [[acted], [total], [passed], [passing], [0.0]]
    return Evidence(*[np.array(value, np.float32) for value in values])


def test_an_item_without_events_stays_where_it_is(thawing: Thawing) -> None:
    assert thawing.move(ANCHOR, evidence()).tolist() == ANCHOR.tolist()
    assert thawing.shares(evidence()).tolist() == [0.0]


def test_every_coordinate_goes_as_far_as_its_content_is_unsure(thawing: Thawing) -> None:
    """Three people at (5, 4): p = 1 goes 3/4 of the way from 1 to 5, p = .01 goes .03/1.03 of that from 0 to 4."""
    served = thawing.move(ANCHOR, evidence(3, (15, 12)))

    np.testing.assert_allclose(served, [[1 + 0.75 * 4, 0.03 / 1.03 * 4, 0.5]], rtol=1e-6)


def test_a_large_audience_has_the_last_word(thawing: Thawing) -> None:
    served = thawing.move(ANCHOR, evidence(1e6, (5e6, 4e6)))

    np.testing.assert_allclose(served[0, :2], [5, 4], rtol=1e-3)


def test_what_training_knew_weighs_against_what_came_since(thawing: Thawing) -> None:
    """An item that nine people taught moves a tenth of the way for one more."""
    told = replace(evidence(1, (5, 0)), trained=np.array([8.0], np.float32))

    served = thawing.move(ANCHOR, told)

    np.testing.assert_allclose(served[0, 0], 1 + 4 * 1 / 10, rtol=1e-6)


def test_people_who_passed_push_the_item_away_from_their_taste(thawing: Thawing) -> None:
    served = thawing.move(ANCHOR, evidence(passed=10, passing=(20, 0)))

    assert served[0, 0] < 1
    assert served[0, 1] == 0


def test_passing_without_end_does_not_push_without_end(thawing: Thawing) -> None:
    """A thousand people at (2, 0) who pass: the rate at which exposure leads to acting sinks with them."""
    served = thawing.move(ANCHOR, evidence(passed=1e4, passing=(2e4, 0)))

    assert -5 < served[0, 0] < 1


def test_shares_grow_with_events_and_stay_below_one(thawing: Thawing) -> None:
    shares = [float(thawing.shares(evidence(n, (n, 0)))[0]) for n in (1, 5, 100)]

    assert 0 < shares[0] < shares[1] < shares[2] < 1


def test_many_items_move_as_each_does_alone(thawing: Thawing) -> None:
    one, other = evidence(3, (15, 12)), evidence(passed=10, passing=(20, 0))
    both = Evidence(*[np.concatenate(pair) for pair in zip(vars_of(one), vars_of(other), strict=True)])

    together = thawing.move(np.repeat(ANCHOR, 2, axis=0), both)

    alone = [thawing.move(ANCHOR, told)[0] for told in (one, other)]
    np.testing.assert_allclose(together, alone, rtol=1e-6)


def vars_of(told: Evidence) -> list[FloatArray]:
    return [told.acted, told.acted_sum, told.passed, told.passed_sum, told.trained]

"""How sure a difference is: the parts by hand, the whole on simulated data whose truth is known."""

import numpy as np
import pytest
import scipy.sparse as sp
import scipy.stats
from numpy.typing import NDArray

from training.protocols.intervals import Interval, Pair, _drawn_gain, difference, interval
from training.ranking import Ranking, rank


def random_ranking(likes: sp.csr_array, random: np.random.Generator, help_liked: float = 0.0) -> Ranking:
    """Random lists, in which what is liked is helped."""
    scores = (random.standard_normal(likes.shape) + help_liked * likes.toarray()).astype(np.float32)
    return rank(lambda rows: scores[rows], [f"item-{at}" for at in range(likes.shape[1])], likes)


def random_likes(random: np.random.Generator, users: int = 40, items: int = 30) -> sp.csr_array:
    return sp.csr_array((random.random((users, items)) < 0.2).astype(np.float32))


def width(found: Interval) -> float:
    return found.high - found.low


def test_a_method_is_no_better_than_itself() -> None:
    random = np.random.default_rng(0)
    rankings = [random_ranking(random_likes(random), random) for _ in range(3)]

    found = difference([Pair(ranking, ranking) for ranking in rankings], ratio=0.125)

    assert (found.mean, found.low, found.high) == (0, 0, 0)


@pytest.mark.parametrize("k", [3, 10])
def test_candidates_drawn_twice_stand_twice(k: int) -> None:
    """The gain of a resampled list is that of the list written out."""
    random = np.random.default_rng(4)
    ranking = random_ranking(random_likes(random), random)
    times = random.poisson(1.0, 30)

    got = _drawn_gain(ranking, times, k)

    expected = []
    for top, liked in zip(ranking.top, ranking.liked, strict=True):
        written = [bool(hit) for item, hit in zip(top, liked, strict=True) for _ in range(times[item])][:k]
        expected.append(sum(1 / np.log2(place + 2) for place, hit in enumerate(written) if hit))
    np.testing.assert_allclose(got, expected, atol=1e-12)
    assert {0, 2} <= set(times.tolist())


def test_the_spread_between_splits_by_hand() -> None:
    """s^2 = 1 and s^2 / 3 above the bootstrap's: all of the variance rests on two degrees of freedom."""
    found = interval([1.0, 2.0, 3.0], sampling=0.1, ratio=0.25)

    reach = scipy.stats.t.ppf(0.975, 2) * np.sqrt(1 / 3 + 0.25)
    assert (found.mean, found.low, found.high) == pytest.approx((2, 2 - reach, 2 + reach))


def test_a_large_bootstrap_variance_by_hand() -> None:
    """What rests on the spread is the correction alone, so that there are more degrees of freedom."""
    found = interval([1.0, 2.0, 3.0], sampling=0.5, ratio=0.25)

    freedom = 2 * (0.5 + 0.25) ** 2 / 0.25**2
    reach = scipy.stats.t.ppf(0.975, freedom) * np.sqrt(0.5 + 0.25)
    assert (found.mean, found.low, found.high) == pytest.approx((2, 2 - reach, 2 + reach))


def test_one_split_has_the_bootstrap_alone() -> None:
    found = interval([0.5], sampling=0.04, ratio=0.125)

    assert (found.low, found.high) == pytest.approx((0.5 - 1.96 * 0.2, 0.5 + 1.96 * 0.2), abs=1e-3)


def test_more_test_items_to_training_items_widen_the_interval() -> None:
    random = np.random.default_rng(2)
    pairs = [Pair(*(random_ranking(likes, random) for _ in range(2))) for likes in [random_likes(random) for _ in range(3)]]

    widths = [width(difference(pairs, ratio=ratio, rounds=30)) for ratio in (0.0, 0.125, 0.5)]

    assert widths[0] < widths[1] < widths[2]


def test_a_difference_for_everybody_is_found() -> None:
    random = np.random.default_rng(3)
    likes = [random_likes(random) for _ in range(3)]
    pairs = [Pair(random_ranking(each, random, help_liked=2.0), random_ranking(each, random)) for each in likes]

    found = difference(pairs, ratio=0.125, rounds=50)
    turned = difference([Pair(pair.other, pair.one) for pair in pairs], ratio=0.125, rounds=50)

    assert found.low > 0
    assert (turned.low, turned.mean, turned.high) == pytest.approx((-found.high, -found.mean, -found.low))


def test_a_person_is_drawn_in_all_splits_or_in_none() -> None:
    """Rows of another split may stand in another order: what counts is who they are."""
    random = np.random.default_rng(6)
    likes, people = random_likes(random), [f"user-{at}" for at in range(40)]
    scores = [random.standard_normal(likes.shape).astype(np.float32) for _ in range(2)]
    turned = np.arange(40)[::-1]

    def listed(rows: NDArray[np.intp]) -> Pair:
        found = [each[rows] for each in scores]
        names = [people[row] for row in rows]
        ids = [f"item-{at}" for at in range(likes.shape[1])]
        return Pair(*(rank(lambda users, own=own: own[users], ids, likes[rows], names) for own in found))  # type: ignore[misc]

    same, other = listed(np.arange(40)), listed(turned)

    in_order = difference([same, same], ratio=0.125, rounds=50)
    out_of_order = difference([same, other], ratio=0.125, rounds=50)

    assert (out_of_order.low, out_of_order.high) == pytest.approx((in_order.low, in_order.high), abs=1e-9)


def test_where_there_is_no_difference_the_interval_holds_none() -> None:
    """40 times two methods of chance over four splits: about 38 intervals of 95 % hold the truth."""
    random = np.random.default_rng(8)
    intervals = []
    for seed in range(40):
        likes = [random_likes(random, users=25) for _ in range(4)]
        pairs = [Pair(random_ranking(each, random), random_ranking(each, random)) for each in likes]
        intervals.append(difference(pairs, ratio=0.125, k=10, rounds=20, seed=seed))

    assert sum(found.low <= 0 <= found.high for found in intervals) >= 33
    assert np.median([width(found) for found in intervals]) < 0.5

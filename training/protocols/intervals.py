"""
How sure a difference between two methods is, when users, items and the split could have been others.

Three things vary. Which users and which items were drawn: both are resampled at once, with replacement, users alike in
all splits (Owen, "The pigeonhole bootstrap", 2007). And what was trained: the splits' training sets overlap, so that
the spread between splits tells too little of it; Nadeau and Bengio ("Inference for the Generalization Error", 2003)
add the ratio of test to training items to the one over the number of splits. The variance here is

    max(bootstrap, s^2 / J) + ratio x s^2

with s^2 the variance between J splits, and the degrees of freedom are Satterthwaite's.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import scipy.stats
from numpy.typing import NDArray

from training.metrics import metrics
from training.ranking import Ranking

ROUNDS = 200


@dataclass(frozen=True, slots=True)
class Interval:
    """A mean with its 95 % interval."""

    mean: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.mean:+.4f} [{self.low:+.4f}, {self.high:+.4f}]"


@dataclass(frozen=True, slots=True)
class Pair:
    """Two methods' lists of one split, for the same users and candidates."""

    one: Ranking
    other: Ranking


def difference(pairs: Sequence[Pair], *, ratio: float, k: int = 20, rounds: int = ROUNDS, seed: int = 0) -> Interval:
    """
    The mean over users and splits of one method's NDCG@k less another's.

    Args:
        pairs: one for each split.
        ratio: test items to training items.
    """
    name = f"ndcg@{k}"
    means = [float((metrics(pair.one)[name] - metrics(pair.other)[name]).mean()) for pair in pairs]
    random = np.random.default_rng(seed)
    people = _number_people(pairs)
    drawn = [float(np.mean(_resample(pairs, people, k, random))) for _ in range(rounds)]
    return interval(means, float(np.var(drawn, ddof=1)), ratio)


def interval(means: Sequence[float], sampling: float, ratio: float) -> Interval:
    """
    Args:
        means: one for each split.
        sampling: the variance of their mean under resampling of users and items.
        ratio: test items to training items.
    """
    splits = len(means)
    between = float(np.var(means, ddof=1)) if splits > 1 else 0.0
    few = between / splits > sampling
    variance = max(sampling, between / splits) + ratio * between
    uncertain = (1 / splits if few else 0.0) + ratio  # the part that rests on the spread between splits
    rests = (uncertain * between) ** 2
    freedom = (splits - 1) * variance**2 / rests if rests else np.inf
    reach = float(scipy.stats.t.ppf(0.975, min(freedom, 1e6)) * np.sqrt(variance))
    mean = float(np.mean(means))
    return Interval(mean, mean - reach, mean + reach)


def _number_people(pairs: Sequence[Pair]) -> list[NDArray[np.intp]]:
    """Each pair's users by a number that is the same person's in every pair."""
    numbers: dict[str, int] = {}
    return [np.array([numbers.setdefault(name, len(numbers)) for name in pair.one.user_ids], np.intp) for pair in pairs]


def _resample(pairs: Sequence[Pair], people: Sequence[NDArray[np.intp]], k: int, random: np.random.Generator) -> list[float]:
    """Each split's difference for users and candidates drawn anew."""
    weights = random.poisson(1.0, 1 + max(int(found.max(initial=0)) for found in people)).astype(np.float64)
    return [_difference_of_drawn(pair, weights[found], k, random) for pair, found in zip(pairs, people, strict=True)]


def _difference_of_drawn(pair: Pair, users: NDArray[np.float64], k: int, random: np.random.Generator) -> float:
    times = random.poisson(1.0, pair.one.likes.shape[1])
    positives = np.asarray(pair.one.likes @ times.astype(np.float64))
    weights = users * (positives > 0)
    if not weights.any():
        return 0.0
    ideal = _gains(np.minimum(positives, k).astype(np.intp), k)
    gains = [_drawn_gain(ranking, times, k) for ranking in (pair.one, pair.other)]
    judged = weights > 0
    return float(np.average((gains[0] - gains[1])[judged] / ideal[judged], weights=weights[judged]))


def _drawn_gain(ranking: Ranking, times: NDArray[np.int64], k: int) -> NDArray[np.float64]:
    """(N,) DCG@k of lists in which each candidate stands as often as it was drawn."""
    ends = np.minimum(times[ranking.top].cumsum(axis=1), k)
    starts = np.concatenate([np.zeros((len(ends), 1), ends.dtype), ends[:, :-1]], axis=1)
    gained: NDArray[np.float64] = ((_gains(ends, k) - _gains(starts, k)) * ranking.liked).sum(axis=1)
    return gained


def _gains(places: NDArray[np.intp], k: int) -> NDArray[np.float64]:
    """The sum of discounts of the first so many places."""
    table = np.concatenate([[0.0], (1 / np.log2(np.arange(2, k + 2))).cumsum()])
    return table[places]

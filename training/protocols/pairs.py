"""Cases in which a ranking is compared with another one, over all splits."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np

from training.errors import NothingLeft
from training.metrics import mean_ndcg
from training.progress import Reporter
from training.protocols.intervals import Interval, Pair, difference
from training.protocols.trial import Trial
from training.ranking import Ranking

Cases: TypeAlias = Mapping[tuple[str, str], Pair]
"""By what was ranked, and what it is compared with."""


@dataclass(frozen=True, slots=True)
class Row:
    """One case over all splits."""

    case: str
    ndcg: float
    compared_with: str
    other: float
    difference: Interval


def compare_pairs(trials: Sequence[Trial], cases: Callable[[Trial], Cases], reporter: Reporter) -> list[Row]:
    """
    Raises:
        NothingLeft: no split has a case with a user to judge by.
    """
    found: dict[tuple[str, str], list[Pair]] = {}
    for trial in trials:
        for names, pair in cases(trial).items():
            if len(pair.one.users):
                found.setdefault(names, []).append(pair)
                reporter.say(
                    f"split {trial.seed}, {names[0]}: {mean_ndcg(pair.one):.4f}, {names[1]}: {mean_ndcg(pair.other):.4f}"
                )
    if not found:
        raise NothingLeft("none of the users that are judged likes any of the test items")
    ratio = float(np.mean([trial.ratio for trial in trials]))
    return [_row(names, pairs, ratio) for names, pairs in found.items()]


def _row(names: tuple[str, str], pairs: Sequence[Pair], ratio: float) -> Row:
    ours, theirs = (float(np.mean([mean_ndcg(ranking) for ranking in side])) for side in zip(*map(_sides, pairs), strict=True))
    return Row(names[0], ours, names[1], theirs, difference(pairs, ratio=ratio))


def _sides(pair: Pair) -> tuple[Ranking, Ranking]:
    return pair.one, pair.other

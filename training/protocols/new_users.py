"""`new-users`: what fold-in is worth to users that training never saw, and how few interactions it takes."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from model.content import FloatArray
from model.fold_in import FoldIn
from training.dataset import ColdData, WarmData
from training.errors import NothingLeft
from training.progress import Reporter
from training.protocols.cold_only import judge
from training.protocols.intervals import Interval, Pair, difference
from training.protocols.methods import embed_present
from training.protocols.ranking import Ranking, by_factors, metrics
from training.protocols.trial import Trial, keep_few
from training.recipes.thaw import train_thaw
from training.recipes.thaw_numbers import ThawNumbers
from training.recipes.trained import Job, Trained

HELD_OUT = 0.1
"""The share of users that training does not see."""
COUNTS = (1, 2, 5, 10, 20)


@dataclass(frozen=True, slots=True)
class Row:
    """What held-out users' lists are worth."""

    case: str
    ndcg: float
    compared_with: str
    other: float
    difference: Interval


def compare(trials: Sequence[Trial], reporter: Reporter) -> list[Row]:
    """
    Folded from everything against trained; folded from n likes against the prior user, for those who have enough.

    Raises:
        NothingLeft: no held-out user likes any test item.
    """
    found: dict[str, list[tuple[Ranking, Ranking]]] = {}
    for trial in trials:
        for case, pair in _cases(trial):
            found.setdefault(case, []).append(pair)
            means = [float(metrics(ranking)["ndcg@20"].mean()) for ranking in pair]
            reporter.say(f"split {trial.seed}, {case}: {means[0]:.4f} against {means[1]:.4f}")
    if not found:
        raise NothingLeft("none of the held-out users likes any of the test items")
    ratio = float(np.mean([trial.ratio for trial in trials]))
    return [_row(case, pairs, ratio) for case, pairs in found.items()]


def _cases(trial: Trial) -> list[tuple[str, tuple[Ranking, Ranking]]]:
    warm, random = trial.job.warm, np.random.default_rng([trial.seed, 3])
    held = np.sort(random.permutation(len(warm.user_ids))[: round(HELD_OUT * len(warm.user_ids))])
    others = np.setdiff1d(np.arange(len(warm.user_ids)), held)
    everybody = train_thaw(trial.job, ThawNumbers())
    strangers = train_thaw(_without(trial, others), ThawNumbers())
    test = ColdData(trial.test.item_ids, trial.test.features, trial.test.likes[held])
    folded = fold_users(strangers, warm.likes[held])
    trained = _judge(strangers_of(everybody, everybody.user_embeddings[held]), test)
    cases = [("folded from everything, against trained", (_judge(strangers_of(strangers, folded), test), trained))]
    for count in COUNTS:
        cases.append((f"{count} likes, against the prior user", _few(strangers, warm, held, test, count, random)))
    return [(case, pair) for case, pair in cases if len(pair[0].users)]


def _few(
    trained: Trained, warm: WarmData, held: NDArray[np.intp], test: ColdData, count: int, random: np.random.Generator
) -> tuple[Ranking, Ranking]:
    """The same users for every count: those who have as many as the largest."""
    enough = np.flatnonzero(np.diff(warm.likes[held].indptr) >= max(COUNTS))
    likes = keep_few(replace(warm, likes=warm.likes[held][enough], seen=warm.likes[held][enough]), count, random).likes
    judged = ColdData(test.item_ids, test.features, test.likes[enough])
    prior = np.repeat(trained.prior_user[None], len(enough), axis=0)
    return _judge(strangers_of(trained, fold_users(trained, likes)), judged), _judge(strangers_of(trained, prior), judged)


def fold_users(trained: Trained, likes: sp.csr_array) -> FloatArray:
    """(U, D): users placed from their likes of warm items alone."""
    fold = FoldIn(trained.fold_in)
    return fold.place(fold.prior + likes @ fold.steps(trained.item_embeddings))


def strangers_of(trained: Trained, users: FloatArray) -> Trained:
    """The same network and items, other users."""
    return replace(trained, user_embeddings=users)


def _judge(trained: Trained, test: ColdData) -> Ranking:
    return judge(by_factors(trained.user_embeddings, lambda features: embed_present(trained, features)), test)


def _without(trial: Trial, users: NDArray[np.intp]) -> Job:
    warm, cold = trial.job.warm, trial.job.cold
    few = replace(warm, user_ids=[warm.user_ids[row] for row in users], likes=warm.likes[users], seen=warm.seen[users])
    return replace(trial.job, warm=few, cold=replace(cold, likes=cold.likes[users]))


def _row(case: str, pairs: Sequence[tuple[Ranking, Ranking]], ratio: float) -> Row:
    name, other = case.split(", against ")
    means = [float(np.mean([metrics(pair[at])["ndcg@20"].mean() for pair in pairs])) for at in (0, 1)]
    return Row(name, means[0], other, means[1], difference([Pair(*pair) for pair in pairs], ratio=ratio))

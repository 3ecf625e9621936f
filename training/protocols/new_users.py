"""`new-users`: what fold-in is worth to users that training never saw, and how few interactions it takes."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from model.content import FloatArray
from model.fold_in import FoldIn
from training.dataset import ColdData, WarmData
from training.progress import Reporter
from training.protocols.cold_only import judge
from training.protocols.intervals import Pair
from training.protocols.methods import of_trained
from training.protocols.pairs import Cases, Row, compare_pairs
from training.protocols.trial import Trial, keep_few
from training.ranking import Ranking
from training.recipes.thaw import train_thaw
from training.recipes.thaw_numbers import ThawNumbers
from training.recipes.trained import Job, Trained

USERS_HELD_OUT = 0.1
"""The share of users that training does not see."""
COUNTS = (1, 2, 5, 10, 20)


def compare(trials: Sequence[Trial], reporter: Reporter) -> list[Row]:
    """Folded from everything against trained; folded from n likes against the prior user, for those who have enough."""
    return compare_pairs(trials, _cases, reporter)


def _cases(trial: Trial) -> Cases:
    warm, random = trial.job.warm, np.random.default_rng([trial.seed, 3])
    held = np.sort(random.permutation(len(warm.user_ids))[: round(USERS_HELD_OUT * len(warm.user_ids))])
    others = np.setdiff1d(np.arange(len(warm.user_ids)), held)
    everybody = train_thaw(trial.job, ThawNumbers())
    strangers = train_thaw(_without(trial, others), ThawNumbers())
    test = trial.test.of_users(held)
    folded = fold_users(strangers, warm.likes[held])
    trained = _judge(with_users(everybody, everybody.user_embeddings[held]), test)
    cases = {("folded from everything", "trained"): Pair(_judge(with_users(strangers, folded), test), trained)}
    for count in COUNTS:
        cases[f"{count} {'like' if count == 1 else 'likes'}", "the prior user"] = _few(strangers, warm, held, test, count, random)
    return cases


def _few(
    trained: Trained, warm: WarmData, held: NDArray[np.intp], test: ColdData, count: int, random: np.random.Generator
) -> Pair:
    """The same users for every count: those who have as many as the largest."""
    enough = np.flatnonzero(np.diff(warm.likes[held].indptr) >= max(COUNTS))
    likes = keep_few(replace(warm, likes=warm.likes[held][enough], seen=warm.likes[held][enough]), count, random).likes
    judged = test.of_users(enough)
    prior = np.repeat(trained.prior_user[None], len(enough), axis=0)
    return Pair(_judge(with_users(trained, fold_users(trained, likes)), judged), _judge(with_users(trained, prior), judged))


def fold_users(trained: Trained, likes: sp.csr_array) -> FloatArray:
    """(U, D): users placed from their likes of warm items alone."""
    fold_in = FoldIn(trained.fold_in)
    return fold_in.place(fold_in.fold(fold_in.prior, likes, fold_in.steps(trained.item_embeddings)))


def with_users(trained: Trained, users: FloatArray) -> Trained:
    """The same network and items, these users."""
    return replace(trained, user_embeddings=users)


def _judge(trained: Trained, test: ColdData) -> Ranking:
    return judge(of_trained(trained), test)


def _without(trial: Trial, users: NDArray[np.intp]) -> Job:
    warm, cold = trial.job.warm, trial.job.cold
    few = replace(warm, user_ids=[warm.user_ids[row] for row in users], likes=warm.likes[users], seen=warm.seen[users])
    return replace(trial.job, warm=few, cold=cold.of_users(users))

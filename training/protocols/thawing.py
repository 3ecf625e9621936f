"""
`thawing`: how an item that was cold is ranked after a few people reacted to it.

Test items with enough likes arrive cold. Of each one's audience a random half are its judges, the same for every n; n
people of the other half are its events. A user's list leaves out the items of whose other half the user is, drawn or not.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from model.content import FloatArray
from model.fold_in import FoldIn
from model.thawing import Evidence, Thawing
from training.dataset import entries, keep_entries
from training.errors import NothingLeft
from training.metrics import mean_ndcg
from training.progress import Reporter
from training.protocols.intervals import Interval, Pair, difference
from training.protocols.trial import Trial
from training.ranking import Ranking, Scores, rank
from training.recipes.embed import embed_all
from training.recipes.fold_in_fit import read_users
from training.recipes.thaw import train_thaw
from training.recipes.thaw_numbers import ThawNumbers
from training.recipes.thawing_fit import HeldOut, fit_thawing
from training.recipes.trained import Trained

COUNTS = (1, 2, 5, 10, 20, 50)
MIN_LIKES = 100
"""Likes that a test item needs to be measured, where nothing else is asked for."""
LEAST_MIN_LIKES = 2
"""One to judge an item by, and one as its event."""


@dataclass(frozen=True, slots=True)
class Row:
    """All items after so many events each."""

    events: int
    ndcg: float
    content_alone: float
    audience_alone: float
    against_content: Interval
    against_audience: Interval


def compare(trials: Sequence[Trial], min_likes: int, reporter: Reporter) -> list[Row]:
    """
    Content moved by its audience, against either of them alone.

    Args:
        min_likes: how many likes a test item needs to be measured, 2 or more.

    Raises:
        NothingLeft: a split has no test item with so many; nothing was trained.
    """
    chosen = [_choose_items(trial, min_likes) for trial in trials]
    found: dict[int, list[tuple[Ranking, Ranking, Ranking]]] = {}
    for trial, items in zip(trials, chosen, strict=True):
        stage = _Stage(trial, train_thaw(trial.job, ThawNumbers()), items)
        for count in choose_counts(min_likes):
            found.setdefault(count, []).append(stage.after(count))
        shown = ", ".join(f"{count}: {_mean([parts[-1][0]]):.4f}" for count, parts in found.items())
        reporter.say(f"split {trial.seed}, {len(stage.items)} items, content {_mean([stage.cold]):.4f}; by events {shown}")
    ratio = float(np.mean([trial.ratio for trial in trials]))
    return [_row(count, parts, ratio) for count, parts in found.items()]


def choose_counts(min_likes: int) -> list[int]:
    """Those of `COUNTS` that half of an audience of so many people can give."""
    return [count for count in COUNTS if count <= min_likes // 2]


def _choose_items(trial: Trial, min_likes: int) -> NDArray[np.intp]:
    """Columns of the test items with so many likes."""
    counts = np.asarray(trial.test.likes.sum(axis=0), np.intp).ravel()
    items = np.flatnonzero(counts >= min_likes)
    if not len(items):
        few = f"none of the {len(counts):,} test items of split {trial.seed} has {min_likes:,} likes"
        raise NothingLeft(f"{few}, and the most-liked one has {counts.max():,}: {_advise(counts)}")
    return items


def _advise(counts: NDArray[np.intp]) -> str:
    """How many likes to ask for, so that half of the items are measured where that can be."""
    if counts.max() < LEAST_MIN_LIKES:
        return f"an item needs {LEAST_MIN_LIKES} to be measured at all"
    fewer = max(LEAST_MIN_LIKES, int(np.quantile(counts, 0.5, method="lower")))
    return f"--min-likes {fewer} would measure {np.sum(counts >= fewer):,} of them"


class _Stage:
    """One split's items, judges and reserves."""

    def __init__(self, trial: Trial, trained: Trained, items: NDArray[np.intp]) -> None:
        likes = trial.test.likes
        self.items = items
        self._ids = [trial.test.item_ids[int(item)] for item in self.items]
        self._trained, self._random = trained, np.random.default_rng([trial.seed, 4])
        self._content = embed_all(trained.mamex, trial.test.features.take(self.items))
        fold = FoldIn(trained.fold_in)
        self._readings = fold.readings(fold.base(trained.user_embeddings))
        chosen = sp.csr_array(likes[:, self.items])
        judges = self._random.random(chosen.nnz) < 0.5
        self._user_ids = trial.test.user_ids
        self._judged = keep_entries(chosen, judges)
        self._reserve = keep_entries(chosen, ~judges)
        self._alone = Thawing(_without_content(trial, trained))
        self.cold = self._rank(self._content)

    def after(self, count: int) -> tuple[Ranking, Ranking, Ranking]:
        """Thawed by so many events, by content alone, and by the audience alone."""
        evidence = self._draw(count)
        thawed = Thawing(self._trained.fold_in).move(self._content, evidence)
        typical = np.zeros_like(self._content)
        typical[:, -1] = self._content[:, -1]
        audience = self._alone.move(typical, evidence)
        return self._rank(thawed), self.cold, self._rank(audience)

    def _draw(self, count: int) -> Evidence:
        people = self._reserve.T.tocsr()
        sums = np.zeros((len(self.items), self._readings.shape[1]), np.float32)
        counts = np.zeros(len(self.items), np.float32)  # a reserve may hold fewer than were asked for
        for row in range(len(self.items)):
            audience = people.indices[people.indptr[row] : people.indptr[row + 1]]
            drawn = self._random.permutation(audience)[:count]
            counts[row], sums[row] = len(drawn), self._readings[drawn].sum(axis=0)
        nothing = np.zeros(len(self.items), np.float32)
        return Evidence(counts, sums, nothing, np.zeros_like(sums), nothing)

    def _rank(self, embeddings: FloatArray) -> Ranking:
        users = self._trained.user_embeddings

        def scores(rows: NDArray[np.intp]) -> FloatArray:
            return np.where(entries(self._reserve[rows]), -np.inf, users[rows] @ embeddings.T).astype(np.float32)

        listed: Scores = scores
        return rank(listed, self._ids, self._judged, self._user_ids)


def _without_content(trial: Trial, trained: Trained) -> dict[str, FloatArray]:
    """The same update for who knows of content only how popular it is: every item starts from the mean of all."""
    fold, learned = FoldIn(trained.fold_in), trained.item_embeddings
    nothing = np.zeros_like(learned)
    nothing[:, -1] = learned[:, -1]
    held = HeldOut(np.arange(len(learned)), nothing, learned)
    readings = read_users(fold, fold.base(trained.user_embeddings), learned)
    return fit_thawing(trial.job.warm.likes, readings, held, trained.origin)


def _mean(rankings: Sequence[Ranking]) -> float:
    return float(np.mean([mean_ndcg(ranking) for ranking in rankings]))


def _row(count: int, parts: Sequence[tuple[Ranking, Ranking, Ranking]], ratio: float) -> Row:
    thawed, content, audience = zip(*parts, strict=True)
    pairs = [[Pair(one, other) for one, other in zip(thawed, others, strict=True)] for others in (content, audience)]
    differences = [difference(found, ratio=ratio) for found in pairs]
    return Row(count, _mean(thawed), _mean(content), _mean(audience), differences[0], differences[1])

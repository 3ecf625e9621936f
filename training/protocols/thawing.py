"""
`thawing`: how an item that was cold is ranked after a few people reacted to it.

Test items with many likes arrive cold. Of each one's audience a random half are its judges, the same for every n; n
people of the other half are its events. A user's list leaves out the items of whose other half the user is, drawn or not.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from model.content import BoolArray, FloatArray
from model.fold_in import FoldIn
from model.thawing import Evidence, Thawing
from training.dataset import keep_entries
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
FEWEST = 100
"""Likes that an item must have to be judged."""


@dataclass(frozen=True, slots=True)
class Row:
    """All items after so many events each."""

    events: int
    ndcg: float
    content_alone: float
    audience_alone: float
    against_content: Interval
    against_audience: Interval


def compare(trials: Sequence[Trial], reporter: Reporter) -> list[Row]:
    """
    Content moved by its audience, against either of them alone.

    Raises:
        NothingLeft: a split has no test item with enough likes.
    """
    found: dict[int, list[tuple[Ranking, Ranking, Ranking]]] = {}
    for trial in trials:
        trained = train_thaw(trial.job, ThawNumbers())
        stage = _Stage(trial, trained)
        for count in COUNTS:
            found.setdefault(count, []).append(stage.after(count))
        shown = ", ".join(f"{count}: {_mean([parts[-1][0]]):.4f}" for count, parts in found.items())
        reporter.say(f"split {trial.seed}, {len(stage.items)} items, content {_mean([stage.cold]):.4f}; by events {shown}")
    ratio = float(np.mean([trial.ratio for trial in trials]))
    return [_row(count, parts, ratio) for count, parts in found.items()]


class _Stage:
    """One split's items, judges and reserves."""

    def __init__(self, trial: Trial, trained: Trained) -> None:
        likes = trial.test.likes
        self.items = np.flatnonzero(np.asarray(likes.sum(axis=0)).ravel() >= FEWEST)
        if not len(self.items):
            raise NothingLeft(f"none of the {len(trial.test.item_ids):,} test items of split {trial.seed} has {FEWEST} likes")
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
        self._hidden: BoolArray = self._reserve.toarray() > 0
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
            return np.where(self._hidden[rows], -np.inf, users[rows] @ embeddings.T).astype(np.float32)

        listed: Scores = scores
        return rank(listed, self._ids, self._judged, self._user_ids)


def _without_content(trial: Trial, trained: Trained) -> dict[str, FloatArray]:
    """The same update for who knows of content only how popular it is: every item starts from the mean of all."""
    fold, learned = FoldIn(trained.fold_in), trained.item_embeddings
    nothing = np.zeros_like(learned)
    nothing[:, -1] = learned[:, -1]
    held = HeldOut(np.arange(len(learned)), nothing, learned)
    return fit_thawing(trial.job.warm.likes, read_users(fold, fold.base(trained.user_embeddings), learned), held)


def _mean(rankings: Sequence[Ranking]) -> float:
    return float(np.mean([mean_ndcg(ranking) for ranking in rankings]))


def _row(count: int, parts: Sequence[tuple[Ranking, Ranking, Ranking]], ratio: float) -> Row:
    thawed, content, audience = zip(*parts, strict=True)
    pairs = [[Pair(one, other) for one, other in zip(thawed, others, strict=True)] for others in (content, audience)]
    differences = [difference(found, ratio=ratio) for found in pairs]
    return Row(count, _mean(thawed), _mean(content), _mean(audience), differences[0], differences[1])

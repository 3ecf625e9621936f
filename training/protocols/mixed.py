"""
`mixed`: warm and cold items in one list, and what a larger share of cold ones costs.

A tenth of each user's likes of warm items is held out of training; the candidates are all warm items that training
did not show the user, and the test items. What cold items are worth beside warm ones is tau: a list's score is
`u . e + tau x sigma_u` for a cold item (`training.cold_share`). For each share of cold items that one may want, tau is
chosen with the validation items as the cold ones.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from model.content import FloatArray
from model.score_deviations import score_deviations
from training.cold_share import find_taus
from training.dataset import ColdData, WarmData, entries, keep_entries
from training.metrics import mean_ndcg
from training.progress import Reporter
from training.protocols.trial import Trial
from training.ranking import Ranking, rank
from training.recipes.embed import embed_all
from training.recipes.thaw import train_thaw
from training.recipes.thaw_numbers import ThawNumbers
from training.recipes.trained import Trained

LIKES_HELD_OUT = 0.1


@dataclass(frozen=True, slots=True)
class Row:
    """Lists with about so many cold items."""

    wanted_share: str
    tau: float
    cold_share: float
    """Of the first 20, the mean over users, on the test items."""
    ndcg: float
    """NDCG@20 with all held-out likes, warm and cold."""
    warm_ndcg: float
    """NDCG@20 of the same lists with the held-out likes of warm items alone."""
    cold_ndcg: float
    """The same with those of cold items alone."""


def compare(trials: Sequence[Trial], reporter: Reporter) -> list[Row]:
    """The factors' own list of warm items, then the mixed list for each share that the validation items of all splits reach."""
    found: dict[str, list[Row]] = {}
    for trial in trials:
        for row in _rows(trial):
            found.setdefault(row.wanted_share, []).append(row)
            reporter.say(f"split {trial.seed}, cold share {row.wanted_share}: {row.ndcg:.4f}, warm {row.warm_ndcg:.4f}")
    return [_averaged(name, rows) for name, rows in found.items() if len(rows) == len(trials)]


def _rows(trial: Trial) -> list[Row]:
    lists = _train(trial)
    validation, test = lists.cold(trial.job.cold), lists.cold(trial.test)
    rows = [lists.factors_alone(), lists.row("warm items alone", test, -np.inf), lists.row("tau 0", test, 0.0)]
    for share, tau in lists.taus(validation).items():
        rows.append(lists.row(f"{share:.0%}", test, tau))
    return rows


@dataclass(frozen=True, slots=True)
class _Cold:
    """Cold candidates beside the warm ones."""

    data: ColdData
    embeddings: FloatArray


@dataclass(frozen=True, slots=True)
class _Lists:
    """Mixed lists of one split."""

    warm: WarmData
    """What was trained on: likes and interactions without those that are held out."""
    held: sp.csr_array
    """(U, I): likes that are held out."""
    trained: Trained
    deviations: FloatArray
    """(U, 1): how widely each user's scores of warm items are spread."""

    def cold(self, data: ColdData) -> _Cold:
        return _Cold(data, embed_all(self.trained.mamex, data.features))

    def row(self, name: str, cold: _Cold, tau: float) -> Row:
        ranking = self._rank(cold, tau)
        warm_count = self.held.shape[1]
        return Row(
            name,
            tau,
            float((ranking.top[:, :20] >= warm_count).mean()),
            mean_ndcg(ranking),
            _part(ranking, slice(0, warm_count)),
            _part(ranking, slice(warm_count, None)),
        )

    def taus(self, cold: _Cold) -> dict[float, float]:
        """By share, those that were reached."""
        users, items = self.trained.user_embeddings, self.trained.item_embeddings
        return find_taus(users, self.warm, items, cold.embeddings)

    def factors_alone(self) -> Row:
        """The teacher's own list of warm items, without popularity's coordinate."""
        users, items = self.trained.user_embeddings[:, :-1], self.trained.item_embeddings[:, :-1]

        def scores(rows: NDArray[np.intp]) -> FloatArray:
            return np.where(entries(self.warm.seen[rows]), -np.inf, users[rows] @ items.T).astype(np.float32)

        value = mean_ndcg(rank(scores, self.warm.item_ids, self.held))
        return Row("the factors' own warm items", -np.inf, 0.0, value, value, 0.0)

    def _rank(self, cold: _Cold, tau: float) -> Ranking:
        users, items = self.trained.user_embeddings, self.trained.item_embeddings

        def scores(rows: NDArray[np.intp]) -> FloatArray:
            warm = np.where(entries(self.warm.seen[rows]), -np.inf, users[rows] @ items.T)
            new = users[rows] @ cold.embeddings.T + tau * self.deviations[rows]
            return np.concatenate([warm, new], axis=1).astype(np.float32)

        ids = [*self.warm.item_ids, *cold.data.item_ids]
        return rank(scores, ids, sp.csr_array(sp.hstack([self.held, cold.data.likes])))


def _train(trial: Trial) -> _Lists:
    """Holds likes out, and trains on the others."""
    warm = trial.job.warm
    likes, held = hold_likes_out(warm.likes, np.random.default_rng([trial.seed, 5]))
    trained = train_thaw(replace(trial.job, warm=replace(warm, likes=likes)), ThawNumbers())
    trained_on = replace(warm, likes=likes, seen=_without(warm.seen, held))
    deviations = score_deviations(trained.user_embeddings, np.cov(trained.item_embeddings.T, bias=True))
    return _Lists(trained_on, held, trained, deviations[:, None].astype(np.float32))


def _without(seen: sp.csr_array, held: sp.csr_array) -> sp.csr_array:
    """(U, I): 1 where the first has an entry and the second has none."""
    ones = sp.csr_array((np.ones(seen.nnz, np.float32), seen.indices, seen.indptr), shape=seen.shape)
    kept = sp.csr_array(ones - ones.multiply(held.astype(np.bool_)))
    kept.eliminate_zeros()
    return kept


def hold_likes_out(likes: sp.csr_array, random: np.random.Generator) -> tuple[sp.csr_array, sp.csr_array]:
    """Each user's likes in two, about a tenth of them in the second; nobody is left without any in the first."""
    out = random.random(likes.nnz) < LIKES_HELD_OUT
    first = likes.indptr[:-1][np.diff(likes.indptr) > 0]
    out[first] = False
    return keep_entries(likes, ~out), keep_entries(likes, out)


def _part(ranking: Ranking, columns: slice) -> float:
    """NDCG@20 of the same lists, judged by some candidates' likes alone, over the users that have any."""
    kept = sp.csr_array(ranking.likes[:, columns])
    judged = np.flatnonzero(np.diff(kept.indptr))
    start = columns.start or 0
    stop = ranking.likes.shape[1] if columns.stop is None else columns.stop
    inside = (ranking.top >= start) & (ranking.top < stop) & ranking.liked
    people = [ranking.user_ids[row] for row in judged.tolist()]
    return mean_ndcg(Ranking(judged, ranking.top[judged], inside[judged], kept[judged], people))


def _averaged(name: str, rows: Sequence[Row]) -> Row:
    columns = ("tau", "cold_share", "ndcg", "warm_ndcg", "cold_ndcg")
    return Row(name, *(float(np.mean([getattr(row, column) for row in rows])) for column in columns))

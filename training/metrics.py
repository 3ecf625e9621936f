"""
Recall@k, NDCG@k and HR@k of rankings.

Source: Järvelin and Kekäläinen, "Cumulated Gain-based Evaluation of IR Techniques", TOIS 2002, with gain 1
    for a positive; the ideal ranking holds min(k, positives) of them. Recall is hits over all positives, HR is
    whether there is any hit.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from model.content import FloatArray
from training.dataset import entries, entry_places, keep_entries
from training.ranking import Ranking, best_lists, order_ties, which_liked

CUTOFFS = (10, 20, 50)


@dataclass(frozen=True, slots=True)
class UserMetrics:
    """Metrics of each user that has a positive among the candidates."""

    users: NDArray[np.intp]
    """(N,) rows of the users."""
    values: dict[str, NDArray[np.float64]]
    """By name, such as `ndcg@20`, (N,)."""

    def means(self) -> dict[str, float]:
        """The mean over users of each metric."""
        return {name: float(values.mean()) for name, values in self.values.items()}

    def standard_errors(self) -> dict[str, float]:
        """Of the means, as `ndcg@20_stderr`."""
        return {f"{name}_stderr": float(values.std() / np.sqrt(len(values))) for name, values in self.values.items()}


def metrics(ranking: Ranking, cutoffs: Sequence[int] = CUTOFFS) -> dict[str, NDArray[np.float64]]:
    """Recall, NDCG and HR of each judged user, by name, (N,); see `list_metrics`."""
    return list_metrics(ranking.liked, np.diff(ranking.likes.indptr), cutoffs)


def mean_ndcg(ranking: Ranking, k: int = 20) -> float:
    """NDCG@k, the mean over the judged users."""
    return float(metrics(ranking, (k,))[f"ndcg@{k}"].mean())


def coverage(ranking: Ranking, k: int = 20) -> float:
    """The share of candidates that stand in any user's first k."""
    return float(len(np.unique(ranking.top[:, :k])) / max(1, ranking.likes.shape[1]))


def rank_metrics(
    users: FloatArray,
    items: FloatArray,
    item_ids: Sequence[str],
    likes: sp.csr_array,
    *,
    excluded: sp.csr_array | None = None,
    cutoffs: Sequence[int] = CUTOFFS,
) -> UserMetrics:
    """
    How well inner products rank each user's positives among all the items: `metrics` of `rank`, for lists no longer than
    the cutoffs need.

    Args:
        users: (U, D) embeddings.
        items: (I, D) embeddings of the candidates.
        likes: (U, I), an entry above 0 for a positive.
        excluded: (U, I), an entry wherever an item is no candidate for a user; such positives do not count.
    """
    order = order_ties(item_ids)
    positives, ordered = _positives(likes, excluded)[:, order], items[order]
    hidden = None if excluded is None else excluded[:, order]
    judged = np.flatnonzero(np.diff(positives.indptr))

    def scores(rows: NDArray[np.intp]) -> FloatArray:
        found = users[rows] @ ordered.T
        return found if hidden is None else np.where(entries(hidden[rows]), np.float32(-np.inf), found)

    hits = which_liked(positives[judged], best_lists(scores, judged, max(cutoffs)))
    return UserMetrics(judged, list_metrics(hits, np.diff(positives.indptr)[judged], cutoffs))


def _positives(likes: sp.csr_array, excluded: sp.csr_array | None) -> sp.csr_array:
    """The entries above 0 that are not excluded."""
    kept = likes.data > 0
    if excluded is not None:
        kept &= ~np.isin(entry_places(likes), entry_places(excluded))
    return likes if kept.all() else keep_entries(likes, kept)


def list_metrics(
    hits: NDArray[np.bool_], positives: NDArray[np.integer], cutoffs: Sequence[int]
) -> dict[str, NDArray[np.float64]]:
    """
    Recall, NDCG and HR by name, (N,) each.

    Args:
        hits: (N, K) whether each entry of a list is a positive, best first; lists as long as the longest cutoff, or as
            there are candidates.
        positives: (N,) how many each user has, 1 or more.
    """
    discount = 1 / np.log2(np.arange(2, max(cutoffs) + 2))
    ideal = np.concatenate([[0.0], discount.cumsum()])
    values = {}
    for k in cutoffs:
        top = hits[:, :k].astype(np.float64)
        values[f"recall@{k}"] = top.sum(axis=1) / positives
        values[f"ndcg@{k}"] = (top * discount[: top.shape[1]]).sum(axis=1) / ideal[np.minimum(positives, k)]
        values[f"hr@{k}"] = top.any(axis=1).astype(np.float64)
    return values

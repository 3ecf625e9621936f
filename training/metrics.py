"""
Recall@k, NDCG@k and HR@k of rankings of cold items.

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
from model.ties import tie_key

CUTOFFS = (10, 20, 50)
_CHUNK = 512


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
    How well inner products rank each user's positives among all the items.

    Equal scores are ordered by a hash of the item id, as the service orders them.

    Args:
        users: (U, D) embeddings.
        items: (I, D) embeddings of the candidates.
        likes: (U, I), an entry above 0 for a positive.
        excluded: (U, I), an entry wherever an item is no candidate for a user; such positives do not count.
    """
    order = np.array(sorted(range(len(item_ids)), key=lambda row: tie_key(item_ids[row])), np.intp)
    ranked = np.flatnonzero(np.diff(likes.indptr))
    found: list[dict[str, NDArray[np.float64]]] = []
    kept: list[NDArray[np.intp]] = []
    for start in range(0, len(ranked), _CHUNK):
        rows = ranked[start : start + _CHUNK]
        gains = likes[rows].toarray()[:, order] > 0  # (C, I), columns in the order of ties
        scores = users[rows] @ items[order].T
        if excluded is not None:
            hidden = entries(excluded[rows])[:, order]
            scores[hidden], gains = -np.inf, gains & ~hidden
        judged = gains.any(axis=1)
        hits = np.take_along_axis(gains[judged], best_columns(scores[judged], max(cutoffs)), axis=1)
        found.append(list_metrics(hits, gains[judged].sum(axis=1), cutoffs))
        kept.append(rows[judged])
    names = [f"{metric}@{k}" for metric in ("recall", "ndcg", "hr") for k in cutoffs]
    values = {name: np.concatenate([part[name] for part in found]) if found else np.zeros(0) for name in names}
    return UserMetrics(np.concatenate(kept) if kept else np.zeros(0, np.intp), values)


def best_columns(scores: FloatArray, k: int) -> NDArray[np.intp]:
    """(C, min(k, I)) columns of the highest scores, best first; the leftmost of equal ones comes first."""
    return np.stack([_best_of(row, k) for row in scores]) if len(scores) else np.zeros((0, k), np.intp)


def _best_of(scores: FloatArray, k: int) -> NDArray[np.intp]:
    k = min(k, len(scores))
    threshold = np.partition(scores, len(scores) - k)[len(scores) - k]
    reached = np.flatnonzero(scores >= threshold)
    return reached[np.argsort(-scores[reached], kind="stable")][:k]


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


def entries(matrix: sp.csr_array) -> NDArray[np.bool_]:
    """Which cells have an entry, explicit zeros included."""
    mask = np.zeros(matrix.shape, np.bool_)
    mask[np.repeat(np.arange(matrix.shape[0]), np.diff(matrix.indptr)), matrix.indices] = True
    return mask

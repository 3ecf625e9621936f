"""A method's lists for all users, short enough to keep, and what they are worth."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from model.content import FloatArray
from model.features import Features
from model.ties import tie_key
from training.metrics import CUTOFFS, best_columns, list_metrics

DEPTH = 80
"""How long the kept lists are: every cutoff still has its items when a bootstrap draws some twice and some never."""
_CHUNK = 512

Scores: TypeAlias = Callable[[NDArray[np.intp]], FloatArray]
"""Rows of U users to their (B, C) scores of all C candidates, -inf for one that is none for them."""
Ranker: TypeAlias = Callable[[Features], Scores]
"""A fitted method: features of the candidates to scores."""


def by_factors(users: FloatArray, items: Callable[[Features], FloatArray]) -> Ranker:
    """
    A ranker by inner products.

    Args:
        users: (U, D).
        items: from features to (C, D).
    """

    def rank(features: Features) -> Scores:
        embedded = items(features)
        return lambda rows: users[rows] @ embedded.T

    return rank


@dataclass(frozen=True, slots=True)
class Ranking:
    """The best candidates of each user that is judged."""

    users: NDArray[np.intp]
    """(N,) rows of the users that like any candidate."""
    top: NDArray[np.int32]
    """(N, DEPTH) columns of candidates, best first; fewer where there are fewer."""
    liked: NDArray[np.bool_]
    """(N, DEPTH): whether the user likes it."""
    likes: sp.csr_array
    """(N, C)."""
    user_ids: Sequence[str]
    """Of the N users: who is the same person in another split."""


def rank(scores: Scores, item_ids: Sequence[str], likes: sp.csr_array, user_ids: Sequence[str] = ()) -> Ranking:
    """
    Lists for all users that like any candidate; equal scores are ordered by a hash of the item id.

    Args:
        likes: (U, C), an entry above 0 for a positive.
        user_ids: of the U users; where none are given a row is a person.
    """
    order = np.array(sorted(range(len(item_ids)), key=lambda row: tie_key(item_ids[row])), np.intp)
    users = np.flatnonzero(np.diff(likes.indptr))
    tops = [np.zeros((0, min(DEPTH, len(item_ids))), np.int32)]
    for start in range(0, len(users), _CHUNK):
        found = scores(users[start : start + _CHUNK])[:, order]
        tops.append(order[best_columns(found, DEPTH)].astype(np.int32))
    top, kept = np.concatenate(tops), likes[users]
    people = [user_ids[row] if user_ids else str(row) for row in users.tolist()]
    return Ranking(users, top, liked_of(kept, top), kept, people)


def liked_of(likes: sp.csr_array, top: NDArray[np.int32]) -> NDArray[np.bool_]:
    """Which entries of (N, K) lists are liked, by (N, C) likes."""
    found = [np.isin(top[row], likes.indices[likes.indptr[row] : likes.indptr[row + 1]]) for row in range(len(top))]
    return np.stack(found) if found else np.zeros(top.shape, np.bool_)


def metrics(ranking: Ranking, cutoffs: Sequence[int] = CUTOFFS) -> dict[str, NDArray[np.float64]]:
    """Recall, NDCG and HR of each judged user, by name, (N,); see `list_metrics`."""
    return list_metrics(ranking.liked, np.diff(ranking.likes.indptr), cutoffs)


def coverage(ranking: Ranking, k: int = 20) -> float:
    """The share of candidates that stand in any user's first k."""
    return float(len(np.unique(ranking.top[:, :k])) / max(1, ranking.likes.shape[1]))

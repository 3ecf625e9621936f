"""Lists of the best candidates for each user, equal scores ordered as the service orders them."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from model.content import FloatArray
from model.features import Features
from model.ties import tie_key
from training.dataset import entries

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
        likes: (U, C), an entry for a positive.
        user_ids: of the U users; where none are given a row is a person.
    """
    order = order_ties(item_ids)
    users = np.flatnonzero(np.diff(likes.indptr))
    top = order[best_lists(lambda rows: scores(rows)[:, order], users, min(DEPTH, len(item_ids)))].astype(np.int32)
    people = [user_ids[row] if user_ids else str(row) for row in users.tolist()]
    return Ranking(users, top, which_liked(likes[users], top), likes[users], people)


def order_ties(item_ids: Sequence[str]) -> NDArray[np.intp]:
    """(C,) the candidates' columns as those of equal score follow each other, in the service too."""
    return np.array(sorted(range(len(item_ids)), key=lambda row: tie_key(item_ids[row])), np.intp)


def best_lists(scores: Scores, users: NDArray[np.intp], k: int) -> NDArray[np.intp]:
    """(N, min(k, C)) columns of the N users' highest scores, best first; the leftmost of equal ones comes first."""
    parts = [best_columns(scores(users[start : start + _CHUNK]), k) for start in range(0, len(users), _CHUNK)]
    return np.concatenate(parts) if parts else np.zeros((0, k), np.intp)


def best_columns(scores: FloatArray, k: int) -> NDArray[np.intp]:
    """(C, min(k, I)) columns of the highest scores, best first; the leftmost of equal ones comes first."""
    return np.stack([_best_of(row, k) for row in scores]) if len(scores) else np.zeros((0, k), np.intp)


def _best_of(scores: FloatArray, k: int) -> NDArray[np.intp]:
    k = min(k, len(scores))
    threshold = np.partition(scores, len(scores) - k)[len(scores) - k]
    reached = np.flatnonzero(scores >= threshold)
    return reached[np.argsort(-scores[reached], kind="stable")][:k]


def which_liked(likes: sp.csr_array, top: NDArray[np.integer]) -> NDArray[np.bool_]:
    """Which entries of (N, K) lists are liked, by (N, C) likes, an entry for each."""
    chunks = [slice(start, start + _CHUNK) for start in range(0, len(top), _CHUNK)]
    found = [np.take_along_axis(entries(likes[chunk]), top[chunk], axis=1) for chunk in chunks]
    return np.concatenate(found) if found else np.zeros(top.shape, np.bool_)

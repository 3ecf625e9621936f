"""The users who are most likely to want an item."""

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from model.content import FloatArray
from model.ties import tie_key
from service.index.moments import Moments
from service.index.protocol import Index
from service.lists.served_embedding import served_embedding
from service.space import Space
from service.store.store import Store
from service.thawing.ledger import Ledger


@dataclass(frozen=True, slots=True)
class Listener:
    """A user of an audience."""

    user_id: str
    relevance: float
    """The item's score, as deviations from the mean of this user's scores over the catalogue."""


@dataclass(frozen=True, slots=True)
class _Crowd:
    """Some users, and how each one's scores over the catalogue lie."""

    user_ids: Sequence[str]
    rows_of: Callable[[Iterable[str]], list[int]]
    """Rows of those of some users who are among these."""
    embeddings: FloatArray
    """(U, D)."""
    moments: Moments
    mean_scores: NDArray[np.float64]
    deviations: NDArray[np.float64]

    def best(self, embedding: FloatArray, k: int, out: Collection[str]) -> list[Listener]:
        """The k users to whom an item is most relevant, and all who tie with the last of them; users in `out` are left out."""
        k = min(k, len(self.user_ids))
        if k == 0:
            return []
        relevances = (self.embeddings @ embedding - self.mean_scores) / self.deviations
        relevances[self.rows_of(out)] = -np.inf
        floor = np.partition(relevances, -k)[-k]
        rows: list[int] = np.flatnonzero((relevances >= floor) & (relevances > -np.inf)).tolist()
        return [Listener(self.user_ids[row], float(relevances[row])) for row in rows]


class Audience:
    """
    Ranks users for an item by how far its score stands out among each user's own scores.

    A user whom events moved lies where they put it, any other user of the checkpoint where training did. What training
    knew of an erased user is not used.
    """

    def __init__(self, space: Space, store: Store, index: Index, ledger: Ledger) -> None:
        self._space, self._store, self._index, self._ledger = space, store, index, ledger
        self._kept: _Crowd | None = None

    def users(self, item_id: str, k: int, *, exclude_seen: bool) -> list[Listener]:
        """
        The k users who want an item most, the likeliest first; none where the item has no embedding.

        Users of equal relevance are ordered by a hash of their ids.

        Raises:
            UnknownItem: no such item was posted.
        """
        embedding = served_embedding(self._space, self._store, self._index, item_id)
        if embedding is None:
            return []
        seen = self._seen_by(item_id) if exclude_seen else set()
        moved, erased = self._moved(), self._ledger.tables.erased
        found = [
            *self._trained().best(embedding, k, seen.union(erased, moved.user_ids)),
            *moved.best(embedding, k, seen),
        ]
        return sorted(found, key=lambda one: (-one.relevance, tie_key(one.user_id)))[:k]

    def _seen_by(self, item_id: str) -> set[str]:
        """Those who had the item in training, or did more with it than look since."""
        trained = {self._space.user_ids[row] for row in self._space.users_of(item_id).tolist()}
        return (trained - self._ledger.tables.erased) | self._ledger.tables.actors(item_id)

    def _trained(self) -> _Crowd:
        """The users of the checkpoint; how their scores lie is computed anew when the catalogue has changed."""
        moments, kept = self._index.moments(), self._kept
        if kept is None or kept.moments is not moments:
            space = self._space
            kept = self._kept = _crowd(space.user_ids, space.rows_of, space.user_embeddings, moments)
        return kept

    def _moved(self) -> _Crowd:
        user_ids, embeddings = self._ledger.moved()
        rows = {user_id: row for row, user_id in enumerate(user_ids)}
        return _crowd(user_ids, lambda some: [rows[one] for one in some if one in rows], embeddings, self._index.moments())


def _crowd(
    user_ids: Sequence[str], rows_of: Callable[[Iterable[str]], list[int]], embeddings: FloatArray, moments: Moments
) -> _Crowd:
    return _Crowd(user_ids, rows_of, embeddings, moments, moments.mean_scores(embeddings), moments.deviations(embeddings))

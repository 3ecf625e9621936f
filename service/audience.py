"""The users who are most likely to want an item."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from model.ties import tie_key
from service.errors import UnknownItem
from service.index.moments import Moments
from service.index.protocol import Index
from service.ledger import Ledger
from service.space import Space
from service.store.store import Store


@dataclass(frozen=True, slots=True)
class Listener:
    """A user of an audience."""

    user_id: str
    relevance: float
    """The item's score, as deviations from the mean of this user's scores over the catalogue."""


class Audience:
    """Ranks the users of the checkpoint for an item, each measured against its own scores; never one who was erased."""

    def __init__(self, space: Space, store: Store, index: Index, ledger: Ledger) -> None:
        self._space, self._store, self._index, self._ledger = space, store, index, ledger
        self._scales: tuple[Moments, NDArray[np.float64], NDArray[np.float64]] | None = None

    def users(self, item_id: str, k: int, *, exclude_seen: bool) -> list[Listener]:
        """
        The k users who want an item most, the likeliest first; none where the item has no embedding.

        Users of equal relevance are ordered by a hash of their ids.

        Raises:
            UnknownItem: no such item was posted.
        """
        item = self._store.get(item_id, self._space.version)
        if item is None:
            raise UnknownItem(item_id)
        held = self._index.get([item_id])
        if not held and item.embedding is None:
            return []
        embedding = held[0].embedding if held else item.embedding.vector  # type: ignore[union-attr]  # one of them is there
        users, (middles, spreads) = self._space.user_embeddings, self._scale()
        relevances = (users @ embedding - middles) / spreads
        relevances[self._space.rows_of(self._ledger.erased)] = -np.inf
        if exclude_seen:
            relevances[self._space.users_of(item_id)] = -np.inf
        return self._best(relevances, k)

    def _scale(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """(U,) mean and deviation of each user's scores; computed anew when the catalogue has changed."""
        moments, kept = self._index.moments(), self._scales
        if kept is None or kept[0] is not moments:
            users = self._space.user_embeddings
            kept = self._scales = (moments, moments.middle(users), moments.spread(users))
        return kept[1], kept[2]

    def _best(self, relevances: NDArray[np.float64], k: int) -> list[Listener]:
        k = min(k, len(relevances))
        if k == 0:
            return []
        floor = np.partition(relevances, -k)[-k]
        rows: list[int] = np.flatnonzero((relevances >= floor) & (relevances > -np.inf)).tolist()
        found = [Listener(self._space.user_ids[row], float(relevances[row])) for row in rows]
        return sorted(found, key=lambda one: (-one.relevance, tie_key(one.user_id)))[:k]

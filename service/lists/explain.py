"""Why an item is in a list: how it was fused, and what of the user's own history it is near to."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from model.content import FloatArray
from service.index.protocol import Index
from service.space import Space
from service.store.store import Store
from service.users.history import History

_NEAREST = 3
_SMALLEST = 1e-12


@dataclass(frozen=True, slots=True)
class Near:
    """An item of the user's history that an item is near to."""

    item_id: str
    cosine: float


@dataclass(frozen=True, slots=True)
class Explanation:
    """What stands behind one item of a list."""

    fusion: Mapping[str, Any]
    """Gate weights and experts, as `ItemFusion` has them."""
    nearest: Sequence[Near]
    """Of the user's history, the nearest first."""


class Explainer:
    """Explains lists after they are made; a list is the same with and without it."""

    def __init__(self, space: Space, store: Store, index: Index) -> None:
        self._space, self._store, self._index = space, store, index

    def explain(self, item_ids: Sequence[str], history: History) -> list[Explanation]:
        """One for each item of a list, in order; an empty one for an item that has gone since."""
        stored = self._store.embeddings_of(item_ids, self._space.version)
        served = {entry.item_id: entry.embedding for entry in self._index.get(item_ids)}
        past = _directions(history.anchors[:, : self._space.taste_width])
        return [
            Explanation(
                stored[item_id].fusion if item_id in stored else {},
                self._nearest(served.get(item_id), history, past),
            )
            for item_id in item_ids
        ]

    def _nearest(self, embedding: FloatArray | None, history: History, past: FloatArray) -> list[Near]:
        if embedding is None or not len(past):
            return []
        cosines = past @ _directions(embedding[None, : self._space.taste_width])[0]
        best = np.argsort(-cosines, kind="stable")[:_NEAREST]
        return [Near(history.item_ids[at], round(float(cosines[at]), 4)) for at in best]


def _directions(rows: FloatArray) -> FloatArray:
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    return np.asarray(rows / np.maximum(lengths, _SMALLEST), np.float32)

"""Somebody whom nobody knows, by what it did: folded in from anchors for one list, and forgotten."""

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np

from model.content import FloatArray
from service.space import Space
from service.store.store import Store
from service.thawing.reactions import strongest

Weigh: TypeAlias = Callable[[str, float | None], float]
"""How many likes an event of a type and a value is worth."""


@dataclass(frozen=True, slots=True)
class Deed:
    """One event of a history."""

    item_id: str
    event_type: str = "like"
    value: float | None = None
    weight: float | None = None
    """In likes, in place of what the type is worth."""


@dataclass(frozen=True, slots=True)
class History:
    """What somebody liked."""

    item_ids: Sequence[str]
    anchors: FloatArray
    """(H, D)."""


@dataclass(frozen=True, slots=True)
class Folded:
    """Where a history puts somebody."""

    vector: FloatArray
    """(D,) float32."""
    space: str
    source: str
    """`history`; `prior` where no item of it says anything."""
    liked: History
    unknown_item_ids: Sequence[str]
    """Items that were neither posted nor trained on."""


class Histories:
    """Folds as users fold in: from anchors, in closed form, on top of the prior user's taste."""

    def __init__(self, space: Space, store: Store, weigh: Weigh) -> None:
        self._space, self._store, self._weigh = space, store, weigh

    def fold(self, deeds: Sequence[Deed]) -> Folded:
        """
        Args:
            deeds: in the order in which they happened.

        Raises:
            EventError: one has an unknown type, or lacks its value.
        """
        weights = self._weights(deeds)
        anchors = self._anchors(list(weights))
        unknown = [item_id for item_id in weights if item_id not in anchors]
        said = [item_id for item_id, weight in weights.items() if weight and item_id in anchors]
        if not said:
            return Folded(
                self._space.prior_user,
                self._space.version,
                "prior",
                History([], np.zeros((0, self._space.tower.width), np.float32)),
                unknown,
            )
        rows = np.stack([anchors[item_id] for item_id in said])
        told = np.array([weights[item_id] for item_id in said], np.float64)
        fold_in = self._space.fold_in
        tastes = fold_in.fold(fold_in.prior, told[None], fold_in.steps(rows))
        liked = History([item_id for item_id in said if weights[item_id] > 0], rows[told > 0])
        return Folded(fold_in.place(tastes)[0], self._space.version, "history", liked, unknown)

    def _weights(self, deeds: Sequence[Deed]) -> dict[str, float]:
        """In likes, by item."""
        said: defaultdict[str, list[tuple[float, float]]] = defaultdict(list)
        for place, deed in enumerate(deeds):
            weight = self._weigh(deed.event_type, deed.value) if deed.weight is None else deed.weight
            said[deed.item_id].append((float(place), weight))  # the place in the history stands for the moment
        return {item_id: strongest(events)[0] for item_id, events in said.items()}

    def _anchors(self, item_ids: Sequence[str]) -> dict[str, FloatArray]:
        """(D,) by item id: learned ones of warm items, be they posted or not, else content embeddings of posted ones."""
        learned = self._space.anchors.learned(item_ids)
        others = [item_id for item_id in item_ids if item_id not in learned]
        stored = self._store.embeddings_of(others, self._space.version) if others else {}
        return learned | {item_id: embedding.vector for item_id, embedding in stored.items()}

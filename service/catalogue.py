"""The index, derived from the store: built from it at start, then led along by every change."""

from collections.abc import Sequence

import numpy as np
import structlog

from model.content import BoolArray, FloatArray
from model.features import Features, rows_of_bytes
from service.fusion import describe_fusion
from service.index.protocol import Entry, Index
from service.space import Space
from service.store.records import Change, Put, StoredEmbedding, StoredItem
from service.store.store import Store

COLD = "cold"
_log = structlog.get_logger(__name__)


class Catalogue:
    """Keeps an index equal to what the store holds in one space."""

    def __init__(self, space: Space, index: Index) -> None:
        self._space, self._index = space, index
        self.unplaced = 0
        """Items that cannot be served: their features are of encoders that this checkpoint does not read."""

    def apply(self, changes: Sequence[Change]) -> None:
        """Brings the index to where the store is; called in commit order, by one thread at a time."""
        last = {change.item.item_id if isinstance(change, Put) else change.item_id: change for change in changes}
        puts = [change.item for change in last.values() if isinstance(change, Put)]
        self._index.remove([item_id for item_id, change in last.items() if not isinstance(change, Put)])
        self._index.put(self._entry(item.item_id, item.embedding.vector) for item in puts if item.embedding is not None)

    def build(self, store: Store) -> None:
        """Embeds what has no embedding in this space yet, then fills the index; before anyone searches."""
        for items in store.without_embedding(self._space.version):
            embedded = self._embed(items)
            self.unplaced += len(items) - len(embedded)
            store.put_embeddings(embedded)
        for ids, vectors in store.embeddings(self._space.version):
            self._index.put(self._entry(item_id, vector) for item_id, vector in zip(ids, vectors, strict=True))
        store.drop_other_spaces(self._space.version)
        _log.info("index built", items=len(self._index), cold=self._index.count(COLD), unplaced=self.unplaced)

    def _embed(self, items: Sequence[StoredItem]) -> dict[str, StoredEmbedding]:
        features = read_features(self._space, items)
        usable: BoolArray = np.asarray(features.present.any(axis=1), np.bool_)
        if not usable.any():
            return {}
        rows = np.flatnonzero(usable)
        embedded = self._space.tower.embed(features.take(rows))
        ids = [item.item_id for item, kept in zip(items, usable, strict=True) if kept]
        anchors = self._space.anchors.place(ids, embedded.embeddings)
        return {
            item_id: StoredEmbedding(
                self._space.version, anchors[at], describe_fusion(self._space.tower, features.present[rows[at]], embedded, at)
            )
            for at, item_id in enumerate(ids)
        }

    def _entry(self, item_id: str, vector: FloatArray) -> Entry:
        tags = frozenset() if self._space.anchors.is_warm(item_id) else frozenset({COLD})
        return Entry(item_id, vector, tags)


def read_features(space: Space, items: Sequence[StoredItem]) -> Features:
    """
    Stored features as the space's network reads them.

    Those of another encoder, or of a modality that it does not read, count as missing.
    """
    columns, specs = [], space.manifest.specs
    for modality, fingerprint in space.tower.fingerprints.items():
        spec = specs[modality]
        rows = [_data(item, modality, fingerprint) for item in items]
        columns.append((rows_of_bytes(rows, spec.dim, sparse=spec.sparse), [data is not None for data in rows]))
    values = tuple(value for value, _ in columns)
    return Features(values, np.array([present for _, present in columns], np.bool_).T)


def _data(item: StoredItem, modality: str, fingerprint: str) -> bytes | None:
    kept = item.features.get(modality)
    return kept.data if kept is not None and kept.fingerprint == fingerprint else None

"""The index, derived from the store: built from it at start, then led along by every change."""

from collections.abc import Sequence

import structlog

from model.content import FloatArray
from service.index.protocol import Entry, Index
from service.placing import embed_stored
from service.space import Space
from service.store.records import Change, Put, StoredItem
from service.store.store import Store

COLD = "cold"
_WARM_TAGS: frozenset[str] = frozenset()
_COLD_TAGS = frozenset({COLD})
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
        entries = {item_id: self._entry_of(change) for item_id, change in last.items()}
        self._index.remove([item_id for item_id, entry in entries.items() if entry is None])
        self._index.put(entry for entry in entries.values() if entry is not None)

    def build(self, store: Store) -> None:
        """Embeds what has no embedding in this space yet, then fills the index; before anyone searches."""
        for items in store.without_embedding(self._space.version):
            embedded = {
                item.item_id: embedding
                for item, embedding in zip(items, embed_stored(self._space, items), strict=True)
                if embedding is not None
            }
            self.unplaced += len(items) - len(embedded)
            store.put_embeddings(embedded)
        for ids, vectors in store.embeddings(self._space.version):
            heads = store.heads(ids)
            placed = [(heads[item_id], vector) for item_id, vector in zip(ids, vectors, strict=True)]
            self._index.put(self._entry(item, vector) for item, vector in placed if not item.hidden)
        store.drop_other_spaces(self._space.version)
        _log.info("index built", items=len(self._index), cold=self._index.count(COLD), unplaced=self.unplaced)

    def _entry_of(self, change: Change) -> Entry | None:
        """What the index holds of an item after a change; None: nothing."""
        if not isinstance(change, Put) or change.item.hidden or change.item.embedding is None:
            return None
        return self._entry(change.item, change.item.embedding.vector)

    def _entry(self, item: StoredItem, vector: FloatArray) -> Entry:
        warm = self._space.anchors.is_warm(item.item_id)
        return Entry(
            item.item_id,
            vector,
            tags=_WARM_TAGS if warm else _COLD_TAGS,
            expires_at=item.expires_at,
            attributes=item.attributes,
            published=item.created_at if item.published_at is None else item.published_at,
            coldness=0.0 if warm else 1.0,
        )

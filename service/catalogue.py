"""The index, derived from the store: built from it at start, then led along by every change."""

from collections.abc import Sequence

import structlog

from service.audiences import Served
from service.index.protocol import Entry, Index
from service.ledger import Ledger
from service.placing import embed_stored
from service.space import Space
from service.store.events import EventLog
from service.store.records import Change, Deleted, Put, StoredItem
from service.store.store import Store

COLD = "cold"
_WARM_TAGS: frozenset[str] = frozenset()
_COLD_TAGS = frozenset({COLD})
_log = structlog.get_logger(__name__)


class Catalogue:
    """Keeps an index equal to what the store holds in one space."""

    def __init__(self, space: Space, index: Index, ledger: Ledger) -> None:
        self._space, self._index, self._ledger = space, index, ledger
        self.unplaced = 0
        """Items that cannot be served: their features are of encoders that this checkpoint does not read."""

    def apply(self, changes: Sequence[Change]) -> None:
        """Brings the index to where the store is; called in commit order, by one thread at a time."""
        with self._ledger.lock:
            self._ledger.apply(changes)
            of_items = [change for change in changes if isinstance(change, (Put, Deleted))]
            last = {change.item.item_id if isinstance(change, Put) else change.item_id: change for change in of_items}
            entries = {item_id: self._entry_of(change) for item_id, change in last.items()}
            self._index.remove([item_id for item_id, entry in entries.items() if entry is None])
            self._index.put(entry for entry in entries.values() if entry is not None)

    def settle(self) -> bool:
        """
        Brings a part of what events moved into the index, in step with `apply`.

        Returns:
            Whether anything is left to do.
        """
        with self._ledger.lock:
            moved = self._ledger.settle()
            self._index.move(moved.item_ids, moved.embeddings, moved.coldness)
            return self._ledger.changed.is_set()

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
        self._ledger.build(EventLog(store))
        for ids, vectors in store.embeddings(self._space.version):
            heads, served = store.heads(ids), self._ledger.serve(ids, vectors)
            rows = [row for row, item_id in enumerate(ids) if not heads[item_id].hidden]
            self._index.put(self._entry(heads[ids[row]], served, row) for row in rows)
        store.drop_other_spaces(self._space.version)
        _log.info("index built", items=len(self._index), cold=self._index.count(COLD), unplaced=self.unplaced)

    def _entry_of(self, change: Change) -> Entry | None:
        """What the index holds of an item after a change; None: nothing."""
        if not isinstance(change, Put) or change.item.hidden or change.item.embedding is None:
            return None
        return self._entry(change.item, self._ledger.serve([change.item.item_id], change.item.embedding.vector[None]), 0)

    def _entry(self, item: StoredItem, served: Served, row: int) -> Entry:
        warm = self._space.anchors.is_warm(item.item_id)
        return Entry(
            item.item_id,
            served.embeddings[row],
            tags=_WARM_TAGS if warm else _COLD_TAGS,
            expires_at=item.expires_at,
            attributes=item.attributes,
            published=item.created_at if item.published_at is None else item.published_at,
            coldness=float(served.coldness[row]),
        )

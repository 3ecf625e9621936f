"""The index, derived from the store: built from it at start, then led along by every change."""

from collections.abc import Callable, Sequence
from dataclasses import replace

import structlog

from service.index.protocol import Entry, Index
from service.items.placing import embed_stored
from service.space import Space
from service.store.event_records import Erased
from service.store.events import EventLog
from service.store.journal import Noted
from service.store.records import Change, Deleted, Put, StoredItem
from service.store.store import Store
from service.thawing.evidence import Served
from service.thawing.ledger import Ledger

_log = structlog.get_logger(__name__)


class Catalogue:
    """Keeps an index equal to what the store holds in one space."""

    def __init__(self, space: Space, index: Index, ledger: Ledger) -> None:
        self.space, self.index, self.ledger = space, index, ledger
        self._unplaced: set[str] = set()

    @property
    def unplaced(self) -> int:
        """How many items cannot be served: their features are of encoders that this checkpoint does not read."""
        return len(self._unplaced)

    def apply(self, changes: Sequence[Change]) -> None:
        """Brings the index to where the store is; called in commit order, by one thread at a time."""
        with self.ledger.lock:
            self.ledger.apply(changes)
            of_items = [change for change in changes if isinstance(change, (Put, Deleted))]
            last = {change.item.item_id if isinstance(change, Put) else change.item_id: change for change in of_items}
            self._unplaced -= last.keys()
            self._unplaced |= {name for name, one in last.items() if isinstance(one, Put) and one.item.embedding is None}
            entries = {item_id: self._entry_of(change) for item_id, change in last.items()}
            self.index.remove([item_id for item_id, entry in entries.items() if entry is None])
            self.index.put(entry for entry in entries.values() if entry is not None)

    def settle(self) -> bool:
        """
        Brings a part of what events moved into the index, in step with `apply`.

        Returns:
            Whether anything is left to do.
        """
        with self.ledger.lock:
            moved = self.ledger.settle()
            self.index.move(moved.item_ids, moved.embeddings, moved.coldness)
            return self.ledger.changed.is_set()

    def build(self, store: Store) -> None:
        """Embeds what has no embedding in this space yet, then fills the index; before anyone searches."""
        self.embed(store)
        self.fill(store)
        store.drop_other_spaces(self.space.version)

    def embed(self, store: Store, advance: Callable[[int], None] = lambda count: None) -> None:
        """
        Embeds what has no embedding in this space yet from its stored features.

        Args:
            advance: told of every so many items that were looked at.
        """
        for items in store.without_embedding(self.space.version):
            placed = self._placed(items)
            self._unplaced.update(item.item_id for item in placed if item.embedding is None)
            store.put_embeddings(placed)
            advance(len(items))

    def fill(self, store: Store) -> None:
        """Fills the ledger and the index from the store; before anyone searches."""
        store.require_width(self.space.version, self.space.tower.width)
        self.ledger.build(EventLog(store))
        for ids, vectors in store.embeddings(self.space.version):
            heads, served = store.heads(ids), self.ledger.serve(ids, vectors)
            rows = [row for row, item_id in enumerate(ids) if item_id in heads and not heads[item_id].hidden]
            self.index.put(self._entry(heads[ids[row]], served, row) for row in rows)
        _log.info("index built", items=len(self.index), cold=self.index.count_cold(), unplaced=self.unplaced)

    def follow(self, store: Store, noted: Noted) -> None:
        """Updates ledger and index from the store for all that was noted, as if each change had come by `apply`."""
        items = store.some(sorted(noted.items), self.space.version)
        placed = self._placed([item for item in items if item.embedding is None])
        store.put_embeddings(placed)
        known = {item.item_id: item for item in [*items, *placed]}
        changes: list[Change] = [Erased(user_id) for user_id in sorted(noted.users)]
        changes += [Put(known[name], created=False) if name in known else Deleted(name, existed=True) for name in noted.items]
        self.apply([*changes, EventLog(store).stand(noted.pairs, self.space.version, self.ledger.trained_through)])

    def put_back(self, store: Store) -> None:
        """Puts items into the index again that left it because they had expired, by a clock that was set back since."""
        early = self.index.expired_early()
        if early:
            with store.paused():
                self.follow(store, Noted(items=set(early)))

    def _placed(self, items: Sequence[StoredItem]) -> list[StoredItem]:
        """The items with their embeddings in this space; None for the embedding of one that it cannot read."""
        return [replace(item, embedding=found) for item, found in zip(items, embed_stored(self.space, items), strict=True)]

    def _entry_of(self, change: Change) -> Entry | None:
        """What the index holds of an item after a change; None: nothing."""
        if not isinstance(change, Put) or change.item.hidden or change.item.embedding is None:
            return None
        return self._entry(change.item, self.ledger.serve([change.item.item_id], change.item.embedding.vector[None]), 0)

    def _entry(self, item: StoredItem, served: Served, row: int) -> Entry:
        return Entry(
            item.item_id,
            served.embeddings[row],
            is_cold=not self.space.anchors.is_warm(item.item_id),
            expires_at=item.expires_at,
            attributes=item.attributes,
            published=item.created_at if item.published_at is None else item.published_at,
            coldness=float(served.coldness[row]),
        )

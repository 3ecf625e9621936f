"""How every user stands to every item by the store's events: from it users fold in and items thaw."""

import threading
import time
from collections.abc import Mapping, Sequence

import numpy as np

from model.content import FloatArray
from service.space import Space
from service.store.event_records import Erased, KeptEvent, KnownItem, Pair, Reacted
from service.store.events import EventLog
from service.store.records import Change, Put
from service.thawing.columns import take_first
from service.thawing.evidence import Served, evidence_of
from service.thawing.ledger_tables import LedgerTables
from service.thawing.pairs import RowIds
from service.thawing.reactions import Rules, react
from service.thawing.refolding import Refolding

_ITEMS_AT_ONCE = 1024


class Ledger:
    """
    A function of the checkpoint and the store's events, kept in memory and led along by every change.
    """

    def __init__(self, space: Space, rules: Rules, trained_through: int) -> None:
        """
        Args:
            trained_through: the number of the store's last event that the space's training saw.
        """
        self.tables = LedgerTables(space)
        self.lock = self.tables.lock
        """Held by whoever calls `apply` or `settle`."""
        self.changed = threading.Event()
        """Set while something waits for `settle`."""
        self.changed_since = 0.0
        """Since when, by the monotonic clock."""
        self.trained_through = trained_through
        """What it was made with: an event up to it counts only where training kept nothing of its pair."""
        self.is_led = True
        """Whether the store's changes still come; once another checkpoint took over, it does not hear of erasures."""
        self._space, self._rules = space, rules
        self._refolding = Refolding(self.tables, space, rules)
        self._stale_items: dict[int, None] = {}

    def progress(self, item_ids: Sequence[str]) -> dict[str, tuple[int, float]]:
        """Of the items that have any: how many events since the checkpoint was trained, and how far they thawed, in [0, 1)."""
        items = self.tables.items
        with self.lock:
            found = {item_id: items.row(item_id) for item_id in item_ids if self.tables.has_events(item_id)}
            rows = np.array(list(found.values()), np.int64)
            shares = self._space.thawing.shares(evidence_of(items, rows)).tolist()
            return dict(zip(found, zip(items["events"][rows].tolist(), shares, strict=True), strict=True))

    def embedding(self, user_id: str) -> tuple[int, FloatArray] | None:
        """A user's number, and where its events put it, (D,); None for a user whom no event moves."""
        with self.lock:
            number, row = self.tables.number(user_id), self.tables.users.row(user_id)
            if not number or row is None:
                return None
            taste = self._refolding.taste(row)
        return number, self._space.fold_in.place(taste)[0]

    def moved(self) -> tuple[list[str], FloatArray]:
        """Ids and (U, D) embeddings of all users whom events move."""
        users = self.tables.users
        with self.lock:
            self._refold_all()
            rows = np.flatnonzero(users["counted"])
            ids = [users.name(row) for row in rows.tolist()]
            tastes = users["reading"][rows] * users["size"][rows, None]
        return ids, self._space.fold_in.place(tastes)

    def serve(self, item_ids: Sequence[str], anchors: FloatArray) -> Served:
        """What the index is to hold of items with (N, D) anchors."""
        served = Served(item_ids, anchors.copy(), self._coldness(item_ids))
        at = [place for place, item_id in enumerate(item_ids) if self.tables.has_events(item_id)]
        if not at:
            return served
        with self.lock:
            rows = np.array([self.tables.items.row(item_ids[place]) for place in at], np.int64)
            moved = self._served([item_ids[place] for place in at], rows, anchors[at])
        served.embeddings[at], served.coldness[at] = moved.embeddings, moved.coldness
        return served

    def build(self, log: EventLog) -> None:
        """Reads all events; items' embeddings in the space must be there."""
        with self.lock:
            self.tables.erase(log.erased())
            items = dict(log.known_items(self._space.version))
            for pair, events in log.pairs(self.trained_through):
                self._write_pair(pair, self._counting(pair, events), items)
            self._refold_all()
            self._stale_items.clear()
            self.changed.clear()

    def apply(self, changes: Sequence[Change]) -> None:
        """Follows the store; called in commit order, with the lock held."""
        for change in changes:
            if isinstance(change, Reacted):
                for pair, events in change.pairs.items():
                    self._write_pair(pair, self._counting(pair, events), change.items)
                for item_id, known in change.items.items():
                    self._place(item_id, known.anchor)
            elif isinstance(change, Erased):
                self._erase(change.user_id)
            elif isinstance(change, Put):
                self._place(change.item.item_id, change.item.embedding.vector if change.item.embedding else None)
            else:
                self._place(change.item_id, None)
        if (self._refolding.waiting or self._stale_items) and not self.changed.is_set():
            self.changed_since = time.monotonic()
            self.changed.set()

    def settle(self) -> Served:
        """
        Refolds some users; when none waits any more, takes some of the items that this moved.

        `changed` is cleared when nothing is left. Called with the lock held.

        Returns:
            What the index is to hold of these items; of none while users are being refolded.
        """
        items, taken = self.tables.items, list[int]()
        if self._refolding.waiting:
            self._refold_some()
        if not self._refolding.waiting or len(self._stale_items) >= _ITEMS_AT_ONCE:
            taken = take_first(self._stale_items, _ITEMS_AT_ONCE)
        if not self._refolding.waiting and not self._stale_items:
            self.changed.clear()
        rows = [row for row in taken if items["known"][row]]
        served = self._served([items.name(row) for row in rows], np.array(rows, np.int64), items["anchor"][rows])
        for row in taken:
            if not self.tables.pairs.count_of_item(row):  # nobody had to do with it after all
                items.drop(row)
        return served

    def _served(self, item_ids: Sequence[str], rows: RowIds, anchors: FloatArray) -> Served:
        evidence, thawing = evidence_of(self.tables.items, rows), self._space.thawing
        return Served(item_ids, thawing.move(anchors, evidence), self._coldness(item_ids) * (1 - thawing.shares(evidence)))

    def _coldness(self, item_ids: Sequence[str]) -> FloatArray:
        return np.array([not self._space.anchors.is_warm(item_id) for item_id in item_ids], np.float32)

    def _counting(self, pair: Pair, events: Sequence[KeptEvent]) -> Sequence[KeptEvent]:
        """The events that are not in the checkpoint already."""
        if not self.trained_through or self.tables.is_erased(pair[0]) or not self._space.is_trained_pair(*pair):
            return events
        return [event for event in events if event.number > self.trained_through]

    def _write_pair(self, pair: Pair, events: Sequence[KeptEvent], known: Mapping[str, KnownItem]) -> None:
        user, item = self.tables.users.row(pair[0]), self.tables.items.row(pair[1])
        row = None if user is None or item is None else self.tables.pairs.find(user, item)
        if row is None and events:
            row = self._add_pair(pair, known)
        if row is not None:
            self._write_row(row, events)

    def _write_row(self, row: int, events: Sequence[KeptEvent]) -> None:
        """What a pair's events come to now."""
        users, items, pairs = self.tables.users, self.tables.items, self.tables.pairs
        user, item = int(pairs["user"][row]), int(pairs["item"][row])
        before = (float(pairs["weight"][row]), float(pairs["moment"][row]), int(pairs["events"][row]))
        after = (0.0, 0.0, 0)
        acted = False
        if events:
            reaction = react(events, self._rules, liked_in_training=bool(pairs["liked"][row]))
            after, acted = (reaction.weight, reaction.moment if reaction.weight else 0.0, reaction.events), reaction.acted
        pairs["weight"][row], pairs["moment"][row], pairs["events"][row] = after
        pairs["acted"][row] = acted
        users["counted"][user] += (after[0] != 0) - (before[0] != 0)
        items["events"][item] += after[2] - before[2]
        for named, at in ((users, user), (items, item)):
            named["pairs"][at] += (after[2] > 0) - (before[2] > 0)
        if before[:2] != after[:2]:
            self.tables.renumber(user)
        self._refolding.add(user)

    def _add_pair(self, pair: Pair, known: Mapping[str, KnownItem]) -> int:
        """A new pair's row."""
        tables = self.tables
        user, item = tables.users.row(pair[0]), tables.items.row(pair[1])
        if user is None:
            user = tables.users.add(pair[0])
        if item is None:
            item = tables.items.add(pair[1])
            tables.items["trained"][item] = self._space.trained_likes(pair[1])
            found = known.get(pair[1])
            self._place(pair[1], None if found is None else found.anchor)
        row = tables.pairs.add(user, item)
        tables.pairs["liked"][row] = not tables.is_erased(pair[0]) and self._space.liked_in_training(*pair)
        return row

    def _place(self, item_id: str, stored: FloatArray | None) -> None:
        """An item has another anchor, or none: whom it moves moves otherwise from now on."""
        items, pairs = self.tables.items, self.tables.pairs
        row = items.row(item_id)
        if row is None:
            return
        anchor = self._space.anchors.learned([item_id]).get(item_id, stored)
        known = items["known"]
        if bool(known[row]) == (anchor is not None) and (anchor is None or np.array_equal(anchor, items["anchor"][row])):
            return
        known[row] = anchor is not None
        if anchor is not None:
            items["anchor"][row] = anchor
            items["step"][row] = self._space.fold_in.steps(anchor[None])[0]
        self._stale_items[row] = None
        rows = pairs.of_item(row)
        for user in pairs["user"][rows[pairs["weight"][rows] != 0]].tolist():
            self.tables.renumber(user)
            self._refolding.add(user)

    def _erase(self, user_id: str) -> None:
        self.tables.erase([user_id])
        user, pairs = self.tables.users.row(user_id), self.tables.pairs
        if user is not None:
            rows = pairs.of_user(user)
            for row in rows.tolist():
                self._write_row(row, [])
            pairs["liked"][rows] = False

    def _refold_all(self) -> None:
        """Brings every user to where its pairs are; the items that this moves stay stale."""
        while self._refolding.waiting:
            self._refold_some()

    def _refold_some(self) -> None:
        self._stale_items.update(dict.fromkeys(self._refolding.refold_some()))

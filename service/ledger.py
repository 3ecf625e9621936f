"""How every user stands to every item by the store's events: from it users fold in and items thaw."""

import threading
import time
from collections.abc import Mapping, Sequence

import numpy as np
import scipy.sparse as sp

from model.content import FloatArray
from service.audiences import Served, Spread, Tellers, clear_audience, evidence_of
from service.columns import take_first
from service.ledger_tables import LedgerTables
from service.pairs import Rows
from service.reactions import Numbers, Rules, react
from service.space import Space
from service.store.event_records import Erased, KeptEvent, KnownItem, Pair, Reacted
from service.store.events import EventLog
from service.store.records import Change, Put

_PAIRS_AT_ONCE = 8192
_ITEMS_AT_ONCE = 1024


class Ledger(LedgerTables):
    """
    A function of the checkpoint and the store's events, kept in memory and led along by every change.
    """

    def __init__(self, space: Space, rules: Rules) -> None:
        super().__init__(space)
        self.changed = threading.Event()
        """Set while something waits for `settle`."""
        self.changed_since = 0.0
        """Since when, by the monotonic clock."""
        self._space, self._rules = space, rules
        self._stale_users: dict[int, None] = {}
        self._stale_items: dict[int, None] = {}

    def progress(self, item_ids: Sequence[str]) -> dict[str, tuple[int, float]]:
        """Of the items that have any: how many events since the checkpoint was trained, and how far they thawed, in [0, 1)."""
        with self.lock:
            found = {item_id: self._items.row(item_id) for item_id in item_ids if self.has_events(item_id)}
            rows = np.array(list(found.values()), np.int64)
            shares = self._space.thawing.shares(evidence_of(self._items, rows)).tolist()
            return dict(zip(found, zip(self._items["events"][rows].tolist(), shares, strict=True), strict=True))

    def embedding(self, user_id: str) -> tuple[int, FloatArray] | None:
        """A user's number, and where its events put it, (D,); None for a user whom no event moves."""
        with self.lock:
            number, row = self.number(user_id), self._users.row(user_id)
            if not number or row is None:
                return None
            tastes, _ = self._tastes([row], *self._pairs.of_users([row]))
        return number, self._space.fold_in.place(tastes)[0]

    def moved(self) -> tuple[list[str], FloatArray]:
        """Ids and (U, D) embeddings of all users whom events move."""
        with self.lock:
            self._refresh_users()
            rows = np.flatnonzero(self._users["counted"])
            ids = [self._users.name(row) for row in rows.tolist()]
            tastes = self._users["reading"][rows] * self._users["size"][rows, None]
        return ids, self._space.fold_in.place(tastes)

    def serve(self, item_ids: Sequence[str], anchors: FloatArray) -> Served:
        """What the index is to hold of items with (N, D) anchors."""
        served = Served(item_ids, anchors.copy(), self._coldness(item_ids))
        at = [place for place, item_id in enumerate(item_ids) if self.has_events(item_id)]
        if not at:
            return served
        with self.lock:
            rows = np.array([self._items.row(item_ids[place]) for place in at], np.int64)
            moved = self._served([item_ids[place] for place in at], rows, anchors[at])
        served.embeddings[at], served.coldness[at] = moved.embeddings, moved.coldness
        return served

    def build(self, log: EventLog) -> None:
        """Reads all events; items' embeddings in the space must be there."""
        with self.lock:
            self._erased = set(log.erased())
            items = dict(log.known_items(self._space.version))
            for pair, events in log.pairs(self._space.events_through):
                self._write_pair(pair, self._counting(pair, events), items)
            self._refresh_users()
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
        if (self._stale_users or self._stale_items) and not self.changed.is_set():
            self.changed_since = time.monotonic()
            self.changed.set()

    def settle(self) -> Served:
        """
        Spreads some stale users to their items; when none is left, takes some of the items that this moved.

        `changed` is cleared when nothing is left. Called with the lock held.

        Returns:
            What the index is to hold of these items; of none while users are being spread.
        """
        taken: list[int] = []
        if self._stale_users:
            self._refresh(self._take_users())
        if not self._stale_users or len(self._stale_items) >= _ITEMS_AT_ONCE:
            taken = take_first(self._stale_items, _ITEMS_AT_ONCE)
        if not self._stale_users and not self._stale_items:
            self.changed.clear()
        rows = [row for row in taken if self._items["known"][row]]
        served = self._served([self._items.name(row) for row in rows], np.array(rows, np.int64), self._items["anchor"][rows])
        for row in taken:
            if not self._pairs.count_of_item(row):  # nobody had to do with it after all
                self._items.drop(row)
        return served

    def _served(self, item_ids: Sequence[str], rows: Rows, anchors: FloatArray) -> Served:
        evidence, thawing = evidence_of(self._items, rows), self._space.thawing
        return Served(item_ids, thawing.move(anchors, evidence), self._coldness(item_ids) * (1 - thawing.shares(evidence)))

    def _coldness(self, item_ids: Sequence[str]) -> FloatArray:
        return np.array([not self._space.anchors.is_warm(item_id) for item_id in item_ids], np.float32)

    def _counting(self, pair: Pair, events: Sequence[KeptEvent]) -> Sequence[KeptEvent]:
        """The events that are not in the checkpoint already."""
        through = 0 if self.is_erased(pair[0]) else self._space.trained_through(*pair)
        return [event for event in events if event.number > through]

    def _write_pair(self, pair: Pair, events: Sequence[KeptEvent], items: Mapping[str, KnownItem]) -> None:
        user, item = self._users.row(pair[0]), self._items.row(pair[1])
        row = None if user is None or item is None else self._pairs.find(user, item)
        if row is None and events:
            row = self._add_pair(pair, items)
        if row is not None:
            self._write_row(row, events)

    def _write_row(self, row: int, events: Sequence[KeptEvent]) -> None:
        """What a pair's events come to now."""
        pairs = self._pairs
        user, item = int(pairs["user"][row]), int(pairs["item"][row])
        before = (float(pairs["weight"][row]), float(pairs["moment"][row]), int(pairs["events"][row]))
        after = (0.0, 0.0, 0)
        acted = False
        if events:
            reaction = react(events, self._rules, liked_in_training=bool(pairs["liked"][row]))
            after, acted = (reaction.weight, reaction.moment if reaction.weight else 0.0, reaction.events), reaction.acted
        pairs["weight"][row], pairs["moment"][row], pairs["events"][row] = after
        pairs["acted"][row] = acted
        self._users["counted"][user] += (after[0] != 0) - (before[0] != 0)
        self._items["events"][item] += after[2] - before[2]
        for named, at in ((self._users, user), (self._items, item)):
            named["pairs"][at] += (after[2] > 0) - (before[2] > 0)
        if before[:2] != after[:2]:
            self._users["number"][user] = next(self._numbers)
        self._stale_users[user] = None

    def _add_pair(self, pair: Pair, items: Mapping[str, KnownItem]) -> int:
        """A new pair's row."""
        user, item = self._users.row(pair[0]), self._items.row(pair[1])
        if user is None:
            user = self._users.add(pair[0])
        if item is None:
            item = self._items.add(pair[1])
            self._items["trained"][item] = self._space.trained_likes(pair[1])
            found = items.get(pair[1])
            self._place(pair[1], None if found is None else found.anchor)
        row = self._pairs.add(user, item)
        self._pairs["liked"][row] = pair[0] not in self._erased and self._space.liked_in_training(*pair)
        return row

    def _place(self, item_id: str, stored: FloatArray | None) -> None:
        """An item has another anchor, or none: whom it moves moves otherwise from now on."""
        row = self._items.row(item_id)
        if row is None:
            return
        anchor = self._space.anchors.learned([item_id]).get(item_id, stored)
        known = self._items["known"]
        if bool(known[row]) == (anchor is not None) and (anchor is None or np.array_equal(anchor, self._items["anchor"][row])):
            return
        known[row] = anchor is not None
        if anchor is not None:
            self._items["anchor"][row] = anchor
            self._items["step"][row] = self._space.fold_in.steps(anchor[None])[0]
        self._stale_items[row] = None
        rows = self._pairs.of_item(row)
        for user in self._pairs["user"][rows[self._pairs["weight"][rows] != 0]].tolist():
            self._users["number"][user] = next(self._numbers)
            self._stale_users[user] = None

    def _erase(self, user_id: str) -> None:
        self._erased.add(user_id)
        user = self._users.row(user_id)
        if user is not None:
            rows = self._pairs.of_user(user)
            for row in rows.tolist():
                self._write_row(row, [])
            self._pairs["liked"][rows] = False

    def _refresh_users(self) -> None:
        """Brings every user to where its pairs are; the items that this moves stay stale."""
        while self._stale_users:
            self._refresh(self._take_users())

    def _take_users(self) -> list[int]:
        """Stale users, as many as have about so many pairs together."""
        users: list[int] = []
        size = 0
        for user in self._stale_users:
            users.append(user)
            size += self._pairs.count_of_user(user)
            if size >= _PAIRS_AT_ONCE:
                break
        return take_first(self._stale_users, len(users))

    def _tastes(self, users: Sequence[int], rows: Rows, user: Rows) -> tuple[FloatArray, Numbers]:
        """The users' tastes, and how many steps of its own item each of their pairs has in them."""
        fold_in = self._space.fold_in
        trained = [None if self.is_erased(name) else self._space.user_embedding(name) for name in map(self._users.name, users)]
        bases = np.stack([fold_in.prior if known is None else fold_in.base(known[None])[0] for known in trained])
        pairs, items = self._pairs, self._pairs["item"][rows]
        own = self._rules.faded(pairs["weight"][rows], pairs["moment"][rows], user)
        own *= self._items["known"][items]
        weights = sp.csr_array((own, (user, np.arange(len(own)))), shape=(len(users), len(own)))
        return fold_in.fold(bases, weights, self._items["step"][items]), own

    def _refresh(self, users: Sequence[int]) -> None:
        """Brings the users' tastes and their items' audiences to where the pairs are, and lets go of pairs without events."""
        rows, user = self._pairs.of_users(users)
        tastes, own = self._tastes(users, rows, user)
        spread = Spread(self._items, self._pairs, rows, user)
        known, after = self._users, Tellers.of(self._space.fold_in, tastes)
        spread.exchange(Tellers(known["reading"][users], known["size"][users]), after, own)
        known["reading"][users], known["size"][users] = after.readings, after.sizes
        self._stale_items.update(dict.fromkeys(spread.touched.tolist()))
        for row in rows[self._pairs["events"][rows] == 0].tolist():
            self._pairs.drop(row)
        # Not by the count of those who have events: the share of others who left may still wait to be taken out.
        left = [item for item in spread.touched.tolist() if not self._pairs.count_of_item(item)]
        clear_audience(self._items, np.array(left, np.int64))
        for row in users:
            if not self._pairs.count_of_user(row):
                self._users.drop(row)

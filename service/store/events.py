"""Events and erasures in the store: written once each, read by pair of user and item."""

import hashlib
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future
from itertools import groupby
from typing import Any

import numpy as np
import sqlalchemy as sa

from service.store.chunks import chunks
from service.store.event_records import Erased, KeptEvent, KnownItem, NewEvent, Pair, Reacted, Status, UserRecord
from service.store.store import Store
from service.store.tables import embeddings_table, erased_events_table, erasures_table, events_table, items_table

_PAIR = (events_table.c.user_id, events_table.c.item_id)


class EventLog:
    """The events of a store; its writes share commits with those of items."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def add(self, events: Sequence[NewEvent]) -> "Future[Reacted]":
        """
        Writes what is not there yet; durable when the future is done.

        Returns:
            An `event_id` that is kept already is a duplicate, whatever else the event says.

        Raises:
            Overloaded, Closing: nothing was taken. The future raises StoreUnavailable.
        """
        return self._store.submit(lambda connection: _add(connection, events, self._store.space, self._store.trained_through))

    def erase(self, user_id: str) -> "Future[Erased]":
        """Removes a user's events and notes the erasure; raises as `add` does."""
        return self._store.submit(lambda connection: _erase(connection, user_id))

    def remove_older(self, moment: float, limit: int) -> "Future[Reacted]":
        """Removes at most `limit` events that happened before a moment; raises as `add` does."""
        return self._store.submit(
            lambda connection: _remove_older(connection, moment, limit, self._store.space, self._store.trained_through)
        )

    def pairs(self, through: int) -> Iterator[tuple[Pair, list[KeptEvent]]]:
        """Every pair of user and item with its events; `through` as in `stand`."""
        query = _said(through).order_by(events_table.c.pair, *_PAIR)
        with self._store.reading(yield_per=4096) as connection:
            for key, rows in groupby(connection.execute(query), key=lambda row: (row[0], row[1])):
                yield key, [KeptEvent(*row[2:]) for row in rows]

    def stand(self, pairs: set[Pair], space: str, through: int) -> Reacted:
        """
        How some pairs stand now, as a change.

        Args:
            space: of the anchors that it tells.
            through: the number of the last event that the space's training took in.
        """
        with self._store.reading() as connection:
            return _reacted(connection, [], pairs, space, through)

    def known_items(self, space: str) -> Iterator[tuple[str, KnownItem]]:
        """Every item of the store that has events."""
        reacted_to = sa.select(events_table.c.item_id).distinct()
        with self._store.reading(yield_per=4096) as connection:
            for row in connection.execute(_items_query(space).where(items_table.c.item_id.in_(reacted_to))):
                yield row.item_id, _known(row)

    def erased(self) -> dict[str, float]:
        """When each user that was erased was."""
        with self._store.reading() as connection:
            rows = connection.execute(sa.select(erasures_table)).all()
        return {row.user_id: row.erased_at for row in rows}

    def user(self, user_id: str) -> UserRecord:
        """What is held of a user; nothing of one that never was here."""
        table = events_table
        counts = sa.select(table.c.event_type, sa.func.count(), sa.func.max(table.c.timestamp)).where(table.c.user_id == user_id)
        erased = sa.select(erasures_table.c.erased_at).where(erasures_table.c.user_id == user_id)
        with self._store.reading() as connection:
            rows = connection.execute(counts.group_by(table.c.event_type)).all()
            erased_at = connection.execute(erased).scalar()
        return UserRecord({row[0]: row[1] for row in rows}, max((row[2] for row in rows), default=None), erased_at)


def _add(connection: sa.Connection, events: Sequence[NewEvent], space: str, through: int) -> Reacted:
    erased = _erased_at(connection, {event.user_id for event in events})
    kept = _kept_ids(connection, [event.event_id for event in events])
    gone = _erased_events(connection, [event.event_id for event in events if event.user_id in erased])
    statuses: list[Status] = []
    rows, now = [], time.time()
    for event in events:
        status = _status(event, kept, gone, erased)
        statuses.append(status)
        if status == "accepted":
            kept.add(event.event_id)
            rows.append(
                {name: getattr(event, name) for name in NewEvent.__slots__}
                | {"pair": hash_pair(event.user_id, event.item_id), "received_at": now}
            )
    if rows:
        connection.execute(sa.insert(events_table), rows)
    return _reacted(connection, statuses, {(row["user_id"], row["item_id"]) for row in rows}, space, through)


def _status(event: NewEvent, kept: set[str], gone: set[str], erased: Mapping[str, float]) -> Status:
    if event.event_id in kept:
        return "duplicate"
    return "erased" if event.event_id in gone or event.timestamp <= erased.get(event.user_id, -1.0) else "accepted"


def _erase(connection: sa.Connection, user_id: str) -> Erased:
    now, table = time.time(), events_table
    gone = connection.execute(sa.select(table.c.event_id).where(table.c.user_id == user_id)).scalars().all()
    if new := set(gone) - _erased_events(connection, gone):
        connection.execute(sa.insert(erased_events_table), [{"event": hashed} for hashed in set(map(hash_words, new))])
    connection.execute(sa.delete(table).where(table.c.user_id == user_id))
    connection.execute(sa.delete(erasures_table).where(erasures_table.c.user_id == user_id))
    connection.execute(sa.insert(erasures_table).values(user_id=user_id, erased_at=now))
    return Erased(user_id)


def _remove_older(connection: sa.Connection, moment: float, limit: int, space: str, through: int) -> Reacted:
    table = events_table
    query = sa.select(table.c.number, table.c.user_id, table.c.item_id).where(table.c.timestamp < moment)
    rows = connection.execute(query.order_by(table.c.timestamp).limit(limit)).all()
    for numbers in chunks([row.number for row in rows]):
        connection.execute(sa.delete(table).where(table.c.number.in_(numbers)))
    return _reacted(connection, [], {(row.user_id, row.item_id) for row in rows}, space, through)


def _reacted(connection: sa.Connection, statuses: Sequence[Status], touched: set[Pair], space: str, through: int) -> Reacted:
    pairs: dict[Pair, list[KeptEvent]] = {pair: [] for pair in sorted(touched)}
    for hashes in chunks({hash_pair(*pair) for pair in pairs}):
        for row in connection.execute(_said(through).where(events_table.c.pair.in_(hashes))):
            if (row[0], row[1]) in pairs:
                pairs[row[0], row[1]].append(KeptEvent(*row[2:]))
    items = {}
    for ids in chunks(sorted({item_id for _, item_id in pairs})):
        for row in connection.execute(_items_query(space).where(items_table.c.item_id.in_(ids))):
            items[row.item_id] = _known(row)
    return Reacted(statuses, pairs, items)


def hash_pair(user_id: str, item_id: str) -> int:
    """64 bits, signed; two pairs may have the same."""
    return hash_words(user_id, item_id)


def hash_words(*words: str) -> int:
    """64 bits, signed."""
    data = b"\0".join(word.encode() for word in words)
    return int.from_bytes(hashlib.blake2b(data, digest_size=8).digest(), "big", signed=True)


def _said(through: int) -> "sa.Select[Any]":
    """
    Events grouped by user, item, type, value and whether `number > through`.

    Of each group: the newest timestamp, the last number and the count.
    """
    table = events_table
    newest = (sa.func.max(table.c.timestamp), sa.func.max(table.c.number), sa.func.count())
    same = (table.c.event_type, table.c.value)
    return sa.select(*_PAIR, *same, *newest).group_by(table.c.pair, *_PAIR, *same, table.c.number > through)


def _items_query(space: str) -> "sa.Select[tuple[str, float, bytes | None]]":
    here = (embeddings_table.c.item_id == items_table.c.item_id) & (embeddings_table.c.space == space)
    columns = (items_table.c.item_id, items_table.c.created_at, embeddings_table.c.vector)
    return sa.select(*columns).select_from(items_table.outerjoin(embeddings_table, here))


def _known(row: "sa.Row[Any]") -> KnownItem:
    return KnownItem(row.created_at, None if row.vector is None else np.frombuffer(row.vector, np.float32))


def _kept_ids(connection: sa.Connection, event_ids: Sequence[str]) -> set[str]:
    found: set[str] = set()
    for ids in chunks(event_ids):
        found.update(connection.execute(sa.select(events_table.c.event_id).where(events_table.c.event_id.in_(ids))).scalars())
    return found


def _erased_events(connection: sa.Connection, event_ids: Sequence[str]) -> set[str]:
    """Those of some events that went with their user."""
    hashes = {hash_words(event_id): event_id for event_id in event_ids}
    found: set[str] = set()
    for some in chunks(hashes):
        rows = connection.execute(sa.select(erased_events_table.c.event).where(erased_events_table.c.event.in_(some)))
        found.update(hashes[row] for row in rows.scalars())
    return found


def _erased_at(connection: sa.Connection, user_ids: set[str]) -> dict[str, float]:
    found = {}
    for ids in chunks(sorted(user_ids)):
        for row in connection.execute(sa.select(erasures_table).where(erasures_table.c.user_id.in_(ids))):
            found[row.user_id] = row.erased_at
    return found

"""The store: writes that share a commit, reads by id and in order."""

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import replace
from typing import TypeAlias, TypeVar, cast

import numpy as np
import sqlalchemy as sa

from model.content import FloatArray
from service.batching import Batcher
from service.errors import PreconditionFailed, RowDamaged, SpaceChanged
from service.store import tables
from service.store.engine import begin_writing, empty_log, lock_store, open_engine, translated
from service.store.event_records import Erased
from service.store.identity import ensure_store_id, raise_numbers
from service.store.migrations import SCHEMA_VERSION, migrate, read_version
from service.store.preconditions import UNCONDITIONAL, Precondition
from service.store.records import Change, Deleted, Put, StoredEmbedding, StoredItem, Writing

Operation: TypeAlias = Callable[[sa.Connection], Change]
Told = TypeVar("Told", bound=Change)
PLAINLY = Writing()
_VECTORS_AT_ONCE, _ITEMS_AT_ONCE, _DROPPED_AT_ONCE = 4096, 512, 2000


class Store:
    """
    Items by id, in SQLite (WAL, synchronous=FULL); its URL is the seam for another database.

    A write is durable before its future is done; writes that wait together share a commit.
    `on_change` sees every change once, after its commit and in commit order, before its future is done.
    """

    def __init__(self, url: str, on_change: Callable[[Sequence[Change]], None], *, max_waiting: int = 4096) -> None:
        """
        Raises:
            StoreInUse: another process has it open.
            StoreUnavailable: it cannot be opened, or is of a newer version.
        """
        self._lock_file = lock_store(url)
        self._on_change = on_change
        self._writing = threading.RLock()
        self.space = ""
        """Version of the checkpoint that serves; changed while `paused` alone."""
        self.trained_through = 0
        """The number of the last event that its training took in; changed with it."""
        self.is_ahead = False
        """Whether something was committed that `on_change` could not follow: what it leads is not to be believed any more."""
        try:
            with translated():
                self._engine = open_engine(url)
                self._change, self.store_id = self._prepare()
                self._log_is_owed = not empty_log(self._engine)
        except BaseException:
            self._release()
            raise
        self._writer: Batcher[Operation, Change] = Batcher("the store", self._commit, max_batch=256, max_waiting=max_waiting)

    @property
    def waiting(self) -> int:
        """How many writes no commit has taken yet."""
        return self._writer.waiting

    def put(self, item: StoredItem, writing: Writing = PLAINLY) -> "Future[Put]":
        """
        Writes an item whole, replacing what was there.

        Raises:
            Overloaded, Closing: nothing was taken. The future raises StoreUnavailable, PreconditionFailed where the
                writing has a condition, and SpaceChanged where its space serves no more.
        """
        return self.submit(lambda connection: self._put(connection, item, writing))

    def delete(self, item_id: str, condition: Precondition = UNCONDITIONAL) -> "Future[Deleted]":
        """Removes an item and all that belongs to it; raises as `put` does."""
        return self.submit(lambda connection: self._delete(connection, item_id, condition))

    def submit(self, operation: Callable[[sa.Connection], Told]) -> "Future[Told]":
        """Takes any write; for the other files of this package. Raises as `put` does."""
        return cast("Future[Told]", self._writer.submit(operation))  # its answer is what the operation returns

    @contextmanager
    def reading(self, yield_per: int | None = None) -> Iterator[sa.Connection]:
        """A connection to read with; for the other files of this package."""
        options = {} if yield_per is None else {"yield_per": yield_per}
        with translated(), self._engine.connect().execution_options(**options) as connection:
            yield connection

    @contextmanager
    def paused(self) -> Iterator[None]:
        """While it is held no write is committed: all that came before is in the index, all that comes waits."""
        with self._writing:
            yield

    @contextmanager
    def writing_now(self) -> Iterator[sa.Connection]:
        """A transaction beside the queue of writes and never beside one of them; for the other files of this package."""
        with self._writing, translated(), begin_writing(self._engine) as connection:
            yield connection

    def number_above(self, through: int) -> None:
        """From when it returns, new events have numbers above `through`."""
        with self.writing_now() as connection:
            raise_numbers(connection, through)

    def put_embeddings(self, items: Sequence[StoredItem]) -> None:
        """Keeps the embeddings of items, in whatever space; those of an item that was written since are passed over."""
        with self.writing_now() as connection:
            as_they_were = tables.read_changes(connection, [item.item_id for item in items])
            for item in items:
                if item.embedding is not None and as_they_were.get(item.item_id) == item.change:
                    tables.write_embedding(connection, item.item_id, item.embedding)

    def get(self, item_id: str, space: str) -> StoredItem | None:
        """One item with its embedding in a space, or None."""
        found = self.some([item_id], space)
        return found[0] if found else None

    def some(self, item_ids: Sequence[str], space: str) -> list[StoredItem]:
        """Of these items those that are there, in their order, with features and embedding."""
        with self.reading() as connection:
            heads = tables.read_heads(connection, item_ids)
            return tables.complete(connection, (heads[item_id] for item_id in item_ids if item_id in heads), space)

    def page(self, *, after: str | None, limit: int, space: str) -> list[StoredItem]:
        """Items in the order of their ids, from the first after `after`, with features and embedding."""
        query = sa.select(tables.items_table).order_by(tables.items_table.c.item_id).limit(limit)
        if after is not None:
            query = query.where(tables.items_table.c.item_id > after)
        with self.reading() as connection:
            rows = connection.execute(query).mappings().all()
            return tables.complete(connection, (tables.to_item(row, {}, None) for row in rows), space)

    def thumbnail(self, item_id: str) -> bytes | None:
        """An item's small picture, a JPEG file; None where it has none, or is none."""
        query = sa.select(tables.thumbnails_table.c.data).where(tables.thumbnails_table.c.item_id == item_id)
        with self.reading() as connection:
            data: bytes | None = connection.execute(query).scalar()
        return data

    def heads(self, item_ids: Sequence[str]) -> dict[str, StoredItem]:
        """Items by id without their features and embeddings; one that is not there is left out."""
        with self.reading() as connection:
            return tables.read_heads(connection, item_ids)

    def embeddings_of(self, item_ids: Sequence[str], space: str) -> dict[str, StoredEmbedding]:
        """Embeddings by item id of those that have one in the space, with how they came about."""
        with self.reading() as connection:
            return tables.read_embeddings(connection, item_ids, space)

    def count(self) -> int:
        """How many items there are."""
        with self.reading() as connection:
            return int(connection.execute(sa.select(sa.func.count()).select_from(tables.items_table)).scalar_one())

    def embeddings(self, space: str) -> Iterator[tuple[list[str], FloatArray]]:
        """Ids and (B, D) embeddings of all items that have one in the space, in batches."""
        query = sa.select(tables.embeddings_table.c.item_id, tables.embeddings_table.c.vector).where(
            tables.embeddings_table.c.space == space
        )
        with self.reading(yield_per=_VECTORS_AT_ONCE) as connection:
            for rows in connection.execute(query).partitions(_VECTORS_AT_ONCE):
                yield [row.item_id for row in rows], np.stack([np.frombuffer(row.vector, np.float32) for row in rows])

    def require_width(self, space: str, width: int) -> None:
        """
        Raises:
            RowDamaged: an embedding in the space is not (width,).
        """
        vector, here = tables.embeddings_table.c.vector, tables.embeddings_table.c.space == space
        query = sa.select(tables.embeddings_table.c.item_id, sa.func.length(vector).label("size"))
        with self.reading() as connection:
            bad = connection.execute(query.where(here, sa.func.length(vector) != 4 * width).limit(1)).first()
        if bad is not None:
            raise RowDamaged("embeddings", bad.item_id, f"its vector has {bad.size} bytes instead of {4 * width}")

    def without_embedding(self, space: str) -> Iterator[list[StoredItem]]:
        """Items that have no embedding in the space, with their features, in batches."""
        placed = sa.select(tables.embeddings_table.c.item_id).where(tables.embeddings_table.c.space == space)
        after = ""
        while True:
            query = sa.select(tables.items_table).where(
                tables.items_table.c.item_id > after, tables.items_table.c.item_id.not_in(placed)
            )
            with self.reading() as connection:
                rows = connection.execute(query.order_by(tables.items_table.c.item_id).limit(_ITEMS_AT_ONCE)).mappings().all()
                items = tables.complete(connection, (tables.to_item(row, {}, None) for row in rows), space)
            if not items:
                return
            yield items
            after = items[-1].item_id

    def drop_other_spaces(self, space: str) -> None:
        """Forgets the embeddings of every space but one; for the time before serving."""
        with self.writing_now() as connection:
            connection.execute(sa.delete(tables.embeddings_table).where(tables.embeddings_table.c.space != space))

    def drop_space(self, space: str) -> None:
        """Forgets the embeddings of one space, some at a time so that writes get through."""
        here = tables.embeddings_table.c.space == space
        some = sa.select(tables.embeddings_table.c.item_id).where(here).limit(_DROPPED_AT_ONCE).scalar_subquery()
        dropped = _DROPPED_AT_ONCE
        while dropped:
            with self.writing_now() as connection:
                left = sa.delete(tables.embeddings_table).where(here, tables.embeddings_table.c.item_id.in_(some))
                dropped = connection.execute(left).rowcount

    def ping(self) -> None:
        """
        Raises:
            StoreUnavailable: the store cannot be read.
        """
        with self.reading() as connection:
            connection.execute(sa.select(tables.meta_table.c.value).limit(1))

    def close(self) -> None:
        """Finishes the writes that were taken, then lets the store go."""
        self._writer.close()
        self._release()

    def _release(self) -> None:
        if hasattr(self, "_engine"):
            self._engine.dispose()
        if self._lock_file is not None:
            self._lock_file.close()

    def _prepare(self) -> tuple[int, str]:
        """Makes the tables where there are none, leads older ones to today's; returns the last change number and the id."""
        version = sa.update(tables.meta_table).where(tables.meta_table.c.key == "schema_version")
        with begin_writing(self._engine) as connection:
            tables.metadata.create_all(connection)
            found = connection.execute(
                sa.select(tables.meta_table.c.value).where(tables.meta_table.c.key == "schema_version")
            ).scalar()
            if found is None:
                connection.execute(sa.insert(tables.meta_table).values(key="schema_version", value=str(SCHEMA_VERSION)))
            elif (old := read_version(found)) != SCHEMA_VERSION:
                migrate(connection, old)
                connection.execute(version.values(value=str(SCHEMA_VERSION)))
            change = int(connection.execute(sa.select(sa.func.max(tables.items_table.c.change))).scalar() or 0)
            return change, ensure_store_id(connection)

    def _commit(self, operations: Sequence[Operation]) -> Sequence[Change | Exception]:
        with self._writing:
            return self._commit_alone(operations)

    def _commit_alone(self, operations: Sequence[Operation]) -> Sequence[Change | Exception]:
        begun = False
        try:
            with translated(), begin_writing(self._engine) as connection:
                begun = True
                answers = [_answer(operation, connection) for operation in operations]
        except Exception as error:  # noqa: BLE001 - whatever one write does, the others must be answered
            if len(operations) == 1 or not begun:
                return [error] * len(operations)
            # One write that cannot be done must not take the others with it.
            return [answer for operation in operations for answer in self._commit([operation])]
        self._log_is_owed |= any(isinstance(answer, Erased) for answer in answers)
        try:
            self._on_change([answer for answer in answers if not isinstance(answer, Exception)])
        except BaseException:
            self.is_ahead = True
            raise
        if self._log_is_owed:  # a user was erased, and may still be read in the log of writes
            self._log_is_owed = not empty_log(self._engine)
        return answers

    def _put(self, connection: sa.Connection, item: StoredItem, writing: Writing) -> Put:
        known = tables.read_heads(connection, [item.item_id]).get(item.item_id)
        writing.condition.require(item.item_id, None if known is None else known.revision)
        if writing.space not in (None, self.space):
            raise SpaceChanged(self.space)
        self._change += 1
        now = time.time()
        written = replace(item, created_at=now if known is None else known.created_at, updated_at=now, change=self._change)
        if known is not None:
            written = replace(written, **{name: getattr(known, name) for name in writing.keeps})
        tables.write_item(connection, written, writing.thumbnail, known)
        return Put(written, created=known is None)

    def _delete(self, connection: sa.Connection, item_id: str, condition: Precondition) -> Deleted:
        known = tables.read_heads(connection, [item_id]).get(item_id)
        condition.require(item_id, None if known is None else known.revision)
        connection.execute(sa.delete(tables.items_table).where(tables.items_table.c.item_id == item_id))
        return Deleted(item_id, existed=known is not None)


def _answer(operation: Operation, connection: sa.Connection) -> Change | Exception:
    """What became of one write; it may refuse, as long as it has written nothing, and the others go on."""
    try:
        return operation(connection)
    except (PreconditionFailed, SpaceChanged) as refusal:
        return refusal

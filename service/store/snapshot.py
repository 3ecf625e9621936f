"""A store as it was at one moment, read while somebody else serves from it."""

from collections.abc import Iterator
from contextlib import contextmanager

import sqlalchemy as sa

from service.errors import StoreUnavailable
from service.store import tables
from service.store.engine import is_there, open_engine, translated
from service.store.event_records import NewEvent
from service.store.identity import read_store_id
from service.store.migrations import SCHEMA_VERSION, read_version
from service.store.records import StoredItem

_EVENT = [tables.events_table.c[name] for name in ("number", *NewEvent.__slots__)]


class Snapshot:
    """All of it is of the same moment, whatever is written meanwhile."""

    def __init__(self, connection: sa.Connection) -> None:
        self._connection = connection

    @property
    def events_through(self) -> int:
        """Number of the last event that was ever kept; 0: none."""
        return int(self._connection.execute(sa.select(sa.func.max(tables.events_table.c.number))).scalar() or 0)

    @property
    def store_id(self) -> str | None:
        """Which store it is; None where it has no id yet."""
        return read_store_id(self._connection)

    def erased(self) -> set[str]:
        """Users that were erased."""
        return set(self._connection.execute(sa.select(tables.erasures_table.c.user_id)).scalars())

    def items(self, batch: int = 256) -> Iterator[StoredItem]:
        """All items in the order of their ids, with features and without embeddings."""
        after = ""
        while True:
            query = sa.select(tables.items_table).where(tables.items_table.c.item_id > after)
            query = query.order_by(tables.items_table.c.item_id).limit(batch)
            rows = self._connection.execute(query).mappings().all()
            features = tables.read_features(self._connection, [row["item_id"] for row in rows])
            yield from (tables.to_item(row, features.get(row["item_id"], {}), None) for row in rows)
            if len(rows) < batch:
                return
            after = rows[-1]["item_id"]

    def events(self) -> Iterator[tuple[int, NewEvent]]:
        """All events in the order in which they came, with their numbers."""
        query = sa.select(*_EVENT).order_by(tables.events_table.c.number)
        for row in self._connection.execution_options(yield_per=4096).execute(query):
            yield row[0], NewEvent(*row[1:])


@contextmanager
def open_snapshot(url: str) -> Iterator[Snapshot]:
    """
    Reads a store without holding it.

    Raises:
        StoreUnavailable: there is none, it cannot be read, or it is of another version of Thaw.
    """
    if not is_there(url):
        raise StoreUnavailable(f"there is no store of Thaw at {sa.make_url(url).render_as_string()}")
    with translated():
        engine = open_engine(url)
        try:
            with engine.connect() as connection:
                _require_version(connection, url)
                yield Snapshot(connection)
        finally:
            engine.dispose()


def _require_version(connection: sa.Connection, url: str) -> None:
    found = None
    if sa.inspect(connection).has_table(tables.meta_table.name):
        version = tables.meta_table.c.key == "schema_version"
        found = connection.execute(sa.select(tables.meta_table.c.value).where(version)).scalar()
    if found is None:
        raise StoreUnavailable(f"there is no store of Thaw at {sa.make_url(url).render_as_string()}")
    if read_version(found) != SCHEMA_VERSION:
        raise StoreUnavailable(f"its schema has version {found}, this command reads {SCHEMA_VERSION}: start the service once")

"""What the store asks of SQLite: nothing erased is left to read, writes wait for each other, one process a store."""

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from service.store.engine import _configure_sqlite
from service.store.event_records import NewEvent
from service.store.events import EventLog
from service.store.store import Store
from tests.service.test_store import item


@pytest.fixture
def url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path}/s.sqlite"


@pytest.fixture
def store(url: str) -> Iterator[Store]:
    store = Store(url, lambda changes: None)
    yield store
    store.close()


def traces(store: Store, mark: bytes) -> dict[str, int]:
    """How often some bytes are in each of the store's files."""
    folder = Path(str(store._engine.url.database)).parent
    return {path.name: path.read_bytes().count(mark) for path in sorted(folder.iterdir()) if mark in path.read_bytes()}


def tell(store: Store, count: int = 300) -> None:
    """Events of a user, whose ids and items have a mark."""
    events = [NewEvent(f"marked-e{at}", "ann", f"marked-i{at}", "like", 1e9) for at in range(count)]
    EventLog(store).add(events).result(10)


def test_nothing_of_an_erased_user_is_left_in_the_files(store: Store) -> None:
    """Neither in the database nor in the log of writes before it, while the service runs."""
    tell(store)
    before = traces(store, b"marked-")

    EventLog(store).erase("ann").result(10)

    assert before
    assert traces(store, b"marked-") == {}


def test_deleting_overwrites_whatever_sqlite_does_by_default(tmp_path: Path) -> None:
    connection = sqlite3.connect(tmp_path / "s.sqlite")
    connection.execute("PRAGMA secure_delete=OFF")

    _configure_sqlite(connection, None)

    assert connection.execute("PRAGMA secure_delete").fetchone() == (1,)
    connection.close()


def test_who_reads_the_database_as_it_was_keeps_the_log_until_a_later_write(store: Store) -> None:
    """No write waits for the reader: what is owed is done when it has gone."""
    tell(store)
    reader = sqlite3.connect(str(store._engine.url.database), isolation_level=None)
    reader.execute("BEGIN")
    reader.execute("SELECT count(*) FROM events").fetchone()
    EventLog(store).erase("ann").result(2)
    store.put(item("a")).result(2)
    meanwhile = traces(store, b"marked-")

    reader.close()
    store.put(item("b")).result(10)

    assert meanwhile
    assert traces(store, b"marked-") == {}


def test_what_a_killed_service_left_in_the_log_goes_at_the_next_start(url: str, tmp_path: Path) -> None:
    killed = Store(url, lambda changes: None)
    tell(killed)
    reader = sqlite3.connect(tmp_path / "s.sqlite", isolation_level=None)
    reader.execute("BEGIN")
    reader.execute("SELECT count(*) FROM events").fetchone()
    EventLog(killed).erase("ann").result(10)
    copy = tmp_path / "copy"
    copy.mkdir()
    for name in ("s.sqlite", "s.sqlite-wal"):
        (copy / name).write_bytes((tmp_path / name).read_bytes())
    reader.close()
    killed.close()

    store = Store(f"sqlite:///{copy}/s.sqlite", lambda changes: None)
    left = traces(store, b"marked-")
    store.close()

    assert left == {}

"""What the store asks of SQLite: nothing erased is left to read, writes wait for each other, one process a store."""

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from service.errors import StoreUnavailable
from service.store.engine import _configure_sqlite
from service.store.event_records import NewEvent
from service.store.events import EventLog
from service.store.store import Store
from tests.service.store.test_store import item, wait_until


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


@pytest.fixture
def other_writer(store: Store) -> Iterator[sqlite3.Connection]:
    """Another process that has begun to write."""
    connection = sqlite3.connect(str(store._engine.url.database), isolation_level=None)
    connection.execute("BEGIN IMMEDIATE")
    yield connection
    connection.close()


def test_a_write_waits_for_another_process_that_writes(store: Store, other_writer: sqlite3.Connection) -> None:
    written = store.put(item("a"))
    with pytest.raises(TimeoutError):
        written.result(0.3)

    other_writer.execute("COMMIT")

    assert written.result(10).created


def test_writes_that_cannot_begin_fail_together(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each by itself would wait for the other process anew."""
    monkeypatch.setattr("service.store.engine._PATIENT", "busy_timeout=50")
    store, failed = Store(url, lambda changes: None), list[str | None]()
    sa.event.listen(store._engine, "handle_error", lambda context: failed.append(context.statement))
    other = sqlite3.connect(str(store._engine.url.database), isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with store.paused():
        first = store.put(item("first"))  # the writer takes it alone, and waits
        assert wait_until(lambda: not store.waiting)
        futures = [store.put(item(f"item-{at}")) for at in range(20)]

    errors = [future.exception(10) for future in (first, *futures)]
    other.close()
    written = store.put(item("a")).result(10)
    store.close()

    assert {type(error) for error in errors} == {StoreUnavailable}
    assert failed == ["BEGIN IMMEDIATE"] * 2
    assert written.created

"""Opening a database, holding it alone, and translating its errors at the door."""

import fcntl
import os
import sqlite3
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import IO, Any

import sqlalchemy as sa
from sqlalchemy.exc import ArgumentError, SQLAlchemyError

from service.errors import SettingsError, StoreInUse, StoreUnavailable

_WRITE_IT = "write it as sqlite:///thaw.sqlite, or sqlite:////data/thaw.sqlite"
_PATIENT, _IMPATIENT = "busy_timeout=5000", "busy_timeout=0"


def _database_of(url: str) -> str | None:
    """
    The database of a store's URL.

    Raises:
        SettingsError: it is no URL, one of another database than SQLite, or one that names the file by a URL of its own, which
            may hide what file it is.
    """
    try:
        parsed = sa.make_url(url)
    except ArgumentError as error:
        raise SettingsError(f"THAW_STORE_URL is no URL: {_WRITE_IT}") from error
    except ValueError as error:
        raise SettingsError("THAW_STORE_URL has a port that is no number") from error
    if parsed.get_backend_name() != "sqlite":
        raise SettingsError(
            f"THAW_STORE_URL names a {parsed.get_backend_name()} database, and SQLite alone is served: {_WRITE_IT}"
        )
    if parsed.database and parsed.database.startswith("file:"):
        raise SettingsError(f"THAW_STORE_URL names its file by a file: URL, which is not read: {_WRITE_IT}")
    return parsed.database


def lock_store(url: str) -> IO[bytes] | None:
    """Holds a file beside a SQLite store, so that two processes cannot serve from one."""
    database = _database_of(url)
    if not database or database == ":memory:":
        return None
    path = Path(os.path.realpath(database) + ".lock")  # whatever link the store is reached by
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        file = path.open("wb")
    except OSError as error:
        raise StoreUnavailable(f"{path.parent} cannot be written ({error.strerror})") from error
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        file.close()
        raise StoreInUse(database) from error
    return file


def is_there(url: str) -> bool:
    """Whether a database is where a URL says, as far as that can be told without making one."""
    database = _database_of(url)
    return bool(database) and Path(str(database)).exists()


def open_engine(url: str) -> sa.Engine:
    try:
        engine = sa.create_engine(url, hide_parameters=True)  # what was written is nothing for a log
    except (ImportError, SQLAlchemyError) as error:
        raise SettingsError(f"THAW_STORE_URL names a database that cannot be opened here: {error}") from error
    sa.event.listen(engine, "connect", _configure_sqlite)
    sa.event.listen(engine, "begin", _begin_sqlite)
    return engine


def _configure_sqlite(connection: Any, _record: object) -> None:
    connection.isolation_level = None  # the driver must not begin transactions on its own
    for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON", "secure_delete=ON", _PATIENT):
        connection.execute(f"PRAGMA {pragma}").close()


def _begin_sqlite(connection: sa.Connection) -> None:
    # One that has read before it writes does not wait for another process that writes: SQLite refuses it at once.
    connection.exec_driver_sql("BEGIN IMMEDIATE" if connection.get_execution_options().get("writing") else "BEGIN")


def begin_writing(engine: sa.Engine) -> AbstractContextManager[sa.Connection]:
    """A transaction to write in; it waits some seconds for that of another process."""
    return engine.execution_options(writing=True).begin()


def empty_log(engine: sa.Engine) -> bool:
    """
    Takes what was written into the database and empties the log before it: what was deleted can be read in it no more.

    Returns:
        Whether it is empty; not while somebody reads the database as it was before. Waits for nobody.
    """
    try:
        connection = engine.raw_connection()  # outside of any transaction
    except (SQLAlchemyError, sqlite3.Error):  # too many read just now
        return False
    try:
        connection.cursor().execute(f"PRAGMA {_IMPATIENT}")
        busy, *_ = connection.cursor().execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
        return not busy
    except sqlite3.Error:  # a full disk: the log keeps what it holds
        return False
    finally:
        connection.cursor().execute(f"PRAGMA {_PATIENT}")
        connection.close()


@contextmanager
def translated() -> Iterator[None]:
    try:
        yield
    except SQLAlchemyError as error:
        raise StoreUnavailable(str(getattr(error, "orig", None) or error)) from error

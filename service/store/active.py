"""Which checkpoint was swapped in, kept in the store: after a restart it serves again."""

from dataclasses import dataclass
from pathlib import Path

import sqlalchemy as sa

from service.store.engine import is_there, open_engine, translated
from service.store.store import Store
from service.store.tables import meta_table

_VERSION, _PATH = "active_space", "active_checkpoint"


@dataclass(frozen=True, slots=True)
class Active:
    """The checkpoint that was swapped in last."""

    version: str
    path: Path


def read_active(url: str) -> Active | None:
    """
    What a store remembers, whether somebody serves from it or not; None where nothing was swapped in, or there is no store.

    Raises:
        StoreUnavailable: it cannot be read.
    """
    if not is_there(url):
        return None
    with translated():
        engine = open_engine(url)
        try:
            with engine.connect() as connection:
                if not sa.inspect(connection).has_table(meta_table.name):
                    return None
                kept = {row.key: row.value for row in connection.execute(sa.select(meta_table))}
        finally:
            engine.dispose()
    return Active(kept[_VERSION], Path(kept[_PATH])) if _VERSION in kept else None


def write_active(store: Store, active: Active | None) -> None:
    """
    Remembers a checkpoint, or none; durable when it returns.

    Raises:
        StoreUnavailable: what was remembered stays.
    """
    rows = {} if active is None else {_VERSION: active.version, _PATH: str(active.path)}
    with store.writing_now() as connection:
        connection.execute(sa.delete(meta_table).where(meta_table.c.key.in_([_VERSION, _PATH])))
        for key, value in rows.items():
            connection.execute(sa.insert(meta_table).values(key=key, value=value))

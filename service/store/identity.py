"""Which store it is: the numbers of events mean something in the store that gave them, and in no other."""

import secrets

import sqlalchemy as sa

from service.store.tables import events_table, meta_table

_KEY = "store_id"


def read_store_id(connection: sa.Connection) -> str | None:
    """32 hexadecimal digits; None for a store that no version has opened yet which gives them."""
    found: str | None = connection.execute(sa.select(meta_table.c.value).where(meta_table.c.key == _KEY)).scalar()
    return found


def ensure_store_id(connection: sa.Connection) -> str:
    """The store's id, made where it has none; a copy of the store has the same."""
    found = read_store_id(connection)
    if found is None:
        found = secrets.token_hex(16)
        connection.execute(sa.insert(meta_table).values(key=_KEY, value=found))
    return found


def raise_numbers(connection: sa.Connection, through: int) -> None:
    """Later events get numbers above `through`: one that was restored from a backup would give some of them again."""
    if not through or connection.dialect.name != "sqlite":
        return
    name, sequence = events_table.name, sa.table("sqlite_sequence", sa.column("name"), sa.column("seq"))
    here = sequence.c.name == name
    last = connection.execute(sa.select(sequence.c.seq).where(here)).scalar()
    if last is None:
        connection.execute(sa.insert(sequence).values(name=name, seq=through))
    elif last < through:
        connection.execute(sa.update(sequence).where(here).values(seq=through))

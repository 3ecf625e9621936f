"""
Steps that lead an older store to the tables of today, forward only.

A new table needs no statement here: the store makes what is missing. A step changes tables that are there.
"""

from collections.abc import Sequence

import sqlalchemy as sa

from service.errors import StoreUnavailable

STEPS: tuple[Sequence[str], ...] = (
    (  # 1 to 2: items can be hidden, published and expire; features remember what they were made of
        "ALTER TABLE items ADD COLUMN hidden BOOLEAN NOT NULL DEFAULT FALSE",
        "ALTER TABLE items ADD COLUMN hidden_reason TEXT NOT NULL DEFAULT ''",
        "ALTER TABLE items ADD COLUMN published_at FLOAT",
        "ALTER TABLE items ADD COLUMN expires_at FLOAT",
        "ALTER TABLE features ADD COLUMN input TEXT NOT NULL DEFAULT ''",
    ),
    (  # 2 to 3: what pictures an item has
        "ALTER TABLE items ADD COLUMN pictures TEXT NOT NULL DEFAULT ''",
    ),
)
"""The n-th leads from version n to version n + 1; add yours at the end."""

SCHEMA_VERSION = 1 + len(STEPS)


def read_version(found: str) -> int:
    """
    The schema's version, as the store tells it.

    Raises:
        StoreUnavailable: it is no number.
    """
    if not (found.isascii() and found.isdigit()):
        raise StoreUnavailable(f"its schema_version, in table meta, is {found!r} and no number: restore a backup")
    return int(found)


def migrate(connection: sa.Connection, found: int) -> None:
    """
    Brings the tables of version `found` to today's, inside the caller's transaction.

    Raises:
        StoreUnavailable: the store was made by a newer Thaw; nothing was changed.
    """
    if not 1 <= found <= SCHEMA_VERSION:
        raise StoreUnavailable(f"its schema has version {found}, this service reads 1 to {SCHEMA_VERSION}")
    for step in STEPS[found - 1 :]:
        for statement in step:
            connection.exec_driver_sql(statement)

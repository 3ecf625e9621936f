"""The tables, and rows to records and back."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import sqlalchemy as sa

from service.errors import RowDamaged
from service.store.chunks import chunks
from service.store.records import StoredEmbedding, StoredFeatures, StoredItem

metadata = sa.MetaData()
items_table = sa.Table(
    "items",
    metadata,
    sa.Column("item_id", sa.String, primary_key=True),
    sa.Column("title", sa.Text, nullable=False),
    sa.Column("text", sa.Text, nullable=False),
    sa.Column("attributes", sa.Text, nullable=False),
    sa.Column("created_at", sa.Float, nullable=False),
    sa.Column("updated_at", sa.Float, nullable=False),
    sa.Column("change", sa.BigInteger, nullable=False, index=True),
    sa.Column("hidden", sa.Boolean, nullable=False, server_default=sa.false()),
    sa.Column("hidden_reason", sa.Text, nullable=False, server_default=""),
    sa.Column("published_at", sa.Float),
    sa.Column("expires_at", sa.Float),
    sa.Column("pictures", sa.Text, nullable=False, server_default=""),
)
features_table = sa.Table(
    "features",
    metadata,
    sa.Column("item_id", sa.String, sa.ForeignKey("items.item_id", ondelete="CASCADE"), primary_key=True),
    sa.Column("modality", sa.String, primary_key=True),
    sa.Column("fingerprint", sa.String, nullable=False),
    sa.Column("vector", sa.LargeBinary, nullable=False),
    sa.Column("input", sa.Text, nullable=False, server_default=""),
)
embeddings_table = sa.Table(
    "embeddings",
    metadata,
    sa.Column("item_id", sa.String, sa.ForeignKey("items.item_id", ondelete="CASCADE"), primary_key=True),
    sa.Column("space", sa.String, primary_key=True),
    sa.Column("vector", sa.LargeBinary, nullable=False),
    sa.Column("fusion", sa.Text, nullable=False),
)
thumbnails_table = sa.Table(
    "thumbnails",
    metadata,
    sa.Column("item_id", sa.String, sa.ForeignKey("items.item_id", ondelete="CASCADE"), primary_key=True),
    sa.Column("data", sa.LargeBinary, nullable=False),
)
meta_table = sa.Table(
    "meta", metadata, sa.Column("key", sa.String, primary_key=True), sa.Column("value", sa.Text, nullable=False)
)
events_table = sa.Table(
    "events",
    metadata,
    sa.Column("number", sa.Integer, primary_key=True, autoincrement=True),
    sa.Column("event_id", sa.String, nullable=False, unique=True),
    sa.Column("user_id", sa.String, nullable=False, index=True),
    sa.Column("item_id", sa.String, nullable=False, index=True),
    sa.Column("pair", sa.BigInteger, nullable=False, index=True),  # hash of the two: one number finds the events of both
    sa.Column("event_type", sa.String, nullable=False),
    sa.Column("value", sa.Float),
    sa.Column("timestamp", sa.Float, nullable=False, index=True),
    sa.Column("received_at", sa.Float, nullable=False),
    sa.Column("recommendation_id", sa.String),
    sqlite_autoincrement=True,  # a number is not given again after its event was removed
)
erasures_table = sa.Table(
    "erasures", metadata, sa.Column("user_id", sa.String, primary_key=True), sa.Column("erased_at", sa.Float, nullable=False)
)
erased_events_table = sa.Table(
    "erased_events", metadata, sa.Column("event", sa.BigInteger, primary_key=True, autoincrement=False, comment="hash of its id")
)
"""
Those that went with their user. By time alone some would come back when they are sent again: a clock ran ahead, or an event
names no time, and each time that it is sent it happens anew.
"""


_DATES = ("created_at", "updated_at", "published_at", "expires_at")
_PLAIN = ("item_id", "title", "text", *_DATES, "hidden", "hidden_reason", "pictures", "change")
"""What a row of items and an item call the same."""


def write_item(connection: sa.Connection, item: StoredItem, thumbnail: bytes | None, known: StoredItem | None) -> None:
    """Writes an item and all that belongs to it, in place of what is there; a thumbnail stays while the pictures do."""
    values = {name: getattr(item, name) for name in _PLAIN} | {"attributes": json.dumps(dict(item.attributes))}
    if known is None:
        connection.execute(sa.insert(items_table).values(values))
    else:
        connection.execute(sa.update(items_table).where(items_table.c.item_id == item.item_id).values(values))
        stays = thumbnail is None and known.pictures == item.pictures
        for table in (features_table, embeddings_table, *(() if stays else (thumbnails_table,))):
            connection.execute(sa.delete(table).where(table.c.item_id == item.item_id))
    if item.features:
        rows = [
            {"item_id": item.item_id, "modality": name, "fingerprint": kept.fingerprint, "vector": kept.data, "input": kept.input}
            for name, kept in item.features.items()
        ]
        connection.execute(sa.insert(features_table), rows)
    if item.embedding is not None:
        write_embedding(connection, item.item_id, item.embedding)
    if thumbnail is not None:
        connection.execute(sa.insert(thumbnails_table).values(item_id=item.item_id, data=thumbnail))


def write_embedding(connection: sa.Connection, item_id: str, embedding: StoredEmbedding) -> None:
    key = (embeddings_table.c.item_id == item_id) & (embeddings_table.c.space == embedding.space)
    connection.execute(sa.delete(embeddings_table).where(key))
    values = {"vector": embedding.vector.tobytes(), "fusion": json.dumps(embedding.fusion)}
    connection.execute(sa.insert(embeddings_table).values(item_id=item_id, space=embedding.space, **values))


def read_features(connection: sa.Connection, ids: Sequence[str]) -> dict[str, dict[str, StoredFeatures]]:
    found: dict[str, dict[str, StoredFeatures]] = {}
    for some in chunks(ids):
        for row in connection.execute(sa.select(features_table).where(features_table.c.item_id.in_(some))):
            found.setdefault(row.item_id, {})[row.modality] = StoredFeatures(row.fingerprint, row.vector, row.input)
    return found


def read_embeddings(connection: sa.Connection, ids: Sequence[str], space: str) -> dict[str, StoredEmbedding]:
    query = sa.select(embeddings_table).where(embeddings_table.c.space == space)
    rows = (row for some in chunks(ids) for row in connection.execute(query.where(embeddings_table.c.item_id.in_(some))))
    return {row.item_id: _to_embedding(row) for row in rows}


def _to_embedding(row: "sa.Row[Any]") -> StoredEmbedding:
    try:
        return StoredEmbedding(row.space, np.frombuffer(row.vector, np.float32), json.loads(row.fusion))
    except ValueError as error:
        raise RowDamaged("embeddings", row.item_id, str(error)) from error


def to_item(row: sa.RowMapping, features: Mapping[str, StoredFeatures], embedding: StoredEmbedding | None) -> StoredItem:
    plain = {name: row[name] for name in _PLAIN}
    try:
        attributes = json.loads(row["attributes"])
    except ValueError as error:
        raise RowDamaged("items", row["item_id"], f"its attributes are no JSON ({error})") from error
    return StoredItem(**plain, attributes=attributes, features=features, embedding=embedding)


def read_changes(connection: sa.Connection, ids: Sequence[str]) -> dict[str, int]:
    query = sa.select(items_table.c.item_id, items_table.c.change)
    rows = (row for some in chunks(ids) for row in connection.execute(query.where(items_table.c.item_id.in_(some))))
    return {row.item_id: row.change for row in rows}


def read_heads(connection: sa.Connection, ids: Sequence[str]) -> dict[str, StoredItem]:
    """Those of some items that are there, without their features and embeddings."""
    query = sa.select(items_table)
    found = (connection.execute(query.where(items_table.c.item_id.in_(some))).mappings() for some in chunks(ids))
    return {row["item_id"]: to_item(row, {}, None) for rows in found for row in rows}


def complete(connection: sa.Connection, heads: Iterable[StoredItem], space: str) -> list[StoredItem]:
    """Items, in the order given, with features and their embeddings in a space."""
    items = list(heads)
    ids = [item.item_id for item in items]
    features, embeddings = read_features(connection, ids), read_embeddings(connection, ids, space)
    return [replace(item, features=features.get(item.item_id, {}), embedding=embeddings.get(item.item_id)) for item in items]

"""The tables, and rows to records and back."""

import json
from collections.abc import Mapping, Sequence

import numpy as np
import sqlalchemy as sa

from service.store.records import StoredEmbedding, StoredFeatures, StoredItem

SCHEMA_VERSION = 1

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
)
features_table = sa.Table(
    "features",
    metadata,
    sa.Column("item_id", sa.String, sa.ForeignKey("items.item_id", ondelete="CASCADE"), primary_key=True),
    sa.Column("modality", sa.String, primary_key=True),
    sa.Column("fingerprint", sa.String, nullable=False),
    sa.Column("vector", sa.LargeBinary, nullable=False),
)
embeddings_table = sa.Table(
    "embeddings",
    metadata,
    sa.Column("item_id", sa.String, sa.ForeignKey("items.item_id", ondelete="CASCADE"), primary_key=True),
    sa.Column("space", sa.String, primary_key=True),
    sa.Column("vector", sa.LargeBinary, nullable=False),
    sa.Column("fusion", sa.Text, nullable=False),
)
meta_table = sa.Table(
    "meta", metadata, sa.Column("key", sa.String, primary_key=True), sa.Column("value", sa.Text, nullable=False)
)


def write_item(connection: sa.Connection, item: StoredItem, change: int) -> None:
    connection.execute(
        sa.insert(items_table).values(
            item_id=item.item_id,
            title=item.title,
            text=item.text,
            attributes=json.dumps(dict(item.attributes)),
            created_at=item.created_at,
            updated_at=item.updated_at,
            change=change,
        )
    )
    for modality, features in item.features.items():
        values = {"modality": modality, "fingerprint": features.fingerprint, "vector": features.data}
        connection.execute(sa.insert(features_table).values(item_id=item.item_id, **values))
    if item.embedding is not None:
        write_embedding(connection, item.item_id, item.embedding)


def write_embedding(connection: sa.Connection, item_id: str, embedding: StoredEmbedding) -> None:
    key = (embeddings_table.c.item_id == item_id) & (embeddings_table.c.space == embedding.space)
    connection.execute(sa.delete(embeddings_table).where(key))
    values = {"vector": embedding.vector.tobytes(), "fusion": json.dumps(embedding.fusion)}
    connection.execute(sa.insert(embeddings_table).values(item_id=item_id, space=embedding.space, **values))


def read_features(connection: sa.Connection, ids: Sequence[str]) -> dict[str, dict[str, StoredFeatures]]:
    found: dict[str, dict[str, StoredFeatures]] = {}
    for row in connection.execute(sa.select(features_table).where(features_table.c.item_id.in_(ids))):
        found.setdefault(row.item_id, {})[row.modality] = StoredFeatures(row.fingerprint, row.vector)
    return found


def read_embeddings(connection: sa.Connection, ids: Sequence[str], space: str) -> dict[str, StoredEmbedding]:
    query = sa.select(embeddings_table).where(embeddings_table.c.item_id.in_(ids), embeddings_table.c.space == space)
    return {
        row.item_id: StoredEmbedding(row.space, np.frombuffer(row.vector, np.float32), json.loads(row.fusion))
        for row in connection.execute(query)
    }


def to_item(row: sa.RowMapping, features: Mapping[str, StoredFeatures], embedding: StoredEmbedding | None) -> StoredItem:
    kept = ("item_id", "title", "text", "created_at", "updated_at")
    plain = {name: row[name] for name in kept}
    return StoredItem(**plain, attributes=json.loads(row["attributes"]), features=features, embedding=embedding)

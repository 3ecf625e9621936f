"""A store of an older version opens, keeps what it has, and serves."""

import sqlite3
from pathlib import Path

import httpx
import numpy as np
import pytest

from service.space import Space
from service.store.migrations import SCHEMA_VERSION, STEPS
from service.store.records import StoredFeatures
from service.store.store import Store
from tests.conftest import ClientMaker

VERSION_1 = """
CREATE TABLE items (item_id VARCHAR NOT NULL, title TEXT NOT NULL, text TEXT NOT NULL, attributes TEXT NOT NULL,
    created_at FLOAT NOT NULL, updated_at FLOAT NOT NULL, change BIGINT NOT NULL, PRIMARY KEY (item_id));
CREATE INDEX ix_items_change ON items (change);
CREATE TABLE features (item_id VARCHAR NOT NULL, modality VARCHAR NOT NULL, fingerprint VARCHAR NOT NULL, vector BLOB NOT NULL,
    PRIMARY KEY (item_id, modality), FOREIGN KEY(item_id) REFERENCES items (item_id) ON DELETE CASCADE);
CREATE TABLE embeddings (item_id VARCHAR NOT NULL, space VARCHAR NOT NULL, vector BLOB NOT NULL, fusion TEXT NOT NULL,
    PRIMARY KEY (item_id, space), FOREIGN KEY(item_id) REFERENCES items (item_id) ON DELETE CASCADE);
CREATE TABLE meta ("key" VARCHAR NOT NULL, value TEXT NOT NULL, PRIMARY KEY ("key"));
INSERT INTO meta VALUES ('schema_version', '1');
INSERT INTO items VALUES ('old', 'Sailboat mug', '', '{"price": 3}', 1.5, 2.5, 7);
"""
USER = "words-sailing-01"


def make_version_1(path: Path, space: Space) -> None:
    """The tables and rows as the first version wrote them."""
    specs = {name: spec for name, spec in space.manifest.specs.items() if name != "image"}
    vectors = {name: b"" if spec.sparse else np.full(spec.dim, 0.1, np.float32).tobytes() for name, spec in specs.items()}
    database = sqlite3.connect(path)
    database.executescript(VERSION_1)
    with database:
        rows = [(name, space.tower.fingerprints[name], vector) for name, vector in vectors.items()]
        database.executemany("INSERT INTO features VALUES ('old', ?, ?, ?)", rows)
    database.close()


def shape(path: Path) -> dict[str, set[tuple[str, str, int]]]:
    """Tables, and the names, types and nullability of their columns."""
    database = sqlite3.connect(path)
    tables = [name for (name,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
    columns = {table: {(c[1], c[2], c[3]) for c in database.execute(f"PRAGMA table_info({table})")} for table in tables}
    database.close()
    return columns


def test_an_older_store_gets_the_tables_of_today(tmp_path: Path, space: Space) -> None:
    make_version_1(tmp_path / "old.sqlite", space)

    old = Store(f"sqlite:///{tmp_path}/old.sqlite", lambda changes: None)
    item = old.get("old", "none")
    old.close()
    Store(f"sqlite:///{tmp_path}/new.sqlite", lambda changes: None).close()

    assert shape(tmp_path / "old.sqlite") == shape(tmp_path / "new.sqlite")
    assert item is not None
    assert (item.title, item.attributes, item.change) == ("Sailboat mug", {"price": 3}, 7)
    assert (item.created_at, item.updated_at) == (1.5, 2.5)
    assert (item.hidden, item.expires_at, item.features["text"].input) == (False, None, "")
    assert isinstance(item.features["text"], StoredFeatures)


def test_a_migrated_store_opens_again_without_another_migration(tmp_path: Path, space: Space) -> None:
    make_version_1(tmp_path / "old.sqlite", space)
    for _ in range(2):
        Store(f"sqlite:///{tmp_path}/old.sqlite", lambda changes: None).close()

    with sqlite3.connect(tmp_path / "old.sqlite") as database:
        assert database.execute("SELECT value FROM meta WHERE key = 'schema_version'").fetchone() == (str(SCHEMA_VERSION),)
    database.close()


def test_a_migration_that_fails_changes_nothing(tmp_path: Path, space: Space, monkeypatch: pytest.MonkeyPatch) -> None:
    make_version_1(tmp_path / "old.sqlite", space)
    before = shape(tmp_path / "old.sqlite")
    monkeypatch.setattr("service.store.migrations.STEPS", ((*STEPS[0], "ALTER TABLE nowhere ADD COLUMN x TEXT"), *STEPS[1:]))

    with pytest.raises(Exception, match="nowhere"):
        Store(f"sqlite:///{tmp_path}/old.sqlite", lambda changes: None)

    assert shape(tmp_path / "old.sqlite") == before


@pytest.mark.anyio
async def test_an_older_store_serves(service: ClientMaker, tmp_path: Path, space: Space) -> None:
    """Its items are recommended, read, and can be posted again."""
    make_version_1(tmp_path / "store.sqlite", space)

    async with service().client() as client:
        hits = (await client.get(f"/recommend/{USER}")).json()["items"]
        again = await _post(client)

    assert [hit["item_id"] for hit in hits] == ["old"]
    assert (again.status_code, again.json()["title"]) == (200, "Another mug")


async def _post(client: httpx.AsyncClient) -> httpx.Response:
    return await client.post("/items", json={"item_id": "old", "title": "Another mug"})

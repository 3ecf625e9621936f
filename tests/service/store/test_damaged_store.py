"""A store that is not as it was written stops the start with a sentence that names the row."""

import sqlite3

import pytest

from service.errors import SettingsError, StoreUnavailable
from service.settings import Settings
from service.space import Space
from service.store.snapshot import open_snapshot
from service.store.store import Store
from tests.conftest import ServiceContext
from tests.service.sending import event, post_items, send
from tests.service.swapping import serving

pytestmark = pytest.mark.anyio
UNEMBEDDED = "DELETE FROM embeddings; "


@pytest.mark.parametrize(
    ("statement", "told"),
    [
        ("UPDATE embeddings SET vector = x'00000000' WHERE item_id = 'b'", "item 'b' in table embeddings .* has 4 bytes"),
        ("UPDATE embeddings SET vector = x'000000' WHERE item_id = 'a'", "item 'a' in table embeddings .* has 3 bytes"),
        ("UPDATE items SET attributes = '{' WHERE item_id = 'b'", "item 'b' in table items .* are no JSON"),
        (UNEMBEDDED + "UPDATE features SET vector = x'00' WHERE modality = 'text'", "item 'a' in table features .* for text has"),
        (UNEMBEDDED + "UPDATE features SET vector = x'00' WHERE modality = 'words'", "item 'a' in table features .* for words"),
        ("UPDATE meta SET value = 'three' WHERE key = 'schema_version'", "schema_version, in table meta, is 'three'"),
    ],
)
async def test_a_row_that_cannot_be_read_is_named(space: Space, settings: Settings, statement: str, told: str) -> None:
    async with serving(space, settings) as client:
        await post_items(client, "a", "b")
        await send(client, event("e1", item="a"))
    with sqlite3.connect(settings.store_url.removeprefix("sqlite:///")) as database:
        database.executescript(statement)
    database.close()

    with pytest.raises(StoreUnavailable, match=told) as caught:
        async with ServiceContext(space, settings).client():
            pass

    assert "restore a backup" in str(caught.value)


def test_an_export_names_a_schema_version_that_is_no_number(settings: Settings) -> None:
    Store(settings.store_url, lambda changes: None).close()
    with sqlite3.connect(settings.store_url.removeprefix("sqlite:///")) as database:
        database.execute("UPDATE meta SET value = '²' WHERE key = 'schema_version'")
    database.close()

    with pytest.raises(StoreUnavailable, match="no number"), open_snapshot(settings.store_url):
        pass


def test_a_port_that_is_none_is_said_in_a_sentence() -> None:
    with pytest.raises(SettingsError, match="THAW_STORE_URL has a port"):
        Store("postgresql://shop:secret@host:port/thaw", lambda changes: None)

"""What a service gathered becomes a folder to train on, and what was trained on counts once."""

import csv
import gzip
import json
import random
import sqlite3
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from pydantic import SecretStr

from model.checkpoint import Checkpoint, load_checkpoint
from model.plain.bad_rows import BadRows
from model.plain.items import read_items
from service.commands.export import Exported, ExportRefused, HoldOut, export
from service.commands.working_folder import held
from service.errors import StoreUnavailable
from service.serving.configured import choose_checkpoint
from service.settings import Settings
from service.space import Space
from tests.conftest import HASHED, ServiceContext
from tests.fakes import draw_jpeg
from tests.service.from_the_store import Recomputed
from tests.service.settling import running, settle, swap
from tests.service.thawing.test_exactness import assert_same, lists, post
from training.config import DataConfig, ReadingConfig, TrainConfig
from training.data.plain import read_folder
from training.progress import SilentReporter
from training.train import train

pytestmark = pytest.mark.anyio
KEY = "an-admin-key-of-a-test"
WORDS = ("Sailboat mug", "Bread and flour", "A lighthouse in the harbour", "Oven warm rolls")


@pytest.fixture
def settings(tmp_path: Path, checkpoint_path: Path) -> Settings:
    return Settings(store_url=f"sqlite:///{tmp_path}/store.sqlite", checkpoint=checkpoint_path, admin_keys=SecretStr(KEY))


def make_events(checkpoint: Checkpoint, chance: random.Random) -> list[dict[str, Any]]:
    """Known users and strangers like, look at and hide new items and old ones."""
    users = [*checkpoint.user_ids[:12], *(f"stranger-{at}" for at in range(6)), "forgotten"]
    items = [*(f"new-{at}" for at in range(16)), *list(checkpoint.item_ids)[:8], "nowhere"]
    kinds = ("like", "like", "like", "purchase", "view", "impression", "hide")
    return [
        {"event_id": f"e{at}", "user_id": user, "item_id": item, "event_type": chance.choice(kinds)}
        for at, (user, item) in enumerate(chance.sample([(user, item) for user in users for item in items], 300))
    ]


async def fill(client: httpx.AsyncClient, checkpoint: Checkpoint) -> None:
    client.headers["X-API-Key"] = KEY
    warm = [{"item_id": item_id, "title": f"Warm {item_id}"} for item_id in list(checkpoint.item_ids)[:20]]
    await post(client, [*warm, *({"item_id": f"new-{at}", "title": WORDS[at % 4], "text": f"No. {at}"} for at in range(14))], [])
    for at in (14, 15):
        posted = await client.post("/items", data={"item_id": f"new-{at}"}, files={"image": ("a.jpg", draw_jpeg())})
        assert posted.status_code == 201
    await post(client, [], make_events(checkpoint, random.Random(2)))
    assert (await client.delete("/users/forgotten")).status_code == 204
    assert (await client.delete(f"/users/{checkpoint.user_ids[1]}")).status_code == 204
    again = {"event_id": "again", "user_id": checkpoint.user_ids[1], "item_id": "new-1", "event_type": "like"}
    await post(client, [], [again])


def rows_of(folder: Path) -> list[dict[str, str]]:
    with gzip.open(folder / "interactions.csv.gz", "rt", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def untrained(checkpoint: Checkpoint, rows: list[dict[str, str]], item_id: str) -> list[dict[str, str]]:
    """Events on an item by users of whom training kept nothing about it: looks, and those whom it did not keep at all."""
    kept, users = checkpoint.interactions, {name: row for row, name in enumerate(checkpoint.user_ids)}
    seen = {name: kept.items[kept.indptr[row] : kept.indptr[row + 1]].tolist() for name, row in users.items()}
    known = {user: {checkpoint.item_ids[item] for item in rows} for user, rows in seen.items()}
    of_item = [row for row in rows if row["item_id"] == item_id]
    return [row for row in of_item if item_id not in known.get(row["user_id"], set())]


def write(settings: Settings, out: Path) -> Exported:
    return export(settings, choose_checkpoint(settings), out, HoldOut(share=0.25, least_likes=2, seed=1))


async def test_an_export_holds_all_that_training_needs_and_no_erased_user(
    space: Space, checkpoint: Checkpoint, settings: Settings, tmp_path: Path
) -> None:
    async with ServiceContext(space, settings).client() as client:
        await fill(client, checkpoint)
        written = write(settings, tmp_path / "out")

    items = {row["item_id"]: row for row in map(json.loads, (tmp_path / "out" / "items.jsonl").read_text().splitlines())}
    rows = rows_of(tmp_path / "out")
    kept, history = checkpoint.interactions, {(row["user_id"], row["item_id"]) for row in rows if not row["timestamp"]}
    expected = {
        (user, checkpoint.item_ids[item])
        for at, user in enumerate(checkpoint.user_ids)
        for item in kept.items[kept.indptr[at] : kept.indptr[at + 1]]
        if user != checkpoint.user_ids[1] and checkpoint.item_ids[item] in items
    }
    assert history == expected
    assert not {row["user_id"] for row in rows} & {"forgotten", checkpoint.user_ids[1]}
    assert json.loads((tmp_path / "out" / "export.json").read_text())["events_through"] == written.events_through == 301
    assert len(rows) == written.history + written.events
    assert {items[item_id]["split"] for item_id in list(checkpoint.item_ids)[:20]} == {"warm"}
    assert {item_id for item_id, row in items.items() if row["split"] == "cold_val"} == set(written.held_out)
    assert all(item_id.startswith("new-") for item_id in written.held_out)
    assert written.compared_on == written.held_out  # too few to keep some apart
    assert written.left_out["event on an item that is not in the store"] > 0


async def test_a_checkpoint_of_an_export_counts_every_event_once(
    space: Space, checkpoint: Checkpoint, settings: Settings, tmp_path: Path
) -> None:
    """Nothing is encoded again; thawed items are warm; what was trained on neither folds nor thaws, the rest does."""
    async with ServiceContext(space, settings).client() as client:
        await fill(client, checkpoint)
        written, store_id = write(settings, tmp_path / "out"), running(client).store.store_id
        config = TrainConfig(
            DataConfig(tmp_path / "out", cache=tmp_path / "cache"),
            tmp_path / "next",
            reading=ReadingConfig(encoders=HASHED),
            device="cpu",
            numbers={"width": "16"},
        )
        train(config, SilentReporter())
        await swap(client, tmp_path / "next")
        users = [*checkpoint.user_ids[:12], *(f"stranger-{at}" for at in range(6))]
        trained = await lists(client, users)
        items = {f"new-{at}": (await client.get(f"/items/new-{at}")).json() for at in range(16)}
        more = make_events(checkpoint, random.Random(3))[:60]
        await post(client, [], [{**event, "event_id": f"more-{event['event_id']}"} for event in more])
        before = Recomputed(tmp_path / "store.sqlite", load_checkpoint(tmp_path / "next"))
        await settle(client)
        after = await lists(client, users)

    following = load_checkpoint(tmp_path / "next")
    encoded = sqlite3.connect(tmp_path / "cache" / "features.sqlite")
    assert encoded.execute("SELECT count(*) FROM features").fetchone() == (0,)
    encoded.close()
    assert following.manifest.events_through == written.events_through
    assert following.manifest.store_id == store_id
    states = {item_id: items[item_id]["state"] for item_id in items}
    assert {states[item_id] for item_id in written.held_out} == {"thawing"}
    assert {states[item_id] for item_id in set(items) - set(written.held_out)} == {"warm"}
    assert items["new-15"]["modalities"]["image"]
    told = {name: item["event_count"] for name, item in items.items() if name not in written.held_out}
    rows = rows_of(tmp_path / "out")
    returned = {"new-1": 1}  # of a user who was erased and came back: training never has it
    assert told == {name: len(untrained(following, rows, name)) + returned.get(name, 0) for name in told}
    pairs = {(row["user_id"], row["item_id"]) for row in rows}
    assert sum(user in following.user_ids for user, _ in pairs) > 100
    for user in users:
        assert_same(after[user], before.list_for(user))
        assert trained[user]


async def test_attributes_come_back_whatever_they_are_called(space: Space, settings: Settings, tmp_path: Path) -> None:
    attributes = {"title": "Ms", "split": "warm", "item_id": 7, "attributes": "some", "price": 12.5, "sold": None}
    async with ServiceContext(space, settings).client() as client:
        client.headers["X-API-Key"] = KEY
        await post(client, [{"item_id": "mug", "title": "Sailboat mug", "attributes": attributes}], [])
        write(settings, tmp_path / "out")

    (item,) = read_items(tmp_path / "out", BadRows("items"))

    assert (item.item_id, item.title) == ("mug", "Sailboat mug")
    assert item.attributes == attributes


async def test_training_on_an_export_counts_as_likes_what_the_service_does(
    space: Space, checkpoint: Checkpoint, settings: Settings, tmp_path: Path
) -> None:
    """Views too here, ratings from 8 on and no purchases; what was trained on stays learned, whatever a like is worth now."""
    theirs = Settings(**{**dict(settings), "event_weights": {"view": 1, "like": 0.5, "purchase": 0}, "rating_positive": 8})
    kinds = [("view", None), ("purchase", None), ("rating", 7.0), ("rating", 8.0)]
    events = [
        {"event_id": f"e{at}", "user_id": f"u{at}", "item_id": "new", "event_type": kind, "value": value}
        for at, (kind, value) in enumerate(kinds)
    ]
    warm = list(checkpoint.item_ids)
    async with ServiceContext(space, theirs).client() as client:
        client.headers["X-API-Key"] = KEY
        await post(client, [{"item_id": item_id, "title": item_id} for item_id in [*warm, "new"]], events)
        written = export(theirs, choose_checkpoint(theirs), tmp_path / "out", HoldOut(least_likes=2))

    folder = read_folder(tmp_path / "out")
    table = folder.interactions
    liked = {(table.user_ids[table.users[row]], folder.items[table.items[row]].item_id) for row in np.flatnonzero(table.positive)}
    kept = checkpoint.interactions
    trained = {
        (checkpoint.user_ids[user], warm[kept.items[at]])
        for user in range(len(checkpoint.user_ids))
        for at in range(kept.indptr[user], kept.indptr[user + 1])
        if kept.weights[at] > 0
    }
    assert liked == trained | {("u0", "new"), ("u3", "new")}
    assert written.held_out == ["new"]


async def test_training_again_with_nothing_new_forgets_nobody(
    space: Space, checkpoint: Checkpoint, settings: Settings, demo_folder: Path, tmp_path: Path
) -> None:
    """What is held out to stop by, another tenth each time, is in the export of the checkpoint that held it out."""
    items = read_items(demo_folder / "catalogue", BadRows("items"))
    async with ServiceContext(space, settings).client() as client:
        client.headers["X-API-Key"] = KEY
        await post(client, [{"item_id": item.item_id, "title": item.title} for item in items], [])
        first = write(settings, tmp_path / "1")
        config = TrainConfig(
            DataConfig(tmp_path / "1", cache=tmp_path / "cache"),
            tmp_path / "next",
            reading=ReadingConfig(encoders=HASHED),
            device="cpu",
            numbers={"width": "16"},
        )
        train(config, SilentReporter())
        write(Settings(**{**dict(settings), "checkpoint": tmp_path / "next"}), tmp_path / "2")

    pairs = [{(row["user_id"], row["item_id"]) for row in rows_of(tmp_path / name)} for name in ("1", "2")]
    held_out = {item for _, item, _ in load_checkpoint(tmp_path / "next").held_out.rows()}
    assert first.held_out == []
    assert held_out & set(checkpoint.item_ids)
    assert pairs[0] == pairs[1]
    assert len(pairs[0]) == first.history == len(list(checkpoint.held_out.rows())) + len(checkpoint.interactions.items)


async def test_checkpoints_are_compared_on_items_that_neither_was_stopped_by(
    space: Space, checkpoint: Checkpoint, settings: Settings, tmp_path: Path
) -> None:
    known = list(checkpoint.held_out.item_ids)[:6]
    ids = [*known, *(f"new-{at}" for at in range(60))]
    likes = [
        {"event_id": f"e{at}", "user_id": checkpoint.user_ids[at % 40], "item_id": item_id, "event_type": "like"}
        for at, item_id in enumerate(ids)
    ]
    async with ServiceContext(space, settings).client() as client:
        client.headers["X-API-Key"] = KEY
        await post(client, [{"item_id": item_id, "title": f"Mug {item_id}"} for item_id in ids], likes)
        written = export(settings, choose_checkpoint(settings), tmp_path / "out", HoldOut(share=1.0, least_likes=1))

    rows = map(json.loads, (tmp_path / "out" / "items.jsonl").read_text().splitlines())
    split = {row["item_id"]: row["split"] for row in rows}
    assert set(written.held_out) == set(ids)
    assert len(written.compared_on) == 30
    assert not set(written.compared_on) & set(known)
    assert {split[item_id] for item_id in written.compared_on} == {"cold_test"}
    assert {split[item_id] for item_id in set(ids) - set(written.compared_on)} == {"cold_val"}


async def test_an_export_does_not_touch_what_is_there(settings: Settings, space: Space, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "mine").write_text("mine")
    async with ServiceContext(space, settings).client():
        with pytest.raises(ExportRefused, match="there already"):
            write(settings, tmp_path / "out")

    assert [path.name for path in (tmp_path / "out").iterdir()] == ["mine"]


async def test_an_export_of_no_store_leaves_nothing(settings: Settings, tmp_path: Path) -> None:
    with pytest.raises(StoreUnavailable):
        write(settings, tmp_path / "out")

    assert [path.name for path in tmp_path.iterdir()] == []


async def test_an_export_removes_what_a_killed_one_left(settings: Settings, space: Space, tmp_path: Path) -> None:
    """Not what another export to the same name is writing, nor what is called otherwise."""
    left, busy, other = (tmp_path / name for name in (".out.0123abcd", ".out.4567abcd", ".out.mine"))
    for folder in (left, busy, other):
        folder.mkdir()
        (folder / "interactions.csv.gz").write_text("what users did")

    async with ServiceContext(space, settings).client():
        with held(busy):
            write(settings, tmp_path / "out")

    assert [folder.exists() for folder in (left, busy, other)] == [False, True, True]

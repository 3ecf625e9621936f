"""Another checkpoint takes over while the service answers."""

import asyncio
import random
import sqlite3
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from pydantic import SecretStr

from model.checkpoint import Checkpoint, load_checkpoint
from service.catalogue import Catalogue
from service.configured import choose_checkpoint, open_configured_space
from service.errors import SettingsError, StoreUnavailable
from service.ingest import Ingestor
from service.settings import Settings
from service.space import Space
from service.store.events import EventLog
from service.store.records import Put
from service.swap import Swapper
from tests.conftest import ServiceContext
from tests.service.from_the_store import Recomputed
from tests.service.settling import running, settle, swap, swapper
from tests.service.test_exactness import assert_same, lists, make_events, make_items, post

pytestmark = pytest.mark.anyio
SOME = slice(10, 22)
KEY = "an-admin-key-of-a-test"
USERS = ["words-sailing-01", "picture-leaves-01", "stranger-1", "stranger-2"]


@pytest.fixture
def other(other_path: Path) -> Checkpoint:
    return load_checkpoint(other_path)


@pytest.fixture
def settings(tmp_path: Path, checkpoint_path: Path) -> Settings:
    return Settings(store_url=f"sqlite:///{tmp_path}/store.sqlite", checkpoint=checkpoint_path, admin_keys=SecretStr(KEY))


@asynccontextmanager
async def serving(space: Space, settings: Settings) -> AsyncIterator[httpx.AsyncClient]:
    async with ServiceContext(space, settings).client() as client:
        client.headers["X-API-Key"] = KEY
        yield client


@asynccontextmanager
async def held(monkeypatch: pytest.MonkeyPatch, owner: type, step: str) -> AsyncIterator[threading.Event]:
    """While it is open, a step of the swap waits before it is done; the event says that it was reached."""
    reached, go_on = threading.Event(), threading.Event()
    original: Callable[..., Any] = getattr(owner, step)

    def waiting(*arguments: Any) -> Any:
        reached.set()
        go_on.wait(60)
        return original(*arguments)

    monkeypatch.setattr(owner, step, waiting)
    try:
        yield reached
    finally:
        monkeypatch.setattr(owner, step, original)
        go_on.set()


def spaces_in(settings: Settings) -> set[str]:
    """Spaces of which the store holds embeddings."""
    connection = sqlite3.connect(settings.store_url.removeprefix("sqlite:///"))
    found = {space for (space,) in connection.execute("SELECT DISTINCT space FROM embeddings")}
    connection.close()
    return found


async def test_lists_are_those_of_the_new_space_and_of_the_store_alone(
    space: Space, checkpoint: Checkpoint, other: Checkpoint, other_path: Path, settings: Settings, tmp_path: Path
) -> None:
    items, events = make_items(checkpoint)[SOME], make_events(checkpoint, random.Random(3))[:100]
    users = sorted({event["user_id"] for event in events})
    async with serving(space, settings) as client:
        await post(client, items, events[:70])
        await lists(client, users)  # fills caches that must not be used again
        said = await swap(client, other_path)
        await post(client, items[3:6], events[70:])
        await settle(client)
        served = await lists(client, users)
        item = (await client.get("/items/cold-1")).json()

    expected = Recomputed(tmp_path / "store.sqlite", other)
    assert said["space"] == item["space"] == other.version
    assert said["swap"] == {
        "state": "done",
        "checkpoint": str(other_path),
        "space": other.version,
        "done": len(items),
        "total": len(items),
        "error": None,
    }
    assert spaces_in(settings) == {other.version}
    for user in users:
        assert_same(served[user], expected.list_for(user))


async def test_what_changes_while_the_new_space_is_built_is_in_it(
    space: Space,
    checkpoint: Checkpoint,
    other: Checkpoint,
    other_path: Path,
    settings: Settings,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """New items, other words, hidden, gone, events, an erasure: nothing waits, and nothing is lost."""
    items, events = make_items(checkpoint)[SOME], make_events(checkpoint, random.Random(4))[:100]
    users = sorted({event["user_id"] for event in events} - {"stranger-1"})
    async with serving(space, settings) as client:
        await post(client, items[:-3], events[:60])
        async with held(monkeypatch, Swapper, "_catch_up") as reached:
            started = await client.post("/admin/model", json={"checkpoint": str(other_path)})
            await asyncio.to_thread(reached.wait, 60)
            await post(client, [*items[-3:], items[6] | {"title": "Warm bread"}, items[3]], events[60:])
            await client.patch("/items/cold-2", json={"hidden": True})
            await client.delete("/items/cold-3")
            await client.delete("/users/stranger-1")
            meanwhile = await lists(client, users)
            old = Recomputed(tmp_path / "store.sqlite", checkpoint)
        await swapper(client).finished()
        await settle(client)
        served = await lists(client, users)
        gone = await client.get("/recommend/stranger-1")

    new = Recomputed(tmp_path / "store.sqlite", other)
    assert started.json()["state"] == "verifying"
    assert gone.status_code == 404
    for user in users:
        shown = {item: score for item, score in new.list_for(user).items() if item != "cold-2"}
        assert_same(served[user], shown)
        assert {item for item, _ in meanwhile[user]} == set(old.list_for(user)) - {"cold-2"}


async def test_an_items_first_event_while_events_are_read_counts_in_the_new_space(
    space: Space,
    checkpoint: Checkpoint,
    other: Checkpoint,
    other_path: Path,
    settings: Settings,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """It came between the reading of the items that have events and that of the events."""
    async with serving(space, settings) as client:
        await post(client, make_items(checkpoint)[SOME], [])
        async with held(monkeypatch, EventLog, "pairs") as reached:
            await client.post("/admin/model", json={"checkpoint": str(other_path)})
            await asyncio.to_thread(reached.wait, 60)
            await post(client, [], [{"event_id": "1", "user_id": USERS[0], "item_id": "cold-1", "event_type": "like"}])
        await swapper(client).finished()
        await settle(client)
        served = await lists(client, USERS[:1])

    assert_same(served[USERS[0]], Recomputed(tmp_path / "store.sqlite", other).list_for(USERS[0]))


async def test_who_asked_of_late_is_in_the_cache_of_the_new_space(
    space: Space, checkpoint: Checkpoint, other_path: Path, settings: Settings
) -> None:
    async def missed() -> float:
        lines = (await client.get("/metrics")).text.splitlines()
        return next(float(line.split()[1]) for line in lines if line.startswith('thaw_user_cache_total{outcome="miss"}'))

    async with serving(space, settings) as client:
        await post(client, make_items(checkpoint)[SOME], [])
        await lists(client, USERS[:2])
        await swap(client, other_path)
        before = await missed()
        answers = await lists(client, USERS[:2])
        after = await missed()

    assert all(answers.values())
    assert before == after


async def test_every_list_of_a_busy_swap_is_of_the_space_that_it_names(
    space: Space, checkpoint: Checkpoint, other: Checkpoint, other_path: Path, settings: Settings, tmp_path: Path
) -> None:
    async with serving(space, settings) as client:
        await post(client, make_items(checkpoint)[SOME], make_events(checkpoint, random.Random(5))[:80])
        await settle(client)
        before = Recomputed(tmp_path / "store.sqlite", checkpoint)
        answers: list[tuple[str, httpx.Response]] = []

        async def ask() -> None:
            while swapper(client).progress.state != "done":
                user = USERS[len(answers) % len(USERS)]
                answers.append((user, await client.get(f"/recommend/{user}", params={"k": 500, "fallback": True})))

        await client.post("/admin/model", json={"checkpoint": str(other_path)})
        await asyncio.gather(ask(), ask(), ask())
        await ask()
        last = await client.get(f"/recommend/{USERS[0]}", params={"k": 500})

    expected = {checkpoint.version: before, other.version: Recomputed(tmp_path / "store.sqlite", other)}
    assert len(answers) > 3
    assert last.json()["space"] == other.version
    for user, answer in [*answers, (USERS[0], last)]:
        served = [(hit["item_id"], hit["score"]) for hit in answer.json()["items"]]
        assert_same(served, expected[answer.json()["space"]].list_for(user))


async def test_an_item_that_was_on_its_way_arrives_in_the_new_space(
    space: Space, other: Checkpoint, other_path: Path, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It was embedded in the old space, and its write came after the other took over: it is done again."""
    arrived, swapped, commit = asyncio.Event(), asyncio.Event(), Ingestor._commit

    async def late(self: Ingestor, *arguments: Any) -> Put:
        arrived.set()
        await swapped.wait()
        return await commit(self, *arguments)

    monkeypatch.setattr(Ingestor, "_commit", late)
    async with serving(space, settings) as client:
        posting = asyncio.create_task(client.post("/items", json={"item_id": "late", "title": "Sailboat mug"}))
        await arrived.wait()
        await swap(client, other_path)
        swapped.set()
        answer = await posting
        hits = await lists(client, USERS[:1])

    assert (answer.status_code, answer.json()["space"], answer.json()["searchable"]) == (201, other.version, True)
    assert set(answer.json()["gate"]) == {view.name for view in other.manifest.network.views}
    assert [item for item, _ in hits[USERS[0]]] == ["late"]
    assert spaces_in(settings) == {other.version}


def _fail(*_arguments: object) -> None:
    raise StoreUnavailable("the disk is full")


@pytest.mark.parametrize(
    ("owner", "step"),
    [(Swapper, "_open"), (Catalogue, "embed"), (Catalogue, "fill"), (Catalogue, "follow"), (Swapper, "_take_over"), (None, "")],
    ids=["open", "embed", "fill", "follow", "take over", "remember"],
)
async def test_a_failure_at_any_step_leaves_the_old_space_serving(
    space: Space,
    checkpoint: Checkpoint,
    other_path: Path,
    settings: Settings,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    owner: type | None,
    step: str,
) -> None:
    async with serving(space, settings) as client:
        await post(client, make_items(checkpoint)[14:18], make_events(checkpoint, random.Random(6))[:30])
        await settle(client)
        before = await lists(client, USERS[:2])
        with monkeypatch.context() as patch:
            patch.setattr(*(("service.swap.write_active", _fail) if owner is None else (owner, step, _fail)))
            said = await swap(client, other_path)
        again = await lists(client, USERS[:2])
        await post(client, [{"item_id": "after", "title": "Sailboat mug"}], [])
        after = await lists(client, USERS[:1])
        better = await swap(client, other_path)

    assert (said["space"], said["swap"]["state"]) == (checkpoint.version, "failed")
    assert "the disk is full" in said["swap"]["error"]
    assert again == before
    assert "after" in dict(after[USERS[0]])
    assert (better["swap"]["state"], better["swap"]["error"]) == ("done", None)


async def test_a_failed_swap_leaves_nothing_in_the_store(
    space: Space, checkpoint: Checkpoint, other_path: Path, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with serving(space, settings) as client:
        await post(client, make_items(checkpoint)[SOME], [])
        monkeypatch.setattr(Catalogue, "fill", _fail)
        await swap(client, other_path)

        assert spaces_in(settings) == {checkpoint.version}
        assert choose_checkpoint(settings) == settings.checkpoint


async def test_a_changed_file_is_found_and_named(space: Space, other_path: Path, settings: Settings, tmp_path: Path) -> None:
    changed = tmp_path / "changed"
    changed.mkdir()
    for file in other_path.iterdir():
        (changed / file.name).write_bytes(file.read_bytes())
    (changed / "embeddings.safetensors").write_bytes(b"rubbish")

    async with serving(space, settings) as client:
        said = await swap(client, changed)

    assert (said["space"], said["swap"]["state"]) == (space.version, "failed")
    assert "embeddings.safetensors" in said["swap"]["error"]


async def test_where_there_is_no_checkpoint_nothing_is_begun(space: Space, settings: Settings, tmp_path: Path) -> None:
    async with serving(space, settings) as client:
        answer = await client.post("/admin/model", json={"checkpoint": str(tmp_path / "nowhere")})
        said = (await client.get("/model")).json()

    assert (answer.status_code, answer.json()["type"]) == (422, "urn:thaw:problem:checkpoint-refused")
    assert "nowhere" in answer.json()["detail"]
    assert (said["space"], said["swap"]["state"]) == (space.version, "idle")


async def test_a_second_swap_is_refused_while_one_goes_on(
    space: Space, other: Checkpoint, other_path: Path, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with serving(space, settings) as client:
        async with held(monkeypatch, Swapper, "_catch_up") as reached:
            await client.post("/admin/model", json={"checkpoint": str(other_path)})
            await asyncio.to_thread(reached.wait, 60)
            refused = await client.post("/admin/model", json={"checkpoint": str(settings.checkpoint)})
        await swapper(client).finished()
        said = (await client.get("/model")).json()

    assert (refused.status_code, refused.json()["type"]) == (409, "urn:thaw:problem:swap-running")
    assert str(other_path) in refused.json()["detail"]
    assert (said["space"], said["swap"]["state"]) == (other.version, "done")


async def test_a_swap_needs_an_admin_key(space: Space, other_path: Path, settings: Settings) -> None:
    given = settings.model_copy(update={"write_keys": SecretStr("a-write-key-of-a-test")})
    async with serving(space, given) as client:
        body = {"checkpoint": str(other_path)}
        refused = await client.post("/admin/model", json=body, headers={"X-API-Key": "a-write-key-of-a-test"})
        said = (await client.get("/model")).json()

    assert refused.status_code == 403
    assert said["swap"]["state"] == "idle"


async def test_encoders_of_the_same_spec_are_not_loaded_again(space: Space, other_path: Path, settings: Settings) -> None:
    async with serving(space, settings) as client:
        before = dict(running(client).space.tower.encoders)
        await swap(client, other_path)
        after = running(client).space.tower.encoders

    assert [after[name] is encoder for name, encoder in before.items()] == [True] * len(before)


async def test_a_service_that_stops_gives_up_its_swap(
    space: Space, checkpoint: Checkpoint, other_path: Path, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with serving(space, settings) as client:
        await post(client, make_items(checkpoint)[SOME], [])
        async with held(monkeypatch, Catalogue, "fill") as reached:
            await client.post("/admin/model", json={"checkpoint": str(other_path)})
            await asyncio.to_thread(reached.wait, 60)
            closing = asyncio.create_task(swapper(client).close())
            await asyncio.sleep(0)
        await closing
        said = (await client.get("/model")).json()

    assert (said["space"], said["swap"]["state"]) == (checkpoint.version, "failed")


async def test_after_a_restart_the_checkpoint_that_was_swapped_in_serves(
    space: Space, checkpoint: Checkpoint, other: Checkpoint, other_path: Path, settings: Settings
) -> None:
    async with serving(space, settings) as client:
        await post(client, make_items(checkpoint)[SOME], [])
        await swap(client, other_path)
        before = await lists(client, USERS[:2])

    async with serving(open_configured_space(settings), settings) as client:
        after = await lists(client, USERS[:2])

    assert choose_checkpoint(settings) == other_path
    assert {user: dict(hits) for user, hits in after.items()} == {
        user: pytest.approx(dict(hits), abs=1e-5) for user, hits in before.items()
    }


async def test_a_swapped_in_checkpoint_that_is_gone_stops_the_start_unless_told_otherwise(
    space: Space, checkpoint: Checkpoint, other_path: Path, settings: Settings, tmp_path: Path
) -> None:
    moving = tmp_path / "moving"
    moving.mkdir()
    for file in other_path.iterdir():
        (moving / file.name).write_bytes(file.read_bytes())
    async with serving(space, settings) as client:
        await swap(client, moving)
    moving.rename(tmp_path / "moved")
    forced = settings.model_copy(update={"force_checkpoint": True})

    with pytest.raises(SettingsError, match="THAW_FORCE_CHECKPOINT=true") as error:
        open_configured_space(settings)
    async with serving(open_configured_space(forced), forced) as client:
        said = (await client.get("/model")).json()

    assert str(moving) in str(error.value)
    assert said["space"] == checkpoint.version
    assert choose_checkpoint(settings) == settings.checkpoint

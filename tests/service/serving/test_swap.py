"""Another checkpoint takes over while the service answers."""

import asyncio
import random
from pathlib import Path
from typing import Any

import httpx
import pytest

from model.checkpoint import Checkpoint
from service.items.ingest import Ingestor
from service.serving.swap import Swapper
from service.settings import Settings
from service.space import Space
from service.store.events import EventLog
from service.store.records import Put
from tests.service.changing import counted
from tests.service.from_the_store import Recomputed
from tests.service.settling import settle, swap, swapper
from tests.service.swapping import SOME, USERS, held, serving, spaces_in
from tests.service.thawing.test_exactness import assert_same, lists, make_events, make_items, post

pytestmark = pytest.mark.anyio
MISSES = 'thaw_user_cache_total{outcome="miss"}'


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
    async with serving(space, settings) as client:
        await post(client, make_items(checkpoint)[SOME], [])
        await lists(client, USERS[:2])
        await swap(client, other_path)
        before = await counted(client, MISSES)
        answers = await lists(client, USERS[:2])
        after = await counted(client, MISSES)

    assert all(answers.values())
    assert before == after > 0


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

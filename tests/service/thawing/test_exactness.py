"""What is served is a function of the checkpoint and the set of events, and of nothing else."""

import random
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import httpx
import pytest

from model.checkpoint import Checkpoint
from service.settings import Settings
from service.space import Space
from service.thawing.reactions import SECONDS_A_DAY
from tests.conftest import ServiceContext
from tests.service.from_the_store import Recomputed
from tests.service.settling import settle

pytestmark = pytest.mark.anyio
KINDS = ("like", "purchase", "view", "impression", "impression", "hide", "return")
STRANGERS = [f"stranger-{at}" for at in range(6)]


def make_items(checkpoint: Checkpoint) -> list[dict[str, Any]]:
    """Warm and cold ones."""
    warm = [{"item_id": item_id, "title": f"warm {item_id}"} for item_id in list(checkpoint.item_ids)[:15]]
    cold = [{"item_id": f"cold-{at}", "title": f"Sailboat {at}", "text": "Rope and bread " * (at % 4)} for at in range(15)]
    return warm + cold


def make_events(checkpoint: Checkpoint, chance: random.Random) -> list[dict[str, Any]]:
    """Of known users and strangers, on items that are posted, that only the checkpoint knows, and that nobody knows."""
    users = list(checkpoint.user_ids)[:8] + STRANGERS
    items = [item["item_id"] for item in make_items(checkpoint)] + list(checkpoint.item_ids)[20:24] + ["nowhere"]
    return [
        {
            "event_id": f"event-{at}",
            "user_id": chance.choice(users),
            "item_id": chance.choice(items),
            "event_type": chance.choice(KINDS),
            "timestamp": f"2026-01-{chance.randrange(1, 29):02}T12:{chance.randrange(60):02}:00Z",
        }
        for at in range(240)
    ]


async def post(client: httpx.AsyncClient, items: Sequence[dict[str, Any]], events: Sequence[dict[str, Any]]) -> None:
    for item in items:
        assert (await client.post("/items", json=item)).is_success
    for start in range(0, len(events), 37):
        answer = await client.post("/events", json={"events": list(events[start : start + 37])})
        assert answer.json()["counts"]["invalid"] == 0


async def lists(client: httpx.AsyncClient, users: Sequence[str]) -> dict[str, list[tuple[str, float]]]:
    answers = {user: (await client.get(f"/recommend/{user}", params={"k": 500})).json() for user in users}
    return {user: [(hit["item_id"], hit["score"]) for hit in answer["items"]] for user, answer in answers.items()}


def assert_same(served: list[tuple[str, float]], expected: dict[str, float]) -> None:
    """The same items with the same scores, best first but for what rounding may turn round."""
    assert dict(served) == pytest.approx(expected, abs=2e-4)
    ranked = [expected[item_id] for item_id, _ in served]
    assert all(ahead >= behind - 1e-4 for ahead, behind in pairwise(ranked))


@pytest.mark.parametrize("half_life_days", [None, 5.0])
async def test_three_orders_give_the_lists_that_the_store_alone_gives(
    space: Space, checkpoint: Checkpoint, tmp_path: Path, half_life_days: float | None
) -> None:
    """Shuffled, with restarts in between, with duplicates, items before and after their events, items that come and go."""
    items, events = make_items(checkpoint), make_events(checkpoint, random.Random(7))
    users = [*sorted({event["user_id"] for event in events}), checkpoint.user_ids[20]]
    shuffled = random.Random(1).sample(events, len(events))
    half_life = {} if half_life_days is None else {"taste_half_life_days": half_life_days}

    def context(name: str) -> ServiceContext:
        return ServiceContext(space, Settings(store_url=f"sqlite:///{tmp_path}/{name}.sqlite", checkpoint=tmp_path, **half_life))  # type: ignore[arg-type]

    async with context("first").client() as client:
        await post(client, items, events)
        await settle(client)
        first = await lists(client, users)
    async with context("second").client() as client:
        await post(client, items[20:], shuffled[:100])
        await lists(client, users)  # fills caches that must not be used again
        await post(client, [items[25] | {"title": "Something else"}], [])
    async with context("second").client() as client:
        await post(client, items[:10], shuffled[60:])
        await settle(client)
        await client.delete("/items/cold-12")
        await post(client, items, shuffled)
        await settle(client)
        second = await lists(client, users)
    async with context("third").client() as client:
        await post(client, [], events[::-1])
        await post(client, items[::-1], events[:5])
    async with context("third").client() as client:
        third = await lists(client, users)

    expected = Recomputed(tmp_path / "first.sqlite", checkpoint, (half_life_days or float("inf")) * SECONDS_A_DAY)
    moved = [item for item, at in expected.served.items() if abs(at - expected.anchors[item]).max() > 1e-3]
    assert len(moved) > 20
    for user in users:
        for served in (first, second, third):
            assert_same(served[user], expected.list_for(user))


async def test_after_an_erasure_the_lists_are_those_of_the_store_alone(
    space: Space, checkpoint: Checkpoint, tmp_path: Path
) -> None:
    items, events = make_items(checkpoint), make_events(checkpoint, random.Random(8))
    known, stranger = checkpoint.user_ids[0], STRANGERS[0]
    users = sorted({event["user_id"] for event in events} - {known, stranger})
    settings = Settings(store_url=f"sqlite:///{tmp_path}/s.sqlite", checkpoint=tmp_path)

    async with ServiceContext(space, settings).client() as client:
        await post(client, items, events)
        await settle(client)
        for user in (known, stranger):
            assert (await client.delete(f"/users/{user}")).status_code == 204
        new = {"event_id": "again", "user_id": known, "item_id": "cold-3", "event_type": "like"}
        await post(client, [], [new])
        await settle(client)
        before = await lists(client, [*users, known])
        gone = await client.get(f"/recommend/{stranger}")
    async with ServiceContext(space, settings).client() as client:
        after = await lists(client, [*users, known])

    expected = Recomputed(tmp_path / "s.sqlite", checkpoint)
    assert gone.status_code == 404
    for user in [*users, known]:
        assert_same(before[user], expected.list_for(user))
        assert_same(after[user], expected.list_for(user))

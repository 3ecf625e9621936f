"""`/users` over HTTP: what is held of a user, and its erasure."""

import asyncio
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest
from pydantic import SecretStr

from service.settings import Settings
from service.space import Space
from service.users.cache import LocalUserCache
from tests.conftest import ClientMaker
from tests.fakes import open_redis
from tests.service.sending import STRANGER, USER, event, post_items, scores, send
from tests.service.settling import running, settle, swap
from tests.service.swapping import serving

pytestmark = pytest.mark.anyio
KEY = "admin-key-of-the-test"


async def test_what_is_held_of_a_user_is_told(client: httpx.AsyncClient) -> None:
    await send(
        client,
        event("e1", USER, timestamp="2026-01-02T00:00:00Z"),
        event("e2", USER, kind="view", timestamp="2026-01-01T00:00:00Z"),
    )

    known, unknown = (await client.get(f"/users/{USER}")).json(), await client.get("/users/nobody")

    assert (known["known_to_checkpoint"], known["events"], known["counts"]) == (True, 2, {"like": 1, "view": 1})
    assert (known["last_event"], known["erased_at"]) == ("2026-01-02T00:00:00.000+00:00", None)
    assert (unknown.status_code, unknown.json()["type"]) == (404, "urn:thaw:problem:unknown-user")


async def test_an_erased_user_is_unknown_over_restarts_and_every_checkpoint(service: ClientMaker) -> None:
    async with service().client() as client:
        await post_items(client, "a", "b")
        await send(client, event("e1", USER))
        await settle(client)
        answer = await client.delete(f"/users/{USER}")
        first = await client.get(f"/recommend/{USER}")
        held = (await client.get(f"/users/{USER}")).json()
        await settle(client)
        item = (await client.get("/items/a")).json()
    async with service().client() as client:
        second = await client.get(f"/recommend/{USER}")

    assert answer.status_code == 204
    assert (first.status_code, second.status_code) == (404, 404)
    assert (held["known_to_checkpoint"], held["events"], held["counts"]) == (False, 0, {})
    assert held["erased_at"] is not None
    assert (item["state"], item["event_count"], item["thawed"]) == ("cold", 0, 0.0)


async def test_an_erased_user_comes_back_as_somebody_new(client: httpx.AsyncClient) -> None:
    """With its later events, without its training, and earlier events that are sent again are not kept."""
    await post_items(client, "a", "b", "c")
    early = event("e1", USER, "b", timestamp="2026-01-01T00:00:00Z")
    await send(client, early, event("n1", STRANGER, "a"))
    await client.delete(f"/users/{USER}")

    again = await send(client, early, event("e2", USER, "a"))
    answer = (await client.get(f"/users/{USER}")).json()

    assert [one["status"] for one in again["events"]] == ["erased", "accepted"]
    assert (answer["known_to_checkpoint"], answer["events"]) == (False, 1)
    assert await scores(client, USER) == pytest.approx(await scores(client, STRANGER), abs=1e-6)


async def test_an_erased_user_is_in_no_audience_and_its_training_explains_nothing(service: ClientMaker) -> None:
    async with service(admin_keys=SecretStr(KEY)).client() as client:
        client.headers["Authorization"] = f"Bearer {KEY}"
        await post_items(client, "a", "b")
        wishes = {"k": 500, "exclude_seen": False}
        before = (await client.get("/items/a/audience", params=wishes)).json()["users"]
        await client.delete(f"/users/{USER}")
        after = (await client.get("/items/a/audience", params=wishes)).json()["users"]
        await send(client, event("e1", USER, "a"))
        explained = (await client.get(f"/recommend/{USER}", params={"explain": True})).json()["items"]

    assert {one["user_id"] for one in before} - {one["user_id"] for one in after} == {USER}
    assert [near["item_id"] for near in explained[0]["explanation"]["nearest"]] == ["a"]


async def test_one_who_never_was_here_can_be_erased(client: httpx.AsyncClient) -> None:
    assert (await client.delete("/users/nobody")).status_code == 204
    assert (await client.get("/users/nobody")).json()["erased_at"] is not None
    assert (await client.delete("/users/nobody")).status_code == 204


async def test_caches_hold_nothing_of_an_erased_user(service: ClientMaker, redis_url: str) -> None:
    cache = open_redis(redis_url)
    async with service(redis_url=redis_url, redis_timeout_seconds=2.0).client() as client:
        await post_items(client, "a")
        await send(client, event("e1", "forgotten"))
        await scores(client, "forgotten")
        await send(client, event("e2", "kept"))
        await scores(client, "kept")
        await client.delete("/users/forgotten")
        held = [await cache.get(user) for user in ("forgotten", "kept")]
    await cache.close()

    assert held[0] is None
    assert held[1] is not None


class HeldCache(LocalUserCache):
    """Answers when it is told to."""

    def __init__(self) -> None:
        super().__init__(10)
        self.reached, self.go_on = asyncio.Event(), asyncio.Event()

    async def get(self, user_id: str) -> bytes | None:
        self.reached.set()
        await self.go_on.wait()
        return await super().get(user_id)


@pytest.mark.parametrize("user_id", [USER, "stranger"])
async def test_a_list_that_was_asked_for_before_an_erasure_leaves_nothing_in_a_cache(service: ClientMaker, user_id: str) -> None:
    cache = HeldCache()
    async with service().client() as client:
        await post_items(client, "a")
        await send(client, event("e1", user_id, "a"))
        users = running(client).users
        users._caches = [cache]
        asked = asyncio.create_task(client.get(f"/recommend/{user_id}"))
        await cache.reached.wait()
        assert (await client.delete(f"/users/{user_id}")).status_code == 204
        cache.go_on.set()
        assert (await asked).status_code == 200
        await asyncio.gather(*users._writes)

        assert await cache.get(user_id) is None


async def test_a_list_that_was_asked_for_before_a_swap_leaves_nobody_in_a_cache_who_was_erased_after_it(
    space: Space, settings: Settings, other_path: Path
) -> None:
    cache = HeldCache()
    async with serving(space, settings) as client:
        await post_items(client, "a")
        users = running(client).users
        users._caches = [cache]
        asked = asyncio.create_task(client.get(f"/recommend/{USER}"))
        await cache.reached.wait()
        await swap(client, other_path)
        assert (await client.delete(f"/users/{USER}")).status_code == 204
        cache.go_on.set()
        assert (await asked).status_code == 200
        await asyncio.gather(*users._writes)

        assert await cache.get(USER) is None


async def test_a_dropped_value_is_gone() -> None:
    cache = LocalUserCache(2)
    await cache.put("a", b"1")

    await cache.drop("a")
    await cache.drop("a")

    assert await cache.get("a") is None


async def test_what_a_fast_clock_sent_does_not_come_back_after_an_erasure(client: httpx.AsyncClient) -> None:
    """A queue that delivers at least once sends it again."""
    ahead = (datetime.now(UTC) + timedelta(hours=20)).isoformat()
    event = {"event_id": "e", "user_id": "erin", "item_id": "a", "event_type": "like", "timestamp": ahead}
    first = (await client.post("/events", json=event)).json()
    assert (await client.delete("/users/erin")).status_code == 204

    again = (await client.post("/events", json=event)).json()
    assert (await client.delete("/users/erin")).status_code == 204  # as clients do who did not see the answer
    once_more = (await client.post("/events", json=event)).json()
    back = (await client.post("/events", json={**event, "event_id": "n", "timestamp": None})).json()

    said = [answer["events"][0]["status"] for answer in (first, again, once_more, back)]
    assert said == ["accepted", "erased", "erased", "accepted"]  # a later deed makes the user known again
    assert (await client.get("/users/erin")).json()["events"] == 1


async def test_what_names_no_time_does_not_come_back_after_an_erasure_either(client: httpx.AsyncClient) -> None:
    """Each time that it is sent it happens now."""
    event = {"event_id": "order-7", "user_id": "erin", "item_id": "a", "event_type": "purchase"}
    first = (await client.post("/events", json=event)).json()
    await client.delete("/users/erin")
    again = (await client.post("/events", json=event)).json()
    back = (await client.post("/events", json={**event, "event_id": "order-8"})).json()

    assert [answer["events"][0]["status"] for answer in (first, again, back)] == ["accepted", "erased", "accepted"]
    assert (await client.get("/users/erin")).json()["events"] == 1


async def test_nothing_is_left_of_items_that_only_an_erased_user_had_to_do_with(client: httpx.AsyncClient) -> None:
    """Events may name any item at all: what they name must not be kept for ever."""
    views = [{"event_id": f"e{at}", "user_id": "erin", "item_id": f"made-up-{at}", "event_type": "view"} for at in range(500)]
    await client.post("/items", json={"item_id": "real", "title": "Sailboat mug"})
    await client.post("/events", json={"events": [*views, {**views[0], "event_id": "r", "item_id": "real"}]})
    await settle(client)
    items = running(client).ledger.tables.items
    held = len(items.names())

    assert (await client.delete("/users/erin")).status_code == 204
    await settle(client)

    assert (held, len(items.names())) == (501, 0)
    assert (await client.get("/items/real")).json()["state"] == "cold"
    assert (await client.post("/events", json={**views[7], "event_id": "n", "user_id": "ann"})).json()["counts"]["accepted"] == 1

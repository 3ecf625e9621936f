"""What events do to items, which of them count, and how long they are kept."""

import asyncio
import time

import httpx
import numpy as np
import pytest

from model.checkpoint import Checkpoint
from service.lists.recommendation_id import Origin, name_list
from service.space import Space
from tests.conftest import ClientMaker
from tests.service.sending import STRANGER, USER, WITHIN_SECONDS, event, post_items, scores, send
from tests.service.settling import running, settle

pytestmark = pytest.mark.anyio


async def test_an_item_thaws_by_itself_within_a_second(client: httpx.AsyncClient) -> None:
    await post_items(client, "a", "b")
    cold, before = (await client.get("/items/a")).json(), (await scores(client, USER))["a"]
    await send(client, *[event(f"e{at}", f"user-{at}") for at in range(20)], event("s", "user-1", kind="impression"))

    deadline = time.monotonic() + WITHIN_SECONDS
    while (await scores(client, USER))["a"] == before and time.monotonic() < deadline:
        await asyncio.sleep(0)
    item, listed = (
        (await client.get("/items/a")).json(),
        (await client.get(f"/recommend/{USER}", params={"cold_only": True})).json(),
    )

    assert (cold["state"], cold["event_count"], cold["thawed"]) == ("cold", 0, 0.0)
    assert (item["state"], item["event_count"]) == ("thawing", 21)
    assert 0 < item["thawed"] < 1
    assert (await scores(client, USER))["a"] != before
    assert {hit["item_id"]: hit["state"] for hit in listed["items"]} == {"a": "thawing", "b": "cold"}
    assert "thaw_lag_seconds_count 0.0" not in (await client.get("/metrics")).text


async def test_a_warm_item_stays_warm_and_moves_less_than_a_cold_one(client: httpx.AsyncClient, checkpoint: Checkpoint) -> None:
    warm = checkpoint.item_ids[0]
    await post_items(client, warm, "a")
    likes = [event(f"{item}-{at}", f"user-{at}", item) for item in (warm, "a") for at in range(5)]

    await send(client, *likes)
    await settle(client)
    items = {name: (await client.get(f"/items/{name}")).json() for name in (warm, "a")}

    assert (items[warm]["state"], items[warm]["event_count"]) == ("warm", 5)
    assert 0 < items[warm]["thawed"] < items["a"]["thawed"]


async def test_a_thawing_item_keeps_what_is_left_of_its_coldness(client: httpx.AsyncClient) -> None:
    """`tau` lifts it by as much less as it has thawed."""
    await post_items(client, "a", "b")
    await send(client, *[event(f"e{at}", f"user-{at}") for at in range(20)])
    await settle(client)

    plain, lifted = [
        {hit["item_id"]: hit["score"] for hit in (await client.get(f"/recommend/{USER}", params={"tau": tau})).json()["items"]}
        for tau in (0, 5)
    ]
    thawed = (await client.get("/items/a")).json()["thawed"]

    lift = {item: lifted[item] - plain[item] for item in ("a", "b")}
    assert lift["a"] == pytest.approx(lift["b"] * (1 - thawed), rel=1e-3)
    assert 0 < lift["a"] < lift["b"]


async def test_posting_a_thawing_item_again_does_not_freeze_it(client: httpx.AsyncClient) -> None:
    await post_items(client, "a", "b")
    await send(client, *[event(f"e{at}", f"user-{at}") for at in range(20)])
    await settle(client)
    thawed = await scores(client, USER)

    await post_items(client, "a", "b")

    assert await scores(client, USER) == pytest.approx(thawed, abs=1e-5)


async def test_what_training_counted_does_not_count_again(client: httpx.AsyncClient, checkpoint: Checkpoint) -> None:
    row = list(checkpoint.user_ids).index(USER)
    kept = checkpoint.interactions
    liked = next(
        checkpoint.item_ids[kept.items[at]] for at in range(kept.indptr[row], kept.indptr[row + 1]) if kept.weights[at] > 0
    )
    await post_items(client, "a", "b")
    before = await scores(client, USER)

    await send(client, event("e1", USER, liked))
    again = await scores(client, USER)
    await send(client, event("e2", USER, liked, "hide"))
    taken = await scores(client, USER)

    assert again == before
    assert taken != before


async def test_events_that_the_checkpoint_was_trained_on_do_not_count(
    service: ClientMaker, checkpoint: Checkpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Those up to its manifest's `events_through`, of the pairs that training kept; of the others it knows nothing."""
    from dataclasses import replace

    kept = checkpoint.interactions
    trained = checkpoint.item_ids[next(kept.items[at] for at in range(kept.indptr[1]) if kept.weights[at] > 0)]
    user = checkpoint.user_ids[0]
    context = service()
    async with context.client() as client:
        await post_items(client, "a", "b")
        before = await scores(client, user)
        await send(client, event("e1", user, trained, "hide"), event("e2", STRANGER), event("e3", STRANGER, trained, "view"))
    monkeypatch.setattr(context._space, "manifest", replace(checkpoint.manifest, events_through=3))

    async with context.client() as client:
        after = await scores(client, user)
        held = running(client).ledger.progress(["a", trained])
        stranger = (await client.get(f"/recommend/{STRANGER}")).json()["source"]
        await send(client, event("e4", user, trained, "hide"))
        later = await scores(client, user)

    assert after["b"] == pytest.approx(before["b"], abs=1e-5)
    assert {item_id: told[0] for item_id, told in held.items()} == {"a": 1, trained: 1}
    assert stranger == "user"
    assert later["b"] != pytest.approx(before["b"], abs=1e-5)


async def test_the_settings_weigh_events(service: ClientMaker) -> None:
    async with service(event_weights={"view": 0.0, "impression": 1.0}, rating_positive=8).client() as client:
        await post_items(client, "a", "b")
        await send(client, event("e1", kind="view"), event("e2", kind="rating", value=7))
        unmoved = (await client.get(f"/recommend/{STRANGER}")).json()["source"]
        await send(client, event("e3", kind="rating", value=8))
        moved = (await client.get(f"/recommend/{STRANGER}")).json()["source"]

    assert (unmoved, moved) == ("prior", "user")


async def test_events_survive_a_restart_and_no_cache_serves_an_older_user(service: ClientMaker, redis_url: str) -> None:
    context = service(redis_url=redis_url, redis_timeout_seconds=2.0)
    async with context.client() as client:
        await post_items(client, "a", "b", "c")
        await send(client, event("e1"))
        before = await scores(client, STRANGER)
    async with context.client() as client:
        await send(client, event("e2", item="b"))
        await settle(client)
        after = await scores(client, STRANGER)
    async with context.client() as client:
        again = await scores(client, STRANGER)

    assert before["c"] != after["c"]
    assert again == pytest.approx(after, abs=1e-5)


async def test_metrics_tell_click_rates_by_source_space_and_age(client: httpx.AsyncClient, space: Space) -> None:
    await post_items(client, "a")
    list_name = (await client.get(f"/recommend/{USER}")).json()["recommendation_id"]
    elsewhere = name_list(Origin("prior", "ffffffffffff"))
    await send(
        client,
        event("e1", USER, kind="impression", recommendation_id=list_name),
        event("e2", USER, recommendation_id=list_name),
        event("e2", USER, recommendation_id=list_name),
        event("e3", USER, "nowhere", recommendation_id=elsewhere),
        event("e4", USER, kind="hide"),
        event("e5", USER, kind="view", recommendation_id="made up"),
    )

    metrics = (await client.get("/metrics")).text

    assert f'thaw_impressions_total{{age="hour",source="user",space="{space.version}"}} 1.0' in metrics
    assert f'thaw_clicks_total{{age="hour",source="user",space="{space.version}"}} 1.0' in metrics
    assert 'thaw_clicks_total{age="unknown",source="prior",space="other"} 1.0' in metrics
    assert 'thaw_clicks_total{age="hour",source="unknown",space="unknown"} 1.0' in metrics
    assert 'thaw_events_total{status="duplicate",type="like"} 1.0' in metrics
    assert 'thaw_events_total{status="accepted",type="hide"} 1.0' in metrics


async def test_old_events_are_deleted_and_what_they_moved_moves_back(service: ClientMaker) -> None:
    async with service().client() as client:
        await post_items(client, "a", "b", "c")
        await send(client, event("young", item="c"))
        await settle(client)
        expected, items = await scores(client, STRANGER), (await client.get("/items/c")).json()
        old = [event(f"old-{at}", user, timestamp="2020-01-01T00:00:00Z") for at, user in enumerate((STRANGER, "other"))]
        await send(client, *old)
        await settle(client)
        moved = await scores(client, STRANGER)
    async with service(event_retention_days=30).client() as client:
        deadline = time.monotonic() + WITHIN_SECONDS
        while (await client.get("/users/other")).status_code != 404 and time.monotonic() < deadline:
            await asyncio.sleep(0)
        await settle(client)
        after = await scores(client, STRANGER)
        gone, a = await client.get("/recommend/other"), (await client.get("/items/a")).json()

    assert moved["b"] != expected["b"]
    assert after == pytest.approx(expected, abs=1e-5)
    assert gone.status_code == 404
    assert (a["state"], a["event_count"], a["thawed"]) == ("cold", 0, 0.0)
    assert items["thawed"] > 0


async def test_a_full_store_queue_answers_429_and_keeps_nothing(service: ClientMaker) -> None:
    async with service(store_waiting=1).client() as client:
        answers = await asyncio.gather(*(client.post("/events", json=event(f"e{at}")) for at in range(60)))
        user = (await client.get(f"/users/{STRANGER}")).json()

    refused = [answer for answer in answers if answer.status_code == 429]
    assert refused
    assert all(answer.headers["retry-after"] for answer in refused)
    assert user["events"] == len(answers) - len(refused)


async def test_a_thousand_events_hold_up_no_recommendation(client: httpx.AsyncClient) -> None:
    """Lists keep being answered while they are read, written and spread."""
    await post_items(client, *[f"item-{at}" for at in range(20)])
    many = [event(f"e{at}", f"user-{at % 50}", f"item-{at % 20}") for at in range(1000)]

    writing = asyncio.create_task(send(client, *many))
    answered = 0
    while not writing.done():
        assert (await client.get(f"/recommend/{USER}")).status_code == 200
        answered += 1

    assert (await writing)["counts"]["accepted"] == 1000
    assert answered >= 3
    assert np.isfinite(list((await scores(client, "user-1")).values())).all()

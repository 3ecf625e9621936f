"""`/events` over HTTP: what users did moves their lists at once, and items within a second."""

import asyncio
import time
from typing import Any

import httpx
import numpy as np
import pytest

from model.checkpoint import Checkpoint
from service.recommendation_id import Origin, name_list
from service.space import Space
from tests.conftest import ClientMaker
from tests.service.settling import running, settle

pytestmark = pytest.mark.anyio
USER, STRANGER = "words-sailing-01", "stranger"
WITHIN_SECONDS = 20.0  # on a busy machine; the promise is one


def event(event_id: str, user: str = STRANGER, item: str = "a", kind: str = "like", **more: object) -> dict[str, Any]:
    return {"event_id": event_id, "user_id": user, "item_id": item, "event_type": kind, **more}


async def send(client: httpx.AsyncClient, *events: dict[str, Any]) -> dict[str, Any]:
    answer = await client.post("/events", json={"events": list(events)})
    assert answer.status_code == 200, answer.text
    body: dict[str, Any] = answer.json()
    return body


async def post_items(client: httpx.AsyncClient, *names: str) -> None:
    titles = ("Sailboat mug", "Bread and flour", "A lighthouse in the harbour", "Oven warm rolls")
    for at, name in enumerate(names):
        await client.post("/items", json={"item_id": name, "title": titles[at % 4], "text": f"Number {at}"})


async def scores(client: httpx.AsyncClient, user: str, **wishes: bool) -> dict[str, float]:
    answer = await client.get(f"/recommend/{user}", params={"k": 500, "exclude_seen": False, **wishes})
    return {hit["item_id"]: hit["score"] for hit in answer.json()["items"]}


async def test_a_stranger_is_recommendable_from_its_first_event(client: httpx.AsyncClient) -> None:
    await post_items(client, "a", "b", "c")
    before = await client.get(f"/recommend/{STRANGER}")

    answer = await client.post("/events", json=event("e1"))
    after = (await client.get(f"/recommend/{STRANGER}")).json()

    assert before.status_code == 404
    assert answer.json() == {
        "events": [{"event_id": "e1", "status": "accepted"}],
        "counts": {"accepted": 1, "duplicate": 0, "erased": 0, "invalid": 0},
    }
    assert (after["source"], {hit["item_id"] for hit in after["items"]}) == ("user", {"b", "c"})


async def test_being_shown_something_makes_a_user_known_and_gives_it_no_taste(client: httpx.AsyncClient) -> None:
    await post_items(client, "a", "b")
    await send(client, event("e1", kind="impression"))

    answer = (await client.get(f"/recommend/{STRANGER}")).json()

    assert (answer["source"], {hit["item_id"] for hit in answer["items"]}) == ("prior", {"a", "b"})


async def test_the_next_list_has_the_event_in_it(client: httpx.AsyncClient, space: Space) -> None:
    """By one step of the item's anchor, for a user of the checkpoint whose trained list was cached."""
    await post_items(client, "a", "b", "c", "d")
    await scores(client, USER)
    trained = space.user_embedding(USER)
    assert trained is not None
    anchor = running(client).store.get("a", space.version).embedding.vector  # type: ignore[union-attr]

    await send(client, event("e1", USER))
    after = await scores(client, USER)

    folded = space.fold_in.place(space.fold_in.base(trained[None]) + space.fold_in.steps(anchor[None]))[0]
    assert after["b"] == pytest.approx(float(folded @ running(client).store.get("b", space.version).embedding.vector), abs=1e-5)  # type: ignore[union-attr]
    assert "a" not in await scores(client, USER, exclude_seen=True)


async def test_the_same_id_counts_once(client: httpx.AsyncClient) -> None:
    await post_items(client, "a", "b")
    first = await send(client, event("e1"), event("e1"), event("e2", kind="view"))
    before = await scores(client, STRANGER)

    again = await send(client, event("e1"), event("e1", kind="hide", item="b"))
    user = (await client.get(f"/users/{STRANGER}")).json()

    assert [one["status"] for one in first["events"]] == ["accepted", "duplicate", "accepted"]
    assert [one["status"] for one in again["events"]] == ["duplicate", "duplicate"]
    assert (user["events"], user["counts"]) == (2, {"like": 1, "view": 1})
    assert await scores(client, STRANGER) == before


async def test_a_hide_takes_a_like_back_and_leaves_the_item_out(client: httpx.AsyncClient) -> None:
    await post_items(client, "a", "b", "c", "d")
    await send(client, event("e1", item="b"), event("e2", kind="impression"))
    before = await scores(client, STRANGER)

    await send(client, event("e3", item="a"))
    liked = await scores(client, STRANGER)
    await send(client, event("e4", item="a", kind="hide"))
    hidden = await scores(client, STRANGER)

    assert hidden["a"] < before["a"] < liked["a"]
    assert set(await scores(client, STRANGER, exclude_seen=True)) == {"c", "d"}


async def test_each_event_of_several_is_answered_by_itself(client: httpx.AsyncClient) -> None:
    good = event("e1")
    bad = [
        event("e2", kind="kiss"),
        event("e3", kind="rating"),
        event("e4", timestamp="2026-01-31T12:00:00"),
        event("e5", timestamp="2126-01-31T12:00:00Z"),
        event("e6", colour="red"),
        {key: value for key, value in event("e7").items() if key != "item_id"},
        "no event",
        event("e8", kind="rating", value=1e300),
        event("", user="."),
    ]

    answer = await send(client, *bad, good)  # type: ignore[arg-type]

    fields = [one.get("field") for one in answer["events"]]
    assert fields == ["event_type", "body", "timestamp", "timestamp", "colour", "item_id", "body", "value", "event_id", None]
    assert answer["counts"] == {"accepted": 1, "duplicate": 0, "erased": 0, "invalid": 9}
    assert (await client.get(f"/users/{STRANGER}")).json()["events"] == 1


@pytest.mark.parametrize(
    ("body", "status", "field"),
    [
        ({"events": []}, 422, "events"),
        ({"events": [event(f"e{at}") for at in range(1001)]}, 422, "events"),
        ({"events": [event("e1")], "more": 1}, 422, "events"),
        ({"events": 7}, 422, "events"),
        (event("e1", kind="kiss"), 422, "event_type"),
        ([event("e1")], 422, "body"),
    ],
)
async def test_a_body_that_is_no_events_is_refused_whole(
    client: httpx.AsyncClient, body: object, status: int, field: str
) -> None:
    answer = await client.post("/events", json=body)

    assert (answer.status_code, answer.json()["field"]) == (status, field)
    assert (await client.get(f"/users/{STRANGER}")).status_code == 404


async def test_a_body_that_is_no_json_is_refused(client: httpx.AsyncClient) -> None:
    words = await client.post("/events", content=b"like", headers={"content-type": "text/plain"})
    broken = await client.post("/events", content=b"{", headers={"content-type": "application/json"})

    assert (words.status_code, broken.status_code) == (415, 400)


async def test_events_of_an_unknown_item_wait_for_it(client: httpx.AsyncClient) -> None:
    """It moves its users and thaws as if it had been there first."""
    await send(client, event("e1", "first", "late"), event("e2", "second", "late"), event("e3", "first", "b"))
    await post_items(client, "b")
    before = await scores(client, "first")

    await client.post("/items", json={"item_id": "late", "title": "Sailboat mug"})
    after = await scores(client, "first")
    await settle(client)
    item = (await client.get("/items/late")).json()

    assert before["b"] != after["b"]
    assert (item["state"], item["event_count"]) == ("thawing", 2)
    assert item["thawed"] > 0


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

"""`/events` over HTTP: what is taken and answered, and how users' lists move at once."""

import httpx
import pytest

from service.space import Space
from service.store.events import EventLog
from tests.service.sending import STRANGER, USER, event, post_items, scores, send
from tests.service.settling import running, settle

pytestmark = pytest.mark.anyio


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
    await settle(client)
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


@pytest.mark.parametrize(
    "moment",
    ["2026-01-31 12:00Z", "2026-01-31T12:00Z", "2026-01-31T12:00:00", "2026-01-31", "1700000000", 1700000000, "", "tomorrow"],
)
async def test_what_is_no_moment_of_an_item_is_none_of_an_event(client: httpx.AsyncClient, moment: object) -> None:
    published = await client.post("/items", json={"item_id": "a", "title": "Sailboat mug", "published_at": moment})
    happened = await client.post("/events", json=event("e1", timestamp=moment))

    assert (published.status_code, published.json()["field"]) == (422, "published_at")
    assert (happened.status_code, happened.json()["field"]) == (422, "timestamp")
    assert published.json()["detail"].partition(": ")[2] == happened.json()["detail"].partition(": ")[2]
    assert (await client.get(f"/users/{STRANGER}")).status_code == 404


@pytest.mark.parametrize("moment", ["2026-01-31T12:00:00Z", "2026-01-31t13:30:00.250+01:30", "2026-01-31 12:00:00-00:00"])
async def test_a_moment_of_an_item_is_one_of_an_event_and_so_is_each_that_an_answer_has(
    client: httpx.AsyncClient, moment: str
) -> None:
    item = (await client.post("/items", json={"item_id": "a", "title": "Sailboat mug", "published_at": moment})).json()
    await send(client, event("e1", timestamp=moment))
    told = (await client.get(f"/users/{STRANGER}")).json()["last_event"]

    again = await send(client, event("e2", timestamp=told), event("e3", timestamp=item["created_at"]))

    assert told == item["published_at"]
    assert again["counts"]["accepted"] == 2
    assert (await client.patch("/items/a", json={"published_at": told})).json()["published_at"] == told


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


async def test_a_pair_with_very_many_events_is_told_in_few_words(client: httpx.AsyncClient) -> None:
    """One id for all guests and one item on the front page: what each write has to look at must not grow with them."""
    await post_items(client, "a")
    kinds = ["impression"] * 60 + ["view"] * 9 + ["like", "like"]
    await send(client, *(event(f"e{at}", kind=kind) for at, kind in enumerate(kinds)))
    await send(client, event("r1", kind="rating", value=3), event("r2", kind="rating", value=5))
    await settle(client)
    service = running(client)

    told = EventLog(service.store).stand({(STRANGER, "a")}, service.space.version, 0).pairs[STRANGER, "a"]
    parted = EventLog(service.store).stand({(STRANGER, "a")}, service.space.version, 65).pairs[STRANGER, "a"]

    assert {(one.event_type, one.value, one.count) for one in told} == {
        ("impression", None, 60),
        ("view", None, 9),
        ("like", None, 2),
        ("rating", 3.0, 1),
        ("rating", 5.0, 1),
    }
    assert sorted((one.event_type, one.count, one.number > 65) for one in parted if one.event_type == "view") == [
        ("view", 4, True),
        ("view", 5, False),
    ]
    assert (await client.get("/items/a")).json()["event_count"] == 73

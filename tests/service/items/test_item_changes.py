"""Items change in parts, are hidden and expire."""

import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest

from service.index.faiss_flat import FlatIndex
from service.serving.recall import _measure_once
from tests.conftest import ClientMaker
from tests.fakes import draw_jpeg
from tests.service.changing import patch, read, scores
from tests.service.http.test_bad_input import assert_problem
from tests.service.items.test_items import listed, post
from tests.service.settling import running

pytestmark = pytest.mark.anyio
FULL = {"title": "Sailboat mug", "text": "Rope and salt", "attributes": {"price": 3, "new": True}}


async def test_attributes_are_merged_and_null_removes_one(client: httpx.AsyncClient) -> None:
    await post(client, item_id="a", **FULL)

    answer = await patch(client, "a", attributes={"price": 4.5, "new": None, "size": "L"})

    assert answer.status_code == 200
    assert answer.json()["attributes"] == {"price": 4.5, "size": "L"}
    assert await read(client, "a") == answer.json()
    assert (answer.json()["title"], answer.json()["text"]) == (FULL["title"], FULL["text"])


async def test_new_words_need_no_picture_again(client: httpx.AsyncClient) -> None:
    """The item is then embedded as if it had been posted with both."""
    picture = draw_jpeg(3)
    await post(client, item_id="a", image=picture, **FULL)
    await post(client, item_id="b", title="Bread", text="From the oven", image=picture)

    changed = (await patch(client, "a", title="Bread", text="From the oven")).json()
    found = await scores(client)

    assert changed["modalities"]["image"] is True
    assert found["a"] == pytest.approx(found["b"], abs=1e-6)
    assert (await client.get("/items/a/image")).status_code == 200


async def test_an_item_may_lose_its_words_but_not_all_content(client: httpx.AsyncClient) -> None:
    await post(client, item_id="picture", image=draw_jpeg(), **FULL)
    await post(client, item_id="words", **FULL)

    kept = await patch(client, "picture", title="", text="")
    refused = await patch(client, "words", title="", text="")

    assert kept.json()["gate"]["text"] == 0
    assert kept.json()["gate"]["image"] > 0
    assert_problem(refused, 422, "content")
    assert (await read(client, "words"))["title"] == FULL["title"]


async def test_a_hidden_item_is_in_no_list_and_still_readable(client: httpx.AsyncClient, service: ClientMaker) -> None:
    await post(client, item_id="a", **FULL)
    await post(client, item_id="b", **FULL)

    hidden = (await patch(client, "a", hidden=True, hidden_reason="recalled")).json()

    assert (hidden["hidden"], hidden["hidden_reason"], hidden["searchable"]) == (True, "recalled", False)
    assert await listed(client) == ["b"]
    assert (await read(client, "a"))["hidden"] is True
    assert (await client.get("/health/ready")).json()["items"] == 1

    shown = (await patch(client, "a", hidden=False)).json()

    assert (shown["hidden"], shown["hidden_reason"], shown["searchable"]) == (False, "", True)
    assert sorted(await listed(client)) == ["a", "b"]


async def test_a_hidden_item_stays_hidden_when_posted_again_and_after_a_restart(service: ClientMaker) -> None:
    async with service().client() as client:
        await post(client, item_id="a", **FULL)
        await patch(client, "a", hidden=True)
        again = await post(client, item_id="a", title="Other words")
        unseen = await listed(client)

    async with service().client() as client:
        assert (again.json()["title"], again.json()["hidden"], unseen) == ("Other words", True, [])
        assert await listed(client) == []
        await patch(client, "a", hidden=False)
        assert await listed(client) == ["a"]


@pytest.mark.parametrize("words", [FULL, {"title": "Other words"}])
async def test_dates_that_a_post_does_not_name_stay(client: httpx.AsyncClient, words: dict[str, str]) -> None:
    """As nightly posts of a catalogue that knows nothing of dates do not name them; null forgets one."""
    await post(client, item_id="a", **FULL)
    await patch(client, "a", expires_at="2020-01-01T00:00:00Z", published_at="2019-01-01T00:00:00Z")

    again = (await post(client, item_id="a", **words)).json()
    unseen = await listed(client)
    forgotten = (await post(client, item_id="a", **words, expires_at=None)).json()

    assert (again["expires_at"], again["published_at"]) == ("2020-01-01T00:00:00.000+00:00", "2019-01-01T00:00:00.000+00:00")
    assert unseen == []
    assert (forgotten["expires_at"], forgotten["published_at"]) == (None, "2019-01-01T00:00:00.000+00:00")
    assert await listed(client) == ["a"]


async def test_an_item_leaves_the_lists_at_the_moment_it_expires(service: ClientMaker, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a write: the clock alone decides, before a restart and after it."""
    now = datetime.now(UTC).timestamp()
    clock = [now]
    monkeypatch.setattr("time.time", lambda: clock[0])
    soon = datetime.fromtimestamp(now + 60, UTC).isoformat()
    async with service().client() as client:
        await post(client, item_id="a", **FULL, expires_at=soon)
        await post(client, item_id="b", **FULL)
        await patch(client, "b", expires_at=datetime.fromtimestamp(now + 120, UTC).isoformat())
        clock[0] = now + 59.5
        before = sorted(await listed(client))
        clock[0] = now + 60
        after, item = await listed(client), await read(client, "a")

    async with service().client() as client:
        restarted = await listed(client)
        clock[0] = now + 120
        at_the_end = await listed(client)
        await patch(client, "a", expires_at=None)
        back = await listed(client)

    assert (before, after, restarted, at_the_end, back) == (["a", "b"], ["b"], ["b"], [], ["a"])
    assert (item["searchable"], item["hidden"]) == (False, False)


@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        ("2026-11-23T18:00:00Z", "2026-11-23T18:00:00.000+00:00"),
        ("2026-11-23t18:00:00.25+02:00", "2026-11-23T16:00:00.250+00:00"),
        ("0001-01-01T00:00:00Z", "0001-01-01T00:00:00.000+00:00"),
    ],
)
async def test_moments_are_kept_in_utc(client: httpx.AsyncClient, sent: str, kept: str) -> None:
    posted = (await post(client, item_id="a", **FULL, published_at=sent)).json()

    assert posted["published_at"] == kept
    assert (await read(client, "a"))["published_at"] == kept


@pytest.mark.parametrize(
    "moment",
    ["2026-11-23T18:00:00", "2026-11-23", "tomorrow", "", 1764000000, "2026-02-30T00:00:00Z", "9999-12-31T23:59:59Z"],
)
async def test_a_moment_without_a_zone_is_refused(client: httpx.AsyncClient, moment: object) -> None:
    await post(client, item_id="a", **FULL)
    before = await read(client, "a")

    for name in ("published_at", "expires_at"):
        assert_problem(await client.post("/items", json={"item_id": "b", "title": "x", name: moment}), 422, name)
        assert_problem(await client.patch("/items/a", json={name: moment}), 422, name)

    assert await read(client, "a") == before
    assert (await client.get("/items/b")).status_code == 404


@pytest.mark.parametrize(
    ("body", "status", "field"),
    [
        (b'{"colour": "red"}', 422, "colour"),
        (b'{"title": null}', 422, "title"),
        (b'{"hidden": "yes"}', 422, "hidden"),
        (b'{"hidden_reason": "recalled"}', 422, "body"),
        (b'{"item_id": "b"}', 422, "item_id"),
        (b'{"attributes": {"a": [1]}}', 422, "attributes"),
        (b"[]", 422, "body"),
        (b"{", 400, "body"),
    ],
)
async def test_a_bad_change_is_refused_and_changes_nothing(
    client: httpx.AsyncClient, body: bytes, status: int, field: str
) -> None:
    await post(client, item_id="a", **FULL)
    before = await read(client, "a")

    answer = await client.patch("/items/a", content=body, headers={"content-type": "application/json"})

    assert_problem(answer, status, field)
    assert await read(client, "a") == before


async def test_too_many_attributes_after_a_merge_are_refused(client: httpx.AsyncClient) -> None:
    await post(client, item_id="a", title="x", attributes={str(at): at for at in range(99)})

    assert_problem(await patch(client, "a", attributes={"x": 1, "y": 2}), 422, "attributes")
    assert len((await read(client, "a"))["attributes"]) == 99
    assert (await patch(client, "a", attributes={"x": 1, "y": 2, "0": None})).status_code == 200


async def test_changing_what_is_not_there_is_404(client: httpx.AsyncClient) -> None:
    assert_problem(await patch(client, "nobody", hidden=True), 404, "item_id")
    assert_problem(await client.patch("/items/a", content=b"{}", headers={"content-type": "text/plain"}), 415, "content-type")


async def test_an_item_that_expired_before_it_came_is_kept_and_in_no_list(client: httpx.AsyncClient, tmp_path: Path) -> None:
    past = (datetime.now(UTC) - timedelta(days=1)).isoformat()

    answer = await post(client, item_id="a", **FULL, expires_at=past)

    assert (answer.status_code, answer.json()["searchable"]) == (201, False)
    assert await listed(client) == []


async def test_what_expired_by_a_clock_that_ran_ahead_comes_back(client: httpx.AsyncClient) -> None:
    """As it is in the store now, at the next check of the index."""
    later = (datetime.now(UTC) + timedelta(hours=1)).isoformat()
    for name in ("a", "deleted"):
        await client.post("/items", json={"item_id": name, "title": "Sailboat mug", "expires_at": later})
    before, index = await scores(client), running(client).index
    assert isinstance(index, FlatIndex)
    index._clock = lambda: time.time() + 1e6
    ahead = await scores(client)
    index._clock = time.time
    await client.delete("/items/deleted")

    await _measure_once(client._transport.app.state.live)  # type: ignore[attr-defined]

    assert before.keys() == {"a", "deleted"}
    assert ahead == {}
    assert await scores(client) == {"a": before["a"]}

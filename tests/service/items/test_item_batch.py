"""Many items in one call: each has its own status, and none stops the others."""

import base64
import json
from typing import Any

import httpx
import pytest

from service.http.schemas.item_batch import MAX_BATCH_ITEMS
from tests.conftest import ClientMaker
from tests.fakes import draw_jpeg
from tests.service.changing import counted, scores
from tests.service.http.test_bad_input import assert_problem
from tests.service.items.test_items import listed, post

pytestmark = pytest.mark.anyio
NDJSON = {"content-type": "application/x-ndjson"}


def lines(*items: Any) -> bytes:
    return b"\n".join(item if isinstance(item, bytes) else json.dumps(item).encode() for item in items)


async def post_lines(client: httpx.AsyncClient, *items: Any) -> list[dict[str, Any]]:
    answer = await client.post("/items/batch", content=lines(*items), headers=NDJSON)
    assert (answer.status_code, answer.headers["content-type"]) == (200, "application/x-ndjson")
    return [json.loads(line) for line in answer.text.splitlines()]


MIXED = [
    {"item_id": "new", "title": "Sailboat mug"},
    {"item_id": "there", "title": "as it was"},
    {"item_id": "empty"},
    {"item_id": "there", "title": "changed"},
    {"item_id": "picture", "image_base64": base64.b64encode(draw_jpeg()).decode()},
    {"item_id": "bad", "title": "x", "image_base64": base64.b64encode(b"hello").decode()},
    {"title": "no id"},
    7,
]
STATUSES = [201, 200, 422, 200, 201, 422, 422, 422]
FIELDS = [None, None, "content", None, None, "image", "item_id", "body"]


async def test_each_item_of_a_list_is_answered_by_itself(client: httpx.AsyncClient) -> None:
    await post(client, item_id="there", title="as it was")

    answer = await client.post("/items/batch", json={"items": MIXED})

    body = answer.json()
    assert answer.status_code == 200
    assert [result["status"] for result in body["results"]] == STATUSES
    assert [result["index"] for result in body["results"]] == list(range(len(MIXED)))
    assert [result.get("problem", {}).get("field") for result in body["results"]] == FIELDS
    assert (body["created"], body["replaced"], body["refused"]) == (2, 2, 4)
    assert sorted(await listed(client)) == ["new", "picture", "there"]
    assert (await client.get("/items/there")).json()["title"] == "changed"


async def test_lines_are_answered_with_lines(client: httpx.AsyncClient) -> None:
    await post(client, item_id="there", title="as it was")

    results = await post_lines(client, *MIXED, b"", b"{not json", {"item_id": "last", "title": "x"})

    assert [result["status"] for result in results] == [*STATUSES, 400, 201]
    assert [result["item_id"] for result in results] == [
        *("new", "there", "empty", "there", "picture", "bad", None, None, None, "last")
    ]
    assert results[8]["problem"]["type"] == "urn:thaw:problem:malformed-body"
    assert sorted(await listed(client)) == ["last", "new", "picture", "there"]


async def test_a_batch_and_single_posts_give_the_same_items(client: httpx.AsyncClient) -> None:
    contents = [{"title": f"Sailboat mug {at}", "text": "Rope and salt"} for at in range(5)]
    await post_lines(client, *({"item_id": f"batch-{at}", **content} for at, content in enumerate(contents)))
    for at, content in enumerate(contents):
        await post(client, item_id=f"single-{at}", **content)

    found = await scores(client)

    assert [found[f"batch-{at}"] for at in range(5)] == pytest.approx([found[f"single-{at}"] for at in range(5)], abs=1e-6)


async def test_encoders_take_the_items_of_a_batch_together(client: httpx.AsyncClient) -> None:
    await post_lines(client, *({"item_id": f"item-{at}", "title": f"word {at}"} for at in range(200)))

    assert await counted(client, "thaw_encode_batch_items_sum") == 200
    assert await counted(client, "thaw_encode_batch_items_count") < 100
    assert (await client.get("/health/ready")).json()["items"] == 200


async def test_the_last_of_equal_ids_in_a_batch_stays(client: httpx.AsyncClient) -> None:
    results = await post_lines(client, *({"item_id": "a", "title": f"title {at}"} for at in range(20)))

    assert [result["status"] for result in results] == [201] + [200] * 19
    assert (await client.get("/items/a")).json()["title"] == "title 19"


async def test_a_full_batch_is_taken_and_a_larger_one_refused_whole(client: httpx.AsyncClient) -> None:
    items = [{"item_id": f"item-{at}", "title": "the same words"} for at in range(MAX_BATCH_ITEMS + 1)]

    refused = await client.post("/items/batch", json={"items": items})
    refused_lines = await client.post("/items/batch", content=lines(*items), headers=NDJSON)
    nothing = (await client.get("/health/ready")).json()["items"]
    taken = (await client.post("/items/batch", json={"items": items[:-1]})).json()

    assert_problem(refused, 422, "items")
    assert_problem(refused_lines, 422, "items")
    assert (nothing, taken["created"], taken["refused"]) == (0, MAX_BATCH_ITEMS, 0)


@pytest.mark.parametrize(
    ("body", "status", "field"),
    [(b"{", 400, "body"), (b"[]", 422, "body"), (b'{"items": 1}', 422, "body"), (b'{"items": []}', 422, "items")],
)
async def test_what_is_no_batch_is_refused(client: httpx.AsyncClient, body: bytes, status: int, field: str) -> None:
    answer = await client.post("/items/batch", content=body, headers={"content-type": "application/json"})

    assert_problem(answer, status, field)


async def test_an_empty_batch_of_lines_and_another_content_type_are_refused(client: httpx.AsyncClient) -> None:
    assert_problem(await client.post("/items/batch", content=b"\n\n", headers=NDJSON), 422, "items")
    assert_problem(await client.post("/items/batch", content=b"{}", headers={"content-type": "text/csv"}), 415, "content-type")


@pytest.mark.parametrize("as_lines", [False, True])
async def test_a_batch_of_which_nothing_can_be_taken_is_429(
    service: ClientMaker, monkeypatch: pytest.MonkeyPatch, as_lines: bool
) -> None:
    """As when others fill the queue: the client is told to wait, and nothing was written."""
    items = [{"item_id": f"item-{at}", "title": "x"} for at in range(40)]
    async with service().client() as client:
        with monkeypatch.context() as full:
            full.setattr("service.items.ingest.Ingestor.limit", 0)
            if as_lines:
                answer = await client.post("/items/batch", content=lines(*items), headers=NDJSON)
            else:
                answer = await client.post("/items/batch", json={"items": items})
        left = (await client.get("/items")).json()["items"]

    assert_problem(answer, 429, None)
    assert answer.headers["retry-after"]
    assert left == []


async def test_where_some_items_find_no_room_each_is_told(service: ClientMaker, monkeypatch: pytest.MonkeyPatch) -> None:
    items = [{"item_id": f"item-{at}", "title": f"word {at}"} for at in range(40)]
    monkeypatch.setattr("service.items.ingest.Ingestor.ahead", 40)
    async with service(encode_batch=2, encode_waiting=2).client() as client:
        results = await post_lines(client, *items)
        there = {item["item_id"] for item in (await client.get("/items")).json()["items"]}

    taken = {result["item_id"] for result in results if result["status"] == 201}
    assert {result["status"] for result in results} == {201, 429}
    assert taken == there


async def test_a_batch_never_fills_the_queue_by_itself(service: ClientMaker) -> None:
    items = [{"item_id": f"item-{at}", "title": f"word {at}"} for at in range(60)]
    async with service(encode_batch=2, encode_waiting=2).client() as client:
        results = await post_lines(client, *items)

    assert {result["status"] for result in results} == {201}

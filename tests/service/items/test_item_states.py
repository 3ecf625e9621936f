"""Items are written only where they differ, and only as the client knows them."""

import asyncio
from typing import Any

import httpx
import pytest

from tests.conftest import ClientMaker
from tests.fakes import draw_jpeg
from tests.service.changing import counted, encoder_runs, patch, read, scores
from tests.service.http.test_bad_input import assert_problem
from tests.service.items.test_items import post

pytestmark = pytest.mark.anyio
FULL = {"title": "Sailboat mug", "text": "Rope and salt", "attributes": {"price": 3, "new": True}}


async def test_the_same_item_again_costs_nothing(client: httpx.AsyncClient) -> None:
    """No encoder runs, nothing is written: the answer is the item as it is."""
    first = await post(client, item_id="a", image=draw_jpeg(), **FULL)
    runs, writes = await encoder_runs(client), await counted(client, "thaw_items_ingested_total")

    again = await post(client, item_id="a", image=draw_jpeg(), **FULL)
    unchanged = await patch(client, "a", title=FULL["title"], attributes={"price": 3})

    assert (first.status_code, again.status_code, unchanged.status_code) == (201, 200, 200)
    assert first.json() == again.json() == unchanged.json()
    assert first.headers["etag"] == again.headers["etag"] == unchanged.headers["etag"]
    assert await encoder_runs(client) == runs
    assert await counted(client, "thaw_items_ingested_total") == writes


@pytest.mark.parametrize(
    "other",
    [{"title": "Bread"}, {"image": draw_jpeg(7)}, {"image": None}, {"attributes": {"price": 3.0, "new": True}}, {"text": ""}],
    ids=["title", "picture", "no picture", "a number's kind", "text"],
)
async def test_whatever_differs_is_written(client: httpx.AsyncClient, other: dict[str, Any]) -> None:
    first = await post(client, item_id="a", image=draw_jpeg(), **FULL)
    content = {"image": draw_jpeg(), **FULL, **other}
    content = {name: value for name, value in content.items() if value is not None}

    again = await post(client, item_id="a", **content)
    await post(client, item_id="b", **content)
    found = await scores(client)

    assert again.headers["etag"] != first.headers["etag"]
    assert again.json()["modalities"]["image"] is ("image" in content)
    assert found["a"] == pytest.approx(found["b"], abs=1e-6)


async def test_other_attributes_run_no_encoder(client: httpx.AsyncClient) -> None:
    await post(client, item_id="a", image=draw_jpeg(), **FULL)
    runs, before = await encoder_runs(client), await scores(client)

    again = await post(client, item_id="a", image=draw_jpeg(), **{**FULL, "attributes": {"price": 4}})
    changed = await patch(client, "a", attributes={"size": "M"}, hidden=True)
    await patch(client, "a", hidden=False)

    assert again.json()["attributes"] == {"price": 4}
    assert changed.json()["attributes"] == {"price": 4, "size": "M"}
    assert await encoder_runs(client) == runs
    assert await scores(client) == before
    assert (await client.get("/items/a/image")).status_code == 200


async def test_the_same_item_again_is_known_after_a_restart(service: ClientMaker) -> None:
    async with service().client() as client:
        first = await post(client, item_id="a", image=draw_jpeg(), **FULL)

    async with service().client() as client:
        again = await post(client, item_id="a", image=draw_jpeg(), **FULL)
        runs = await encoder_runs(client)

    assert (again.json(), runs) == (first.json(), 0)


async def test_a_state_that_the_client_knows_is_not_sent_again(client: httpx.AsyncClient) -> None:
    etag = (await post(client, item_id="a", **FULL)).headers["etag"]

    known = await client.get("/items/a", headers={"if-none-match": f'"other", W/{etag}'})
    await patch(client, "a", title="Bread")
    changed = await client.get("/items/a", headers={"if-none-match": etag})

    assert (known.status_code, known.content, known.headers["etag"]) == (304, b"", etag)
    assert (changed.status_code, changed.json()["title"]) == (200, "Bread")
    assert changed.headers["etag"] != etag


async def test_a_write_on_an_old_state_is_refused_and_changes_nothing(client: httpx.AsyncClient) -> None:
    old = (await post(client, item_id="a", **FULL)).headers["etag"]
    new = (await patch(client, "a", title="Second")).headers["etag"]
    content = {"item_id": "a", "title": "Third"}

    for headers in ({"if-match": old}, {"if-match": f"W/{new}"}, {"if-match": '"rubbish"'}, {"if-none-match": "*"}):
        assert_problem(await patch(client, "a", headers, title="Third"), 412, None)
        assert_problem(await client.post("/items", json=content, headers=headers), 412, None)
        assert_problem(await client.delete("/items/a", headers=headers), 412, None)
    assert_problem(await client.post("/items", json={"item_id": "b", "title": "x"}, headers={"if-match": "*"}), 412, None)

    assert (await client.get("/items/a")).headers["etag"] == new
    assert (await client.get("/items/b")).status_code == 404
    assert (await patch(client, "a", {"if-match": f"{old}, {new}"}, title="Third")).status_code == 200
    assert (await client.delete("/items/a", headers={"if-match": "*"})).status_code == 204
    assert (await client.post("/items", json=content, headers={"if-none-match": "*"})).status_code == 201


async def test_changes_at_once_are_all_kept(client: httpx.AsyncClient) -> None:
    """Each is merged into what the others left, whether or not an encoder runs for it."""
    await post(client, item_id="a", image=draw_jpeg(), **FULL)

    answers = await asyncio.gather(
        *(patch(client, "a", attributes={f"n{at}": at}) for at in range(12)),
        patch(client, "a", title="Bread"),
        patch(client, "a", text="From the oven"),
        patch(client, "a", hidden=True),
    )
    item = await read(client, "a")

    assert {answer.status_code for answer in answers} == {200}
    assert {name: item["attributes"][name] for name in (f"n{at}" for at in range(12))} == {f"n{at}": at for at in range(12)}
    assert (item["title"], item["text"], item["hidden"], item["modalities"]["image"]) == ("Bread", "From the oven", True, True)


async def test_of_two_writes_on_one_state_only_one_happens(client: httpx.AsyncClient) -> None:
    etag = (await post(client, item_id="a", **FULL)).headers["etag"]

    answers = await asyncio.gather(*(patch(client, "a", {"if-match": etag}, attributes={"by": at}) for at in range(6)))

    assert sorted(answer.status_code for answer in answers) == [200, 412, 412, 412, 412, 412]

"""`GET /items`: the catalogue page by page, and the items that are named."""

import httpx
import pytest

from tests.service.sending import post_items

pytestmark = pytest.mark.anyio


async def test_the_catalogue_is_browsed_to_its_end(client: httpx.AsyncClient) -> None:
    names = [f"item-{at}" for at in range(7)]
    await post_items(client, *reversed(names))

    seen, cursor = [], None
    while True:
        page = (await client.get("/items", params={"limit": 3, **({"cursor": cursor} if cursor else {})})).json()
        seen += [item["item_id"] for item in page["items"]]
        cursor = page["next_cursor"]
        if cursor is None:
            break

    assert seen == names


async def test_items_that_are_named_are_told_in_that_order_each_once(client: httpx.AsyncClient) -> None:
    await post_items(client, "a", "b", "ü/c")

    answer = (await client.get("/items", params={"item_id": ["ü/c", "never-posted", "a", "ü/c"], "limit": 1})).json()

    assert [item["item_id"] for item in answer["items"]] == ["ü/c", "a"]
    assert answer["items"][1] == (await client.get("/items/a")).json()
    assert answer["next_cursor"] is None


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ({"limit": 0}, "limit"),
        ({"limit": 1001}, "limit"),
        ({"cursor": "%%%"}, "cursor"),
        ({"cursor": "_w=="}, "cursor"),
        ({"cursor": "ä"}, "cursor"),
        ({"item_id": ["a", " b"]}, "item_id.1"),
        ({"item_id": [f"item-{at}" for at in range(501)]}, "item_id"),
    ],
)
async def test_a_query_that_cannot_be_is_refused_by_its_field(
    client: httpx.AsyncClient, query: dict[str, str | int | list[str]], field: str
) -> None:
    answer = await client.get("/items", params=query)
    assert (answer.status_code, answer.headers["content-type"]) == (422, "application/problem+json")
    assert answer.json()["field"] == field

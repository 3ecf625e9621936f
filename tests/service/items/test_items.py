"""`/items` over HTTP, with a real store, a real index and a trained checkpoint."""

import asyncio
import base64
import json
import threading
from typing import Any

import httpx
import pytest

from model.checkpoint import Checkpoint
from service.items.drafts import Draft, NewItem, draft_posted
from service.space import Space
from tests.conftest import ClientMaker
from tests.fakes import draw_jpeg

pytestmark = pytest.mark.anyio
USER = "words-sailing-01"
WORDS = {"text": True, "words": True, "phrases": True}


async def post(client: httpx.AsyncClient, **body: Any) -> httpx.Response:
    if isinstance(body.get("image"), bytes):
        body["image_base64"] = base64.b64encode(body.pop("image")).decode()
    return await client.post("/items", json=body)


async def listed(client: httpx.AsyncClient, **wishes: Any) -> list[str]:
    answer = await client.get(f"/recommend/{USER}", params={"k": 500, **wishes})
    return [hit["item_id"] for hit in answer.json()["items"]]


@pytest.mark.parametrize(
    ("content", "present"),
    [
        ({"title": "Sailboat mug", "text": "Rope and salt", "image": draw_jpeg()}, {"image": True, **WORDS}),
        ({"image": draw_jpeg()}, {"image": True, **dict.fromkeys(WORDS, False)}),
        ({"title": "Sailboat mug"}, {"image": False, **WORDS}),
    ],
)
async def test_a_posted_item_is_recommended_at_once(
    client: httpx.AsyncClient, content: dict[str, Any], present: dict[str, bool]
) -> None:
    answer = await post(client, item_id="new", attributes={"price": 3}, **content)

    assert answer.status_code == 201
    item = answer.json()
    assert item["modalities"] == present
    assert item["state"] == "cold"
    assert sum(item["gate"].values()) == pytest.approx(1, abs=1e-5)
    assert set(item["experts"]) == {view for view, weight in item["gate"].items() if weight > 0}
    spoke = {name for weights in item["experts"].values() for name, weight in weights.items() if weight > 0}
    assert spoke == {name for name, there in present.items() if there}
    assert await listed(client) == ["new"]


async def test_an_item_with_one_modality_is_judged_by_it_alone(client: httpx.AsyncClient) -> None:
    item = (await post(client, item_id="new", image=draw_jpeg())).json()

    assert item["gate"]["text"] == 0
    assert sum(item["gate"].values()) == pytest.approx(1, abs=1e-5)
    assert {name for weights in item["experts"].values() for name, weight in weights.items() if weight > 0} == {"image"}


async def test_multipart_and_json_give_the_same_item(client: httpx.AsyncClient) -> None:
    picture = draw_jpeg(3)
    form = {"item_id": "form", "title": "Mug", "text": "Salt", "attributes": json.dumps({"price": 3})}

    first = await client.post("/items", data=form, files={"image": ("a.jpg", picture, "image/jpeg")})
    second = await post(client, item_id="json", title="Mug", text="Salt", attributes={"price": 3}, image=picture)

    assert first.status_code == second.status_code == 201
    kept = ("modalities", "gate", "experts", "title", "text", "attributes")
    assert {name: first.json()[name] for name in kept} == {name: second.json()[name] for name in kept}
    scores = {h["item_id"]: h["score"] for h in (await client.get(f"/recommend/{USER}")).json()["items"]}
    assert scores["form"] == pytest.approx(scores["json"], abs=1e-6)


async def test_posting_again_replaces(client: httpx.AsyncClient) -> None:
    await post(client, item_id="a", title="first")
    answer = await post(client, item_id="a", title="second")

    assert answer.status_code == 200
    assert (await client.get("/items/a")).json()["title"] == "second"
    assert await listed(client) == ["a"]


async def test_an_item_that_the_checkpoint_knows_is_served_by_its_learned_embedding(
    client: httpx.AsyncClient, checkpoint: Checkpoint
) -> None:
    known = checkpoint.item_ids[0]
    item = (await post(client, item_id=known, title="other words than in training")).json()

    user = list(checkpoint.user_ids).index(USER)
    expected = float(checkpoint.user_embeddings[user] @ checkpoint.item_embeddings[0])
    hits = (await client.get(f"/recommend/{USER}", params={"exclude_seen": False})).json()["items"]

    assert (item["state"], item["embedding_source"]) == ("warm", "learned")
    assert hits[0]["score"] == pytest.approx(expected, abs=1e-6)
    assert await listed(client, cold_only=True, exclude_seen=False) == []


async def test_a_deleted_item_is_gone(client: httpx.AsyncClient) -> None:
    await post(client, item_id="a", title="x")

    assert (await client.delete("/items/a")).status_code == 204
    assert (await client.get("/items/a")).status_code == 404
    assert (await client.delete("/items/a")).status_code == 404
    assert await listed(client) == []


@pytest.mark.parametrize(
    "item_id", ["a/b", "ünï code", "https://shop.example/p?id=1&x=2#top", "a%2Fb", "日本", "a+b", "'; DROP TABLE items"]
)
async def test_any_printable_id_can_be_posted_read_and_deleted(client: httpx.AsyncClient, item_id: str) -> None:
    from urllib.parse import quote

    path = f"/items/{quote(item_id, safe='')}"
    assert (await post(client, item_id=item_id, title="x")).status_code == 201

    assert (await client.get(path)).json()["item_id"] == item_id
    assert await listed(client) == [item_id]
    assert (await client.delete(path)).status_code == 204


async def test_items_survive_a_restart(service: ClientMaker) -> None:
    async with service().client() as client:
        await post(client, item_id="a", title="x", image=draw_jpeg())
        before = (await client.get(f"/recommend/{USER}")).json()["items"]

    async with service().client() as client:
        assert (await client.get(f"/recommend/{USER}")).json()["items"] == before
        assert (await client.get("/health/ready")).json()["items"] == 1


async def test_many_items_at_once_are_all_there(client: httpx.AsyncClient) -> None:
    import asyncio

    answers = await asyncio.gather(*(post(client, item_id=f"item-{at}", title=f"word{at}") for at in range(60)))

    assert {answer.status_code for answer in answers} == {201}
    assert sorted(await listed(client)) == sorted(f"item-{at}" for at in range(60))


async def test_the_last_of_two_posts_at_once_is_what_is_served(client: httpx.AsyncClient) -> None:
    """The index is led along in commit order, so it cannot end at the older of two contents."""
    import asyncio

    await asyncio.gather(*(post(client, item_id="a", title=f"title {at}") for at in range(20)))
    item = (await client.get("/items/a")).json()
    await post(client, item_id="b", title=item["title"])

    scores = {hit["item_id"]: hit["score"] for hit in (await client.get(f"/recommend/{USER}")).json()["items"]}
    assert scores["a"] == pytest.approx(scores["b"], abs=1e-6)


async def test_pictures_that_take_long_hold_up_neither_words_nor_the_stop(
    service: ClientMaker, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However many of them are being decoded."""
    release, drafted = threading.Event(), draft_posted

    def draft(space: Space, new: NewItem, *others: Any) -> Draft:
        if new.images:
            release.wait(60)
        return drafted(space, new, *others)

    monkeypatch.setattr("service.items.ingest.draft_posted", draft)
    try:
        async with asyncio.timeout(30), service().client() as client:
            slow = [asyncio.create_task(post(client, item_id=f"p{at}", image=draw_jpeg())) for at in range(8)]
            await asyncio.sleep(0.1)
            posted = await post(client, item_id="words", title="Sailboat mug")
            changed = await client.patch("/items/words", json={"title": "Rowing boat mug"})
            for task in slow:
                task.cancel()
        stopped_while_decoding = not release.is_set()
    finally:
        release.set()

    assert (posted.status_code, changed.status_code) == (201, 200)
    assert stopped_while_decoding

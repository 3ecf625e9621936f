"""`/items/{item_id}/similar` and `/items/{item_id}/audience` over HTTP, and explanations of lists."""

from typing import Any
from urllib.parse import quote

import httpx
import numpy as np
import pytest
from pydantic import SecretStr

from model.checkpoint import Checkpoint
from model.content import FloatArray
from service.client import Client
from tests.conftest import ClientMaker
from tests.service.sending import event, post_warm, send
from tests.service.settling import running

pytestmark = pytest.mark.anyio
USER = "words-sailing-01"
KEY = "admin-key-of-the-test"


def tastes(checkpoint: Checkpoint) -> FloatArray:
    rows = checkpoint.item_embeddings[:, : len(checkpoint.fold_in["prior"])]
    return np.asarray(rows / np.linalg.norm(rows, axis=1, keepdims=True))


async def test_similar_items_are_those_of_the_highest_cosine_of_taste(client: httpx.AsyncClient, checkpoint: Checkpoint) -> None:
    await post_warm(client, checkpoint)
    item_id = checkpoint.item_ids[4]

    answer = (await client.get(f"/items/{item_id}/similar", params={"k": 500})).json()

    cosines = tastes(checkpoint) @ tastes(checkpoint)[4]
    expected = sorted((cosine for at, cosine in enumerate(cosines.tolist()) if at != 4), reverse=True)
    assert [hit["cosine"] for hit in answer["items"]] == pytest.approx(expected, abs=1e-5)
    assert item_id not in {hit["item_id"] for hit in answer["items"]}
    assert (answer["item_id"], answer["space"]) == (item_id, checkpoint.version)


async def test_similar_items_keep_to_a_filter_and_to_what_is_cold(client: httpx.AsyncClient, checkpoint: Checkpoint) -> None:
    await post_warm(client, checkpoint)
    await client.post("/items", json={"item_id": "cold", "title": "sailing"})
    path = f"/items/{checkpoint.item_ids[4]}/similar"

    filtered = (await client.get(path, params={"filter": '{"must": [{"attribute": "third", "equals": 1}]}', "k": 500})).json()
    cold = (await client.get(path, params={"cold_only": True})).json()
    refused = await client.get(path, params={"filter": '{"must": [{"attribute": "third", "gte": "x"}]}'})

    thirds = {item_id for at, item_id in enumerate(checkpoint.item_ids) if at % 3 == 1}
    assert {hit["item_id"] for hit in filtered["items"]} == thirds - {checkpoint.item_ids[4]}
    assert [(hit["item_id"], hit["state"]) for hit in cold["items"]] == [("cold", "cold")]
    assert (refused.status_code, refused.json()["field"]) == (422, "filter")


async def test_a_similar_item_says_when_it_thaws(client: httpx.AsyncClient) -> None:
    for item_id in ("one", "other"):
        await client.post("/items", json={"item_id": item_id, "title": "sailing"})

    before = (await client.get("/items/one/similar")).json()["items"]
    await client.post("/events", json={"event_id": "1", "user_id": USER, "item_id": "other", "event_type": "like"})
    after = (await client.get("/items/one/similar")).json()["items"]

    assert [(hit["item_id"], hit["state"]) for hit in before + after] == [("other", "cold"), ("other", "thawing")]


async def test_a_hidden_item_has_similar_ones_and_is_in_no_list_of_others(
    client: httpx.AsyncClient, checkpoint: Checkpoint
) -> None:
    await post_warm(client, checkpoint)
    hidden, other = checkpoint.item_ids[4], checkpoint.item_ids[5]
    before = (await client.get(f"/items/{hidden}/similar")).json()["items"]
    await client.patch(f"/items/{hidden}", json={"hidden": True})

    assert (await client.get(f"/items/{hidden}/similar")).json()["items"] == before
    of_other = (await client.get(f"/items/{other}/similar", params={"k": 500})).json()["items"]
    assert hidden not in {hit["item_id"] for hit in of_other}


@pytest.mark.parametrize("what", ["similar", "audience"])
async def test_an_unknown_item_has_neither(service: ClientMaker, what: str) -> None:
    async with service(admin_keys=SecretStr(KEY)).client() as client:
        answer = await client.get(f"/items/nobody/{what}", headers={"X-API-Key": KEY})

    assert (answer.status_code, answer.json()["type"]) == (404, "urn:thaw:problem:unknown-item")


async def test_an_audience_is_measured_against_each_users_own_scores(service: ClientMaker, checkpoint: Checkpoint) -> None:
    async with service(admin_keys=SecretStr(KEY)).client() as client:
        client.headers["X-API-Key"] = KEY
        await post_warm(client, checkpoint)
        item = 4
        path = f"/items/{checkpoint.item_ids[item]}/audience"
        everyone = (await client.get(path, params={"k": 10_000, "exclude_seen": False})).json()["users"]
        new = (await client.get(path, params={"k": 3})).json()["users"]

    scores = checkpoint.user_embeddings @ checkpoint.item_embeddings.T
    relevances = (scores[:, item] - scores.mean(axis=1)) / scores.std(axis=1)
    had = {user for at, user in enumerate(checkpoint.user_ids) if item in checkpoint.interactions.seen_by(at)}
    assert [one["relevance"] for one in everyone] == pytest.approx(sorted(relevances.tolist(), reverse=True), abs=1e-3)
    assert had
    assert new == [one for one in everyone if one["user_id"] not in had][:3]


async def test_an_audience_follows_the_catalogue(service: ClientMaker, checkpoint: Checkpoint) -> None:
    """What a user's scores are measured against is the catalogue as it is now."""
    async with service(admin_keys=SecretStr(KEY)).client() as client:
        client.headers["X-API-Key"] = KEY
        await post_warm(client, checkpoint)
        path = f"/items/{checkpoint.item_ids[4]}/audience"
        before = (await client.get(path)).json()["users"]
        for item_id in checkpoint.item_ids[20:]:
            await client.delete(f"/items/{item_id}")
        after = (await client.get(path)).json()["users"]

    assert before != after


async def test_an_audience_holds_whom_events_move_where_they_put_them(service: ClientMaker, checkpoint: Checkpoint) -> None:
    """A stranger comes in by its likes, a known user moves by them, and who acted on an item had it."""
    known, item = checkpoint.user_ids[0], checkpoint.item_ids[4]
    async with service(admin_keys=SecretStr(KEY)).client() as client:
        client.headers["X-API-Key"] = KEY
        await post_warm(client, checkpoint)
        path, everyone = f"/items/{item}/audience", {"k": 10_000, "exclude_seen": False}
        before = (await client.get(path, params=everyone)).json()["users"]
        likes = [{"event_id": who, "user_id": who, "item_id": item, "event_type": "like"} for who in ("stranger", known)]
        assert (await client.post("/events", json={"events": likes})).json()["counts"]["accepted"] == 2
        after = (await client.get(path, params=everyone)).json()["users"]
        without = (await client.get(path, params={"k": 10_000})).json()["users"]

    wants_before, wants_after = ({one["user_id"]: one["relevance"] for one in found} for found in (before, after))
    assert set(wants_after) == {*wants_before, "stranger"}
    assert len(after) == len(before) + 1
    assert wants_after["stranger"] > 0
    assert wants_after[known] > wants_before[known]
    assert not {"stranger", known} & {one["user_id"] for one in without}


@pytest.mark.parametrize("what", ["similar", "audience"])
async def test_an_id_that_ends_like_a_path_is_still_an_id(client: httpx.AsyncClient, what: str) -> None:
    await client.post("/items", json={"item_id": f"a/{what}", "title": "Sailboat mug"})

    found = await client.get(f"/items/{quote(f'a/{what}', safe='')}")

    assert (found.status_code, found.json()["item_id"]) == (200, f"a/{what}")


async def test_an_audience_needs_an_admin_key(service: ClientMaker, client: httpx.AsyncClient) -> None:
    await client.post("/items", json={"item_id": "a", "title": "x"})

    refused = await client.get("/items/a/audience")

    assert (refused.status_code, refused.json()["type"]) == (403, "urn:thaw:problem:admin-off")
    assert "users" not in refused.json()


async def test_a_list_says_why_when_asked_and_is_the_same_list(client: httpx.AsyncClient, checkpoint: Checkpoint) -> None:
    await post_warm(client, checkpoint)
    await client.post("/items", json={"item_id": "cold", "title": "sailing"})

    plain = (await client.get(f"/recommend/{USER}", params={"k": 500})).json()["items"]
    explained = (await client.get(f"/recommend/{USER}", params={"k": 500, "explain": True})).json()["items"]

    assert all("explanation" not in hit for hit in plain)
    assert [{name: value for name, value in hit.items() if name != "explanation"} for hit in explained] == plain
    row = list(checkpoint.user_ids).index(USER)
    kept = checkpoint.interactions
    own = slice(kept.indptr[row], kept.indptr[row + 1])
    liked = kept.items[own][kept.weights[own] > 0]
    for hit in explained:
        stored = (await client.get(f"/items/{hit['item_id']}")).json()
        why = hit["explanation"]
        assert (why["gate"], why["experts"]) == (stored["gate"], stored["experts"])
        assert len(why["nearest"]) == min(3, len(liked))
    first = next(hit for hit in explained if hit["state"] == "warm")
    cosines = tastes(checkpoint)[liked] @ tastes(checkpoint)[list(checkpoint.item_ids).index(first["item_id"])]
    best = sorted(zip(cosines.tolist(), (checkpoint.item_ids[item] for item in liked), strict=True), reverse=True)[:3]
    assert [near["item_id"] for near in first["explanation"]["nearest"]] == [item_id for _, item_id in best]
    assert [near["cosine"] for near in first["explanation"]["nearest"]] == pytest.approx([one for one, _ in best], abs=1e-3)


async def test_no_list_is_explained_by_what_the_user_took_back(client: httpx.AsyncClient) -> None:
    """Not even by what training saw it like."""
    liked = running(client).space.liked_by(USER)[0]
    await client.post("/items", json={"item_id": "cold", "title": "sailing"})
    taken_back = [event(f"e{at}", USER, item_id, "return") for at, item_id in enumerate(liked[1:])]
    await send(client, *taken_back, event("v", USER, liked[1], "view"))

    hit = (await client.get(f"/recommend/{USER}", params={"explain": True})).json()["items"][0]

    assert [near["item_id"] for near in hit["explanation"]["nearest"]] == liked[:1]


async def test_a_stranger_s_list_is_explained_by_the_prior(client: httpx.AsyncClient) -> None:
    await client.post("/items", json={"item_id": "a", "title": "x"})

    hit = (await client.get("/recommend/stranger", params={"fallback": True, "explain": True})).json()["items"][0]

    assert (hit["reason"], hit["explanation"]["nearest"]) == ("prior", [])
    assert sum(hit["explanation"]["gate"].values()) == pytest.approx(1)


async def test_the_client_calls_them(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the library sends is what the routes take."""
    sent: list[tuple[str, str, dict[str, Any]]] = []

    def call(_self: Client, method: str, path: str, **options: Any) -> dict[str, Any]:
        sent.append((method, path, options))
        return {"items": [], "users": [], "lists": []}

    monkeypatch.setattr(Client, "_call", call)
    with Client() as thaw:
        thaw.similar("a/b", k=3, cold_only=True, filter={"must": []})
        thaw.audience("a", k=5)
        thaw.recommend("u", k=2)
        thaw.recommend_many(["u", "v"], k=2)

    assert sent == [
        ("GET", "/items/a%2Fb/similar", {"params": {"k": 3, "cold_only": "true", "filter": '{"must": []}'}}),
        ("GET", "/items/a/audience", {"params": {"k": 5}}),
        ("POST", "/recommend", {"json": {"user_id": "u", "k": 2}}),
        ("POST", "/recommend", {"json": {"user_ids": ["u", "v"], "k": 2}}),
    ]

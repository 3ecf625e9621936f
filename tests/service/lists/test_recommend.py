"""`/recommend` over HTTP."""

import httpx
import numpy as np
import pytest

from model.checkpoint import Checkpoint
from service.monitoring.metrics import Metrics
from service.space import Space
from service.thawing.ledger import Ledger
from service.thawing.reactions import Rules
from service.users.cache import LocalUserCache, UserCache, pack_user, unpack_user
from service.users.embeddings import Users
from tests.conftest import ClientMaker
from tests.fakes import BrokenUserCache, RubbishUserCache
from tests.service.sending import post_warm

pytestmark = pytest.mark.anyio
USER = "words-sailing-01"


async def test_scores_are_inner_products_best_first(client: httpx.AsyncClient, checkpoint: Checkpoint) -> None:
    await post_warm(client, checkpoint)
    user = checkpoint.user_embeddings[list(checkpoint.user_ids).index(USER)]

    answer = (await client.get(f"/recommend/{USER}", params={"k": 7, "exclude_seen": False})).json()

    scores = [hit["score"] for hit in answer["items"]]
    assert scores == pytest.approx(sorted((checkpoint.item_embeddings @ user).tolist(), reverse=True)[:7], abs=1e-5)
    assert (answer["source"], answer["space"], answer["degraded"]) == ("user", checkpoint.version, False)
    assert len(answer["recommendation_id"]) == 32


async def test_what_the_user_had_in_training_is_left_out_unless_asked(client: httpx.AsyncClient, checkpoint: Checkpoint) -> None:
    await post_warm(client, checkpoint)
    row = list(checkpoint.user_ids).index(USER)
    seen = {checkpoint.item_ids[item] for item in checkpoint.interactions.seen_by(row)}

    without = (await client.get(f"/recommend/{USER}", params={"k": 500})).json()["items"]
    everything = (await client.get(f"/recommend/{USER}", params={"k": 500, "exclude_seen": False})).json()["items"]

    assert seen
    assert {hit["item_id"] for hit in without} == set(checkpoint.item_ids) - seen
    assert {hit["item_id"] for hit in everything} == set(checkpoint.item_ids)


async def test_an_unknown_user_gets_the_prior_only_when_asked(client: httpx.AsyncClient) -> None:
    await client.post("/items", json={"item_id": "a", "title": "x"})

    refused = await client.get("/recommend/stranger")
    answered = await client.get("/recommend/stranger", params={"fallback": True})

    assert refused.status_code == 404
    assert "fallback=true" in refused.json()["detail"]
    assert (answered.json()["source"], len(answered.json()["items"])) == ("prior", 1)


async def test_an_empty_catalogue_gives_an_empty_list(client: httpx.AsyncClient) -> None:
    assert (await client.get(f"/recommend/{USER}")).json()["items"] == []


async def test_equal_items_come_in_the_order_of_their_hashed_ids(client: httpx.AsyncClient) -> None:
    from model.ties import tie_key

    names = [f"same-{at}" for at in range(30)]
    for name in names:
        await client.post("/items", json={"item_id": name, "title": "the very same words"})

    hits = (await client.get(f"/recommend/{USER}", params={"k": 10})).json()["items"]

    assert [hit["item_id"] for hit in hits] == sorted(names, key=tie_key)[:10]


async def test_the_state_routes_say_what_is_served(client: httpx.AsyncClient, checkpoint: Checkpoint) -> None:
    await client.post("/items", json={"item_id": "a", "title": "x"})
    await client.get(f"/recommend/{USER}")

    model = (await client.get("/model")).json()
    metrics = (await client.get("/metrics")).text

    assert (await client.get("/health/live")).json() == {"status": "alive"}
    assert (await client.get("/health/ready")).json()["space"] == model["space"] == checkpoint.version
    assert model["recipe"]["name"] == "thaw"
    assert "thaw_index_items 1.0" in metrics
    assert 'thaw_request_seconds_count{method="GET",route="/recommend/{user_id:path}",status="200"} 1.0' in metrics


async def test_the_openapi_document_is_whole(client: httpx.AsyncClient) -> None:
    document = (await client.get("/openapi.json")).json()

    assert {"/items", "/items/{item_id}", "/recommend/{user_id}", "/health/ready", "/model"} <= set(document["paths"])
    assert "ProblemAnswer" in document["components"]["schemas"]


CACHES: list[UserCache] = [
    BrokenUserCache(),
    RubbishUserCache(b""),
    RubbishUserCache(b"\0" * 96),
    LocalUserCache(0),
    LocalUserCache(10),
]


@pytest.mark.parametrize("cache", CACHES)
async def test_no_state_of_the_cache_changes_a_user(space: Space, checkpoint: Checkpoint, cache: UserCache) -> None:
    users = Users(space, [cache], Metrics(), Ledger(space, Rules(), 0))

    for _ in range(2):
        found = await users.embedding(USER, fallback=False)
        assert np.array_equal(found.vector, checkpoint.user_embeddings[list(checkpoint.user_ids).index(USER)])


def test_a_value_of_another_user_space_or_event_is_not_used() -> None:
    vector = np.arange(3, dtype=np.float32)
    value = pack_user("anna", "space-1", 4, vector)

    assert (unpack_user(value, "anna", "space-1", 4, 3) == vector).all()  # type: ignore[union-attr]
    assert unpack_user(value, "bert", "space-1", 4, 3) is None
    assert unpack_user(value, "anna", "space-2", 4, 3) is None
    assert unpack_user(value, "anna", "space-1", 5, 3) is None
    assert unpack_user(value, "anna", "space-1", 4, 4) is None
    assert unpack_user(value[:-1] + b"\x01", "anna", "space-1", 4, 3) is None


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_a_vector_that_is_not_finite_is_not_used(bad: float) -> None:
    assert unpack_user(pack_user("anna", "space-1", 4, np.array([0, bad], np.float32)), "anna", "space-1", 4, 2) is None


async def test_a_full_cache_forgets_the_least_recently_used() -> None:
    cache = LocalUserCache(2)
    await cache.put("a", b"1")
    await cache.put("b", b"2")
    await cache.get("a")
    await cache.put("c", b"3")

    assert [await cache.get(name) for name in "abc"] == [b"1", None, b"3"]


async def test_a_full_queue_answers_429_and_when_to_come_back(service: ClientMaker, monkeypatch: pytest.MonkeyPatch) -> None:
    import asyncio

    async with service(encode_waiting=1, encode_batch=1).client() as client:
        answers = await asyncio.gather(*(client.post("/items", json={"item_id": f"i{at}", "title": "x"}) for at in range(40)))
        kept = {item["item_id"] for item in (await client.get("/items")).json()["items"]}

    refused = [answer for answer in answers if answer.status_code == 429]
    assert refused
    assert all(answer.headers["retry-after"] == "1" for answer in refused)
    assert kept == {f"i{at}" for at, answer in enumerate(answers) if answer.status_code == 201}


async def test_a_parameter_that_comes_twice_counts_as_it_came_last_and_a_list_has_all(client: httpx.AsyncClient) -> None:
    for item_id in ("a", "b", "c", "d"):
        await client.post("/items", json={"item_id": item_id, "title": "Sailboat mug"})

    twice = (await client.get(f"/recommend/{USER}?k=1&k=3")).json()["items"]
    without = (await client.get(f"/recommend/{USER}?exclude=a&exclude=b")).json()["items"]
    wrong = await client.get(f"/recommend/{USER}?k=3&k=none")

    assert len(twice) == 3
    assert {hit["item_id"] for hit in without} == {"c", "d"}
    assert (wrong.status_code, wrong.json()["field"]) == (422, "k")

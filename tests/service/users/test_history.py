"""`POST /recommend` for somebody known by a history alone."""

from typing import Any, get_args

import httpx
import numpy as np
import pytest

from model.checkpoint import Checkpoint
from model.content import FloatArray
from model.event_types import EVENT_TYPES
from model.fold_in import FoldIn
from service.fields import EventType
from tests.service.sending import post_warm

pytestmark = pytest.mark.anyio


async def ask(client: httpx.AsyncClient, history: list[dict[str, Any]], **wishes: Any) -> dict[str, Any]:
    answer = await client.post("/recommend", json={"history": history, "k": 500, **wishes})
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def scores(answer: dict[str, Any]) -> dict[str, float]:
    return {hit["item_id"]: hit["score"] for hit in answer["items"]}


def folded(checkpoint: Checkpoint, weights: dict[int, float]) -> FloatArray:
    """By the formula: the prior's taste and weight times step of each anchor."""
    fold_in = FoldIn(checkpoint.fold_in)
    steps = fold_in.steps(checkpoint.item_embeddings[list(weights)])
    taste = fold_in.prior + np.array(list(weights.values()), np.float32) @ steps
    return np.asarray(fold_in.place(taste[None])[0], np.float32)


async def test_a_history_ranks_as_a_user_who_did_so_would(client: httpx.AsyncClient, checkpoint: Checkpoint) -> None:
    await post_warm(client, checkpoint)
    ids = checkpoint.item_ids

    answer = await ask(client, [{"item_id": ids[3]}, {"item_id": ids[8], "event_type": "view"}], exclude_seen=False)

    user = folded(checkpoint, {3: 1.0, 8: 0.3})
    expected = dict(zip(ids, (checkpoint.item_embeddings @ user).tolist(), strict=True))
    assert scores(answer) == pytest.approx(expected, abs=1e-4)
    assert (answer["source"], answer["user_id"], answer["unknown_item_ids"]) == ("history", None, [])
    assert {hit["reason"] for hit in answer["items"]} == {"relevance"}


async def test_its_own_items_are_left_out_unless_asked(client: httpx.AsyncClient, checkpoint: Checkpoint) -> None:
    await post_warm(client, checkpoint)
    ids = checkpoint.item_ids

    answer = await ask(client, [{"item_id": ids[3]}, {"item_id": ids[8], "event_type": "hide"}])

    assert set(scores(answer)) == set(ids) - {ids[3], ids[8]}


async def test_items_that_nobody_knows_are_named_and_do_no_harm(client: httpx.AsyncClient, checkpoint: Checkpoint) -> None:
    await post_warm(client, checkpoint)
    known = {"item_id": checkpoint.item_ids[3]}

    plain = await ask(client, [known])
    mixed = await ask(client, [{"item_id": "nobody"}, known, {"item_id": "nowhere", "event_type": "hide"}])
    nothing = await ask(client, [{"item_id": "nobody"}])

    assert mixed["unknown_item_ids"] == ["nobody", "nowhere"]
    assert mixed["items"] == plain["items"]
    assert (nothing["source"], nothing["items"][0]["reason"]) == ("prior", "prior")


async def test_a_cold_item_counts_by_its_content_and_a_warm_one_without_being_posted(
    client: httpx.AsyncClient, checkpoint: Checkpoint
) -> None:
    await client.post("/items", json={"item_id": "boat", "title": "sailing boat, rope and canvas"})
    await client.post("/items", json={"item_id": "other", "title": "harbour"})
    prior = scores(await ask(client, [{"item_id": "nobody"}]))

    by_cold = scores(await ask(client, [{"item_id": "boat"}]))
    by_warm = await ask(client, [{"item_id": checkpoint.item_ids[3]}])

    assert by_cold["other"] != pytest.approx(prior["other"], abs=1e-6)
    assert scores(by_warm)["other"] != pytest.approx(prior["other"], abs=1e-6)
    assert by_warm["unknown_item_ids"] == []


@pytest.mark.parametrize(
    ("deeds", "weight"),
    [
        ([{"event_type": "like"}, {"event_type": "purchase"}], 1.0),
        ([{"event_type": "view"}, {"event_type": "like"}, {"event_type": "view"}], 1.0),
        ([{"event_type": "like"}, {"event_type": "hide"}], -1.0),
        ([{"event_type": "hide"}, {"event_type": "like"}], 1.0),
        ([{"event_type": "hide"}, {"event_type": "impression"}], -1.0),
        ([{"event_type": "rating", "value": 5}], 1.0),
        ([{"event_type": "rating", "value": 0.5}], 0.0),
        ([{"weight": 2.5}], 2.5),
        ([{"event_type": "like", "weight": -0.5}], -0.5),
    ],
)
async def test_what_deeds_are_worth(
    client: httpx.AsyncClient, checkpoint: Checkpoint, deeds: list[dict[str, Any]], weight: float
) -> None:
    """An item counts once, by its strongest positive; what takes back undoes what came before it."""
    ids = checkpoint.item_ids
    for item_id in ids[:6]:
        await client.post("/items", json={"item_id": item_id, "title": "x"})

    answer = await ask(client, [{"item_id": ids[3], **deed} for deed in deeds], exclude_seen=False)

    user = folded(checkpoint, {3: weight}) if weight else checkpoint.prior_user
    expected = dict(zip(ids[:6], (checkpoint.item_embeddings[:6] @ user).tolist(), strict=True))
    assert scores(answer) == pytest.approx(expected, abs=1e-4)
    assert answer["source"] == ("history" if weight else "prior")


async def test_it_is_explained_by_what_it_liked(client: httpx.AsyncClient, checkpoint: Checkpoint) -> None:
    await post_warm(client, checkpoint)
    liked, hidden = checkpoint.item_ids[3], checkpoint.item_ids[8]

    answer = await ask(client, [{"item_id": liked}, {"item_id": hidden, "event_type": "hide"}], explain=True)

    assert all([near["item_id"] for near in hit["explanation"]["nearest"]] == [liked] for hit in answer["items"])


async def test_a_history_leaves_no_trace(client: httpx.AsyncClient, checkpoint: Checkpoint) -> None:
    await post_warm(client, checkpoint)
    before = (await client.get("/recommend/words-sailing-01", params={"k": 500})).json()["items"]

    await ask(client, [{"item_id": item_id} for item_id in checkpoint.item_ids[:9]])

    assert (await client.get("/recommend/words-sailing-01", params={"k": 500})).json()["items"] == before


@pytest.mark.parametrize(
    ("history", "field"),
    [
        ([], "history"),
        ([{"item_id": "a", "event_type": "sneeze"}], "history.0.event_type"),
        ([{"item_id": "a", "event_type": "rating"}], "history.0"),
        ([{"item_id": "a", "weight": 11}], "history.0.weight"),
        ([{"item_id": ""}], "history.0.item_id"),
        ([{"item_id": "a"}] * 1001, "history"),
    ],
)
async def test_a_bad_history_is_refused_by_its_place(
    client: httpx.AsyncClient, history: list[dict[str, Any]], field: str
) -> None:
    answer = await client.post("/recommend", json={"history": history})

    assert (answer.status_code, answer.json()["field"]) == (422, field)


def test_the_types_are_those_of_the_one_table() -> None:
    assert get_args(EventType) == EVENT_TYPES

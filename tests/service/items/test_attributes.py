"""Items are ranked by their attributes, too, where the checkpoint reads these."""

import csv
import shutil
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest

from model.checkpoint import Checkpoint, make_encoders, make_tower
from service.settings import Settings
from service.space import Space
from tests.conftest import HASHED, ServiceContext
from tests.fakes import read_truth
from tests.service.changing import encoder_runs, patch, read
from tests.service.http.test_bad_input import assert_problem
from tests.service.items.test_items import post
from tests.service.settling import swap
from tests.service.swapping import serving
from training.config import DataConfig, ReadingConfig, TrainConfig
from training.progress import SilentReporter
from training.train import train

pytestmark = pytest.mark.anyio
PATTERN, OTHER = "dots", "leaves"
WORDS = {"title": "Regatta mug", "text": "Rope and salt"}


@pytest.fixture(scope="module")
def path(demo_folder: Path, feature_cache: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkpoint of the small demo whose table tells of each item the pattern that its picture shows."""
    folder = tmp_path_factory.mktemp("attributes")
    shutil.copytree(demo_folder / "catalogue", folder / "catalogue")
    truth = read_truth(demo_folder / "catalogue")
    with (demo_folder / "catalogue" / "items.csv").open(newline="") as file:
        rows = [{**row, "weave": truth[row["item_id"]]["pattern"]} for row in csv.DictReader(file)]
    with (folder / "catalogue" / "items.csv").open("w", newline="") as file:
        table = csv.DictWriter(file, list(rows[0]))
        table.writeheader()
        table.writerows(rows)
    encoders = {**HASHED, "attributes": "lexical-attributes"}
    config = TrainConfig(
        DataConfig(folder / "catalogue", cache=feature_cache),
        folder / "out",
        reading=ReadingConfig(encoders=encoders),
        numbers={"width": "16"},
        device="cpu",
    )
    train(config, SilentReporter())
    return folder / "out"


@pytest.fixture(scope="module")
def knowing(path: Path) -> Checkpoint:
    from model.checkpoint import load_checkpoint

    return load_checkpoint(path)


@pytest.fixture
def settings(tmp_path: Path, path: Path) -> Settings:
    return Settings(store_url=f"sqlite:///{tmp_path}/store.sqlite", checkpoint=path)


@pytest.fixture
async def shop(knowing: Checkpoint, settings: Settings) -> AsyncIterator[httpx.AsyncClient]:
    """A service of that checkpoint, its store empty."""
    space = Space(knowing, make_tower(knowing, make_encoders(knowing.manifest)))
    async with ServiceContext(space, settings).client() as client:
        yield client


async def relevance(client: httpx.AsyncClient, user_id: str) -> dict[str, float]:
    hits = (await client.get(f"/recommend/{user_id}", params={"k": 100})).json()["items"]
    return {hit["item_id"]: hit["score"] for hit in hits}


async def test_an_item_of_attributes_alone_is_ranked_by_them(shop: httpx.AsyncClient) -> None:
    answers = [await post(shop, item_id=weave, attributes={"weave": weave}) for weave in (PATTERN, OTHER)]

    lovers = [await relevance(shop, f"picture-{weave}-01") for weave in (PATTERN, OTHER)]

    assert [answer.status_code for answer in answers] == [201, 201]
    shown: dict[str, Any] = answers[0].json()
    assert {name for name, there in shown["modalities"].items() if there} == {"attributes"}
    assert shown["gate"]["attributes"] > 0
    assert shown["gate"]["text"] == shown["gate"]["image"] == 0
    assert lovers[0][PATTERN] > lovers[0][OTHER]
    assert lovers[1][OTHER] > lovers[1][PATTERN]


async def test_changed_attributes_move_an_item_to_where_it_would_have_been_posted(shop: httpx.AsyncClient) -> None:
    await post(shop, item_id="moved", **WORDS, attributes={"weave": OTHER, "price": 3})
    await post(shop, item_id="aim", **WORDS, attributes={"weave": PATTERN})
    before = await relevance(shop, f"picture-{PATTERN}-01")

    await patch(shop, "moved", attributes={"weave": PATTERN})

    after = await relevance(shop, f"picture-{PATTERN}-01")
    assert before["moved"] < before["aim"]
    assert after["moved"] == pytest.approx(after["aim"], abs=1e-6)


async def test_attributes_that_training_did_not_know_change_nothing_and_cost_no_encoder(shop: httpx.AsyncClient) -> None:
    await post(shop, item_id="a", **WORDS, attributes={"weave": PATTERN})
    scored, runs = await relevance(shop, "words-sailing-01"), await encoder_runs(shop)

    changed = await patch(shop, "a", attributes={"price": 12.5, "in_stock": True})

    assert changed.json()["attributes"] == {"weave": PATTERN, "price": 12.5, "in_stock": True}
    assert await relevance(shop, "words-sailing-01") == scored
    assert await encoder_runs(shop) == runs


async def test_an_item_of_nothing_but_unknown_attributes_is_refused(shop: httpx.AsyncClient) -> None:
    answer = await post(shop, item_id="a", attributes={"price": 12.5})

    assert_problem(answer, 422, "content")
    assert "no attribute that is read" in answer.json()["detail"]
    assert (await shop.get("/items/a")).status_code == 404


async def test_the_same_attributes_again_are_no_write(shop: httpx.AsyncClient) -> None:
    await post(shop, item_id="a", **WORDS, attributes={"weave": PATTERN})
    first = await read(shop, "a")

    await post(shop, item_id="a", **WORDS, attributes={"weave": PATTERN})

    assert await read(shop, "a") == first


@pytest.fixture
async def older(space: Space, checkpoint_path: Path, tmp_path: Path) -> AsyncIterator[httpx.AsyncClient]:
    """A service whose checkpoint reads no attributes."""
    own = Settings(
        store_url=f"sqlite:///{tmp_path}/store.sqlite", checkpoint=checkpoint_path, admin_keys="an-admin-key-of-a-test"
    )
    async with serving(space, own) as client:
        yield client


async def test_a_checkpoint_that_reads_attributes_reads_those_of_items_that_are_there(
    older: httpx.AsyncClient, path: Path
) -> None:
    """What was posted before it is placed as what is posted after it."""
    await post(older, item_id="before", **WORDS, attributes={"weave": PATTERN})
    assert "attributes" not in (await read(older, "before"))["modalities"]

    await swap(older, path)
    await post(older, item_id="after", **WORDS, attributes={"weave": PATTERN})

    scores = await relevance(older, f"picture-{PATTERN}-01")
    assert (await read(older, "before"))["modalities"]["attributes"] is True
    np.testing.assert_allclose(scores["before"], scores["after"], atol=1e-6)


@pytest.mark.parametrize("how", ["patched", "posted again"])
async def test_attributes_taken_from_an_item_of_an_older_checkpoint_are_read_no_more(
    older: httpx.AsyncClient, path: Path, how: str
) -> None:
    await post(older, item_id="cleared", **WORDS, attributes={"weave": PATTERN})
    await swap(older, path)
    await post(older, item_id="plain", **WORDS)

    if how == "patched":
        answer = await patch(older, "cleared", attributes={"weave": None})
    else:
        answer = await post(older, item_id="cleared", **WORDS)

    scores = await relevance(older, f"picture-{PATTERN}-01")
    assert answer.status_code == 200
    assert answer.json()["modalities"]["attributes"] is False
    np.testing.assert_allclose(scores["cleared"], scores["plain"], atol=1e-6)


async def test_an_item_can_be_changed_after_a_swap_to_a_checkpoint_that_reads_less_of_it(
    older: httpx.AsyncClient, path: Path, checkpoint_path: Path
) -> None:
    await swap(older, path)
    await post(older, item_id="a", **WORDS, attributes={"weave": PATTERN})
    await swap(older, checkpoint_path)

    answers = [
        await patch(older, "a", hidden=True),
        await patch(older, "a", title="Another mug"),
        await patch(older, "a", attributes={"weave": OTHER}),
    ]

    assert [answer.status_code for answer in answers] == [200, 200, 200]
    await swap(older, path)
    await patch(older, "a", hidden=False)
    await post(older, item_id="twin", title="Another mug", text=WORDS["text"], attributes={"weave": OTHER})
    scores = await relevance(older, f"picture-{OTHER}-01")
    np.testing.assert_allclose(scores["a"], scores["twin"], atol=1e-6)


async def test_an_attribute_whose_value_nobody_knows_leaves_the_words_their_say(shop: httpx.AsyncClient) -> None:
    await post(shop, item_id="plain", **WORDS)
    answer = await post(shop, item_id="strange", **WORDS, attributes={"weave": "never seen"})

    scores = await relevance(shop, "words-sailing-01")
    assert answer.json()["gate"]["attributes"] == 0
    assert scores["strange"] == pytest.approx(scores["plain"], abs=1e-6)

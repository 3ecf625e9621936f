"""After a swap an item is read by the words that it has now, and by the fields that the new checkpoint reads."""

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import httpx
import numpy as np
import pytest
from pydantic import SecretStr

from service.settings import Settings
from service.space import Space
from tests.conftest import HASHED
from tests.fakes import draw_jpeg
from tests.service.settling import swap
from tests.service.swapping import KEY, serving
from training.config import DataConfig, ReadingConfig, TrainConfig
from training.progress import SilentReporter
from training.train import train

pytestmark = pytest.mark.anyio
USER = "words-sailing-01"
OLD = {"title": "Bread and flour", "text": "Oven warm rolls."}
NEW = {"title": "Sailboat mug", "text": "Rope, canvas and salt wind."}


@pytest.fixture(scope="module")
def config(demo_folder: Path, feature_cache: Path) -> TrainConfig:
    return TrainConfig(
        DataConfig(demo_folder / "catalogue", cache=feature_cache),
        Path(),
        reading=ReadingConfig(encoders=HASHED),
        numbers={"width": "16"},
        device="cpu",
    )


@pytest.fixture(scope="module")
def of_text_alone(config: TrainConfig, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkpoint that reads pictures and the whole text."""
    encoders = HASHED | {"words": "none", "phrases": "none"}
    path = tmp_path_factory.mktemp("text") / "checkpoint"
    train(replace(config, out=path, reading=ReadingConfig(encoders=encoders)), SilentReporter())
    return path


@pytest.fixture(scope="module")
def of_titles(config: TrainConfig, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkpoint of the same encoders, which read titles alone."""
    path = tmp_path_factory.mktemp("titles") / "checkpoint"
    train(replace(config, out=path, reading=ReadingConfig(("title",), encoders=HASHED)), SilentReporter())
    return path


@pytest.fixture
async def client(space: Space, checkpoint_path: Path, tmp_path: Path) -> AsyncIterator[httpx.AsyncClient]:
    settings = Settings(store_url=f"sqlite:///{tmp_path}/store.sqlite", checkpoint=checkpoint_path, admin_keys=SecretStr(KEY))
    async with serving(space, settings) as client:
        yield client


async def post(client: httpx.AsyncClient, item_id: str, words: dict[str, str]) -> None:
    answer = await client.post("/items", data={"item_id": item_id, **words}, files={"image": ("a.jpg", draw_jpeg())})
    assert answer.status_code == 201, answer.text


async def scores(client: httpx.AsyncClient) -> dict[str, float]:
    hits = (await client.get(f"/recommend/{USER}", params={"k": 100})).json()["items"]
    return {hit["item_id"]: hit["score"] for hit in hits}


async def test_words_that_changed_meanwhile_do_not_come_back_with_the_checkpoint(
    client: httpx.AsyncClient, of_text_alone: Path, checkpoint_path: Path
) -> None:
    """Features of words and phrases that nobody read meanwhile are of the words before."""
    await post(client, "changed", OLD)
    await post(client, "old", OLD)
    await swap(client, of_text_alone)
    assert (await client.patch("/items/changed", json=NEW)).status_code == 200
    await swap(client, checkpoint_path)

    again = (await client.get("/items/changed")).json()
    served = await scores(client)
    assert (await client.patch("/items/changed", json={"title": "Sailboat"})).status_code == 200
    assert (await client.patch("/items/changed", json=NEW)).status_code == 200
    await post(client, "new", NEW)
    told = await scores(client)

    assert {name for name, there in again["modalities"].items() if there} == {"image", "text"}
    assert served["changed"] != pytest.approx(served["old"], abs=1e-4)
    np.testing.assert_allclose(told["changed"], told["new"], atol=1e-6)


async def test_features_of_other_fields_are_not_read(client: httpx.AsyncClient, of_titles: Path, checkpoint_path: Path) -> None:
    """An item whose words are other ones counts as one without words, until it is posted again."""
    await post(client, "before", NEW)
    await post(client, "title alone", {"title": NEW["title"]})
    await swap(client, of_titles)

    modalities = {
        item_id: {name for name, there in (await client.get(f"/items/{item_id}")).json()["modalities"].items() if there}
        for item_id in ("before", "title alone")
    }
    await client.post("/items", data={"item_id": "before", **NEW}, files={"image": ("a.jpg", draw_jpeg())})
    again = await scores(client)
    await swap(client, checkpoint_path)

    assert modalities == {"before": {"image"}, "title alone": {"image", "text", "words", "phrases"}}
    np.testing.assert_allclose(again["before"], again["title alone"], atol=1e-6)

"""Items come with vectors of somebody else's encoders, where the checkpoint was trained on such."""

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from model.checkpoint import Checkpoint, load_checkpoint, make_encoders, make_tower
from model.plain.bad_rows import BadRows
from model.plain.items import read_items
from service.client import item_body
from service.commands.export import HoldOut, export
from service.commands.ingest_folder import _body
from service.serving.configured import choose_checkpoint
from service.settings import Settings
from service.space import Space
from tests.conftest import HASHED
from tests.service.changing import encoder_runs, patch, read
from tests.service.http.test_bad_input import assert_problem
from tests.service.items.test_items import post
from tests.service.settling import swap
from tests.service.swapping import KEY, serving
from tests.vectors_folder import DIM, copy_with_sounds, sound_of
from training.config import DataConfig, ReadingConfig, TrainConfig
from training.progress import SilentReporter
from training.train import train

pytestmark = pytest.mark.anyio
PATTERN, OTHER = "dots", "leaves"
LOVER = f"picture-{PATTERN}-01"


def train_on(data: Path, out: Path, cache: Path, **reading: Any) -> Checkpoint:
    """A checkpoint that hears sounds and sees no pictures."""
    encoders = {**HASHED, "image": "none", **reading}
    config = TrainConfig(
        DataConfig(data, cache=cache), out, reading=ReadingConfig(encoders=encoders), numbers={"width": "16"}, device="cpu"
    )
    train(config, SilentReporter())
    return load_checkpoint(out)


@pytest.fixture(scope="module")
def folder(demo_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("vectors")
    copy_with_sounds(demo_folder / "catalogue", folder / "catalogue")
    return folder


@pytest.fixture(scope="module")
def hearing(folder: Path, feature_cache: Path) -> Checkpoint:
    return train_on(folder / "catalogue", folder / "out", feature_cache)


@pytest.fixture
def settings(tmp_path: Path, folder: Path) -> Settings:
    return Settings(store_url=f"sqlite:///{tmp_path}/store.sqlite", checkpoint=folder / "out", admin_keys=KEY)


@pytest.fixture
async def shop(hearing: Checkpoint, settings: Settings) -> AsyncIterator[httpx.AsyncClient]:
    space = Space(hearing, make_tower(hearing, make_encoders(hearing.manifest)))
    async with serving(space, settings) as client:
        yield client


async def scores(client: httpx.AsyncClient) -> dict[str, float]:
    hits = (await client.get(f"/recommend/{LOVER}", params={"k": 100})).json()["items"]
    return {hit["item_id"]: hit["score"] for hit in hits}


def sound(pattern: str) -> dict[str, list[float]]:
    return {"sound": sound_of(pattern).tolist()}


async def test_an_item_of_a_vector_alone_is_ranked_by_it(shop: httpx.AsyncClient) -> None:
    answers = [await post(shop, item_id=pattern, vectors=sound(pattern)) for pattern in (PATTERN, OTHER)]

    assert [answer.status_code for answer in answers] == [201, 201]
    assert {name for name, there in answers[0].json()["modalities"].items() if there} == {"sound"}
    gate = answers[0].json()["gate"]
    assert gate["sound"] > 0
    assert gate["text"] == 0
    found = await scores(shop)
    assert found[PATTERN] > found[OTHER]


async def test_a_form_and_a_batch_take_vectors_too(shop: httpx.AsyncClient) -> None:
    form = await shop.post("/items", files={"item_id": (None, "form"), "vectors": (None, json.dumps(sound(PATTERN)))})
    batch = await shop.post("/items/batch", json={"items": [{"item_id": "batch", "vectors": sound(PATTERN)}]})
    await post(shop, item_id="body", vectors=sound(PATTERN))

    found = await scores(shop)

    assert (form.status_code, batch.json()["created"]) == (201, 1)
    assert found["form"] == found["batch"] == found["body"]


async def test_a_change_of_words_leaves_the_vector(shop: httpx.AsyncClient) -> None:
    await post(shop, item_id="a", title="Regatta mug", vectors=sound(PATTERN))
    await post(shop, item_id="b", title="Flour scarf", vectors=sound(PATTERN))

    await patch(shop, "a", title="Flour scarf")

    found = await scores(shop)
    assert (await read(shop, "a"))["modalities"]["sound"]
    assert found["a"] == pytest.approx(found["b"], abs=1e-6)


async def test_a_post_without_the_vector_takes_it_away(shop: httpx.AsyncClient) -> None:
    await post(shop, item_id="a", title="Regatta mug", vectors=sound(PATTERN))

    again = await post(shop, item_id="a", title="Regatta mug")

    assert again.status_code == 200
    assert not again.json()["modalities"]["sound"]


async def test_the_same_vector_again_is_no_write_and_another_one_is(shop: httpx.AsyncClient) -> None:
    first = await post(shop, item_id="a", vectors=sound(PATTERN))
    runs = await encoder_runs(shop)

    same = await post(shop, item_id="a", vectors=sound(PATTERN))

    assert same.headers["etag"] == first.headers["etag"]
    assert await encoder_runs(shop) == runs
    other = await post(shop, item_id="a", vectors=sound(OTHER))
    assert other.headers["etag"] != first.headers["etag"]


@pytest.mark.parametrize(
    ("vectors", "said"),
    [
        ({"sound": [1.0] * (DIM - 1)}, f"it has {DIM - 1} numbers, and {DIM} are read"),
        ({"sound": [0.0] * DIM}, "it is all zeros"),
        ({"sound": [1e300] * DIM}, "not finite"),
        ({"smell": [1.0] * DIM}, "the checkpoint reads vectors of sound alone"),
        ({"sound": ["1"] * DIM}, "must hold numbers and nothing else"),
        ({"sound": [True] * DIM}, "must hold numbers and nothing else"),
        ({"sound": []}, "must be a list of 1 to 16,384 numbers"),
        ({"sound": 3}, "must be a list of 1 to 16,384 numbers"),
        ([1.0], "dictionary"),
        ({f"v{at}": [1.0] for at in range(17)}, "at most 16 are taken"),
    ],
)
async def test_a_vector_that_cannot_be_used_is_refused_by_its_field(shop: httpx.AsyncClient, vectors: Any, said: str) -> None:
    answer = await post(shop, item_id="a", title="Regatta mug", vectors=vectors)

    assert_problem(answer, 422, "vectors")
    assert said in answer.json()["detail"]
    assert (await shop.get("/items/a")).status_code == 404


async def test_a_checkpoint_without_vectors_says_so(client: httpx.AsyncClient) -> None:
    answer = await post(client, item_id="a", title="Regatta mug", vectors=sound(PATTERN))

    assert_problem(answer, 422, "vectors")
    assert "the checkpoint reads vectors of no name" in answer.json()["detail"]


async def test_the_client_takes_what_an_encoder_gives(shop: httpx.AsyncClient) -> None:
    body = item_body("a", vectors={"sound": sound_of(PATTERN)})  # an array

    assert (await shop.post("/items", json=body)).status_code == 201
    assert body["vectors"] == sound(PATTERN)


async def test_a_folder_is_ingested_with_its_vectors(shop: httpx.AsyncClient, folder: Path) -> None:
    items = read_items(folder / "catalogue", BadRows("items"))

    answer = await shop.post("/items/batch", json={"items": [_body(item) for item in items[:5]]})

    assert answer.json()["created"] == 5
    for item in items[:5]:
        assert (await read(shop, item.item_id))["modalities"]["sound"]


async def test_vectors_go_on_into_the_next_checkpoint(
    shop: httpx.AsyncClient, hearing: Checkpoint, settings: Settings, folder: Path, feature_cache: Path, tmp_path: Path
) -> None:
    """An export holds them, training reads them, and after the swap a store's items lie where their vectors put them."""
    for item in read_items(folder / "catalogue", BadRows("items")):
        await shop.post("/items", json=_body(item))
    await post(shop, item_id="new", vectors=sound(PATTERN))
    await post(shop, item_id="other", vectors=sound(OTHER))
    export(settings, choose_checkpoint(settings), tmp_path / "data", HoldOut())

    train_on(tmp_path / "data", tmp_path / "next", feature_cache)
    said = await swap(shop, tmp_path / "next")

    assert said["swap"]["state"] == "done"
    found = await scores(shop)
    assert found["new"] > found["other"]
    assert (await shop.get("/health/ready")).json()["unplaced_items"] == 0

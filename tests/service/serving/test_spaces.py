"""A service started with another checkpoint: the store stays the truth, everything else is made again from it."""

from collections.abc import Callable
from pathlib import Path
from typing import TypeAlias

import httpx
import pytest

from model.checkpoint import load_checkpoint, make_encoders, make_tower
from service.space import Space
from tests.conftest import HASHED, ClientMaker, ServiceContext
from tests.fakes import draw_jpeg
from training.config import DataConfig, ReadingConfig, TrainConfig
from training.progress import SilentReporter
from training.train import train

pytestmark = pytest.mark.anyio
USER = "words-sailing-01"
SpaceMaker: TypeAlias = Callable[..., Space]


@pytest.fixture(scope="module")
def train_space(demo_folder: Path, feature_cache: Path, tmp_path_factory: pytest.TempPathFactory) -> SpaceMaker:
    def make(seed: int, **encoders: str) -> Space:
        path = tmp_path_factory.mktemp("space") / "checkpoint"
        config = TrainConfig(
            DataConfig(demo_folder / "catalogue", cache=feature_cache),
            path,
            reading=ReadingConfig(encoders={**HASHED, **encoders}),
            seed=seed,
            device="cpu",
            numbers={"width": "8"},
        )
        train(config, SilentReporter())
        checkpoint = load_checkpoint(path)
        return Space(checkpoint, make_tower(checkpoint, make_encoders(checkpoint.manifest)))

    return make


async def hits(client: httpx.AsyncClient) -> dict[str, float]:
    answer = (await client.get(f"/recommend/{USER}", params={"k": 500})).json()
    return {hit["item_id"]: hit["score"] for hit in answer["items"]}


async def test_items_move_to_a_new_space_without_being_posted_again(
    space: Space, train_space: SpaceMaker, service: ClientMaker
) -> None:
    """They are embedded from their stored features, as if they had been posted to the new checkpoint."""
    other = train_space(5)
    settings = service().settings
    posted = [("a", {"title": "Sailboat mug"}), ("b", {"title": "Bread and flour", "text": "From the oven"})]
    async with ServiceContext(space, settings).client() as client:
        for item_id, content in posted:
            await client.post("/items", json={"item_id": item_id, **content})
        await client.post("/items", data={"item_id": "c"}, files={"image": ("c.jpg", draw_jpeg())})

    async with ServiceContext(other, settings).client() as client:
        moved = await hits(client)
        item = (await client.get("/items/a")).json()
        ready = (await client.get("/health/ready")).json()
        for item_id, content in posted:
            await client.post("/items", json={"item_id": item_id, **content})
        fresh = await hits(client)

    assert set(moved) == {"a", "b", "c"}
    assert moved == pytest.approx(fresh, abs=1e-5)
    assert (item["space"], item["searchable"], sum(item["gate"].values())) == (other.version, True, pytest.approx(1, abs=1e-5))
    assert (ready["items"], ready["unplaced_items"]) == (3, 0)


async def test_an_item_that_a_checkpoint_cannot_read_is_kept_and_said_to_be_unplaced(
    space: Space, train_space: SpaceMaker, service: ClientMaker
) -> None:
    """Its features are of other encoders: it is not lost, and back when it is posted again."""
    other = train_space(0, text="hash-text:16", words="none", phrases="none")
    settings = service().settings
    async with ServiceContext(space, settings).client() as client:
        await client.post("/items", json={"item_id": "a", "title": "Sailboat mug"})

    async with ServiceContext(other, settings).client() as client:
        ready = (await client.get("/health/ready")).json()
        kept = (await client.get("/items/a")).json()
        before = await hits(client)
        again = await client.post("/items", json={"item_id": "a", "title": "Sailboat mug"})
        after = await hits(client)
        mended = (await client.get("/health/ready")).json()

    assert (ready["items"], ready["unplaced_items"]) == (0, 1)
    assert (mended["items"], mended["unplaced_items"]) == (1, 0)
    assert (kept["title"], kept["searchable"], before) == ("Sailboat mug", False, {})
    assert (again.status_code, list(after)) == (200, ["a"])


async def test_an_item_of_which_a_checkpoint_can_read_a_part_is_placed_by_that_part(
    space: Space, train_space: SpaceMaker, service: ClientMaker
) -> None:
    """The text's encoder is another one, the words' is the same; all of it is read when it is posted again."""
    other = train_space(0, text="hash-text:16")
    settings = service().settings
    async with ServiceContext(space, settings).client() as client:
        await client.post("/items", json={"item_id": "a", "title": "Sailboat mug"})

    async with ServiceContext(other, settings).client() as client:
        ready = (await client.get("/health/ready")).json()
        part = (await client.get("/items/a")).json()
        found = await hits(client)
        await client.post("/items", json={"item_id": "a", "title": "Sailboat mug"})
        whole = (await client.get("/items/a")).json()

    assert (ready["items"], ready["unplaced_items"], list(found)) == (1, 0, ["a"])
    assert (part["modalities"]["text"], part["modalities"]["words"]) == (False, True)
    assert (whole["modalities"]["text"], whole["modalities"]["words"]) == (True, True)

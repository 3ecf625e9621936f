"""The demo with the packaged encoders: its right answer is planted, so tests can ask for it."""

from collections import defaultdict
from pathlib import Path

import numpy as np
import pytest

from model.checkpoint import Checkpoint, make_encoders, make_tower
from model.content import FloatArray
from model.content_encoder import ContentEncoder
from tests.fakes import read_truth
from training.config import ENCODERS, DataConfig, ReadingConfig, TrainConfig
from training.data.demo import write_demo
from training.data.folder import DataFolder
from training.data.plain import read_folder
from training.features import encode_items, open_cache
from training.progress import SilentReporter
from training.train import train

pytestmark = pytest.mark.slow
WORDS = tuple(name for name in ENCODERS["thaw"] if name != "image")
CHANCE = 0.25  # four patterns, four themes


@pytest.fixture(scope="module")
def catalogue(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("whole-demo")
    write_demo(folder, items=300, users=240, seed=0)
    return folder / "catalogue"


def train_on(catalogue: Path, cache: Path, out: Path, leave_out: tuple[str, ...] = (), **numbers: str) -> Checkpoint:
    encoders = {**ENCODERS["thaw"], **dict.fromkeys(leave_out, "none")}
    return train(
        TrainConfig(
            DataConfig(catalogue, cache=cache), out, reading=ReadingConfig(encoders=encoders), numbers=numbers, device="cpu"
        ),
        SilentReporter(),
    ).checkpoint


def cold_embeddings(checkpoint: Checkpoint, folder: DataFolder, cache_folder: Path) -> tuple[FloatArray, list[dict[str, str]]]:
    items = [item for item in folder.items if item.split == "cold_val"]
    encoders, truth = make_encoders(checkpoint.manifest), read_truth(folder.path)
    reader = ContentEncoder(encoders, checkpoint.manifest.fields)
    with open_cache(cache_folder) as cache:
        features = encode_items(items, reader, cache, folder.bad_items, SilentReporter())
    return make_tower(checkpoint, encoders).embed(features).embeddings, [truth[item.item_id] for item in items]


def share_to_taste(checkpoint: Checkpoint, catalogue: Path, cache: Path) -> dict[str, float]:
    """How many of the ten cold items ranked first fit a user's planted taste, by what shows the taste."""
    embeddings, truth = cold_embeddings(checkpoint, read_folder(catalogue), cache)
    shares = defaultdict(list)
    for user_id, user in zip(checkpoint.user_ids, checkpoint.user_embeddings, strict=True):
        sense, taste, _ = user_id.split("-")
        top = np.argsort(-(embeddings @ user))[:10]
        shares[sense].append(np.mean([truth[row]["pattern" if sense == "picture" else "theme"] == taste for row in top]))
    return {sense: float(np.mean(found)) for sense, found in shares.items()}


def test_the_mixture_serves_both_groups_and_either_modality_alone_fails_one(
    catalogue: Path, feature_cache: Path, tmp_path: Path
) -> None:
    mixture, pictures, words = (
        share_to_taste(train_on(catalogue, feature_cache, tmp_path / name, leave_out), catalogue, feature_cache)
        for name, leave_out in (("mixture", ()), ("pictures", WORDS), ("words", ("image",)))
    )

    assert mixture["picture"] > 0.9
    assert mixture["words"] > 0.9
    assert pictures["picture"] > 0.9
    assert pictures["words"] < CHANCE + 0.1
    assert words["words"] > 0.9
    assert words["picture"] < CHANCE + 0.1

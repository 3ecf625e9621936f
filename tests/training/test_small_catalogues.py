"""Catalogues as small and as lopsided as they come: trained on, or refused in a sentence."""

import json
import random
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from model.errors import ProjectError
from tests.conftest import HASHED
from tests.fakes import draw_jpeg
from training.config import TrainConfig
from training.errors import BadConfig, Diverged, NothingLeft
from training.progress import SilentReporter
from training.train import train

PAPER = {"image": "hash-image:32", "text": "hash-text:48"}
Has = Callable[[int], bool]


def every(_at: int) -> bool:
    return True


def none(_at: int) -> bool:
    return False


def write(folder: Path, *, items: int, users: int, image: Has, words: Has) -> Path:
    draws = random.Random(0)
    (folder / "pictures").mkdir(parents=True)
    rows = []
    for at in range(items):
        row = {"item_id": f"item-{at}"}
        if image(at):
            row["image"] = f"pictures/{at}.jpg"
            (folder / row["image"]).write_bytes(draw_jpeg(at))
        if words(at):
            row |= {"title": f"word{at % 3} thing", "text": "some text here"}
        rows.append(row)
    likes = [{"user_id": f"user-{user}", "item_id": f"item-{draws.randrange(items)}"} for user in range(users) for _ in range(3)]
    (folder / "items.jsonl").write_text("\n".join(map(json.dumps, rows)))
    (folder / "interactions.jsonl").write_text("\n".join(map(json.dumps, likes)))
    return folder


def run(folder: Path, recipe: str, **numbers: str) -> np.ndarray:
    encoders = PAPER if recipe == "paper" else HASHED
    given = {"epochs": "2"} if recipe == "paper" else numbers
    config = TrainConfig(
        folder, folder / "out", recipe, encoders=encoders, numbers=given, cache=folder / "cache", device="cpu", cold_val=0.2
    )
    return train(config, SilentReporter()).checkpoint.item_embeddings


@pytest.mark.parametrize("recipe", ["thaw", "paper"])
@pytest.mark.parametrize(
    ("items", "users", "image", "words"),
    [
        (30, 15, none, every),
        (30, 15, every, none),
        (30, 15, lambda at: at % 2 == 0, lambda at: at % 2 == 1),
        (30, 15, lambda at: at == 3, every),
        (5, 6, every, every),
        (3, 6, every, every),
    ],
    ids=["words only", "pictures only", "one or the other", "one picture", "five items", "three items"],
)
def test_a_small_catalogue_is_trained_on(tmp_path: Path, recipe: str, items: int, users: int, image: Has, words: Has) -> None:
    embeddings = run(write(tmp_path / "data", items=items, users=users, image=image, words=words), recipe)

    assert np.isfinite(embeddings).all()


@pytest.mark.parametrize(("items", "users"), [(2, 6), (30, 1), (1, 1)])
def test_one_that_is_too_small_is_refused_in_a_sentence(tmp_path: Path, items: int, users: int) -> None:
    folder = write(tmp_path / "data", items=items, users=users, image=every, words=every)

    with pytest.raises((NothingLeft, BadConfig)) as caught:
        run(folder, "thaw")

    assert isinstance(caught.value, ProjectError)
    assert not (folder / "out").exists()


@pytest.mark.parametrize(("width", "likeness"), [("2", "0.5"), ("3", "0.9"), ("4", "0")])
def test_the_narrowest_embeddings_keep_a_factor_of_what_users_share(tmp_path: Path, width: str, likeness: str) -> None:
    embeddings = run(write(tmp_path, items=12, users=12, image=every, words=every), "thaw", width=width, likeness=likeness)

    assert embeddings.shape[1] == int(width)
    assert embeddings[:, 0].std() > 0


@pytest.mark.filterwarnings("ignore::RuntimeWarning")  # that is how it diverges
def test_numbers_that_are_none_are_never_written(tmp_path: Path) -> None:
    folder = write(tmp_path / "data", items=30, users=15, image=every, words=every)

    with pytest.raises(Diverged):
        run(folder, "thaw", head_rate="1e30")

    assert not (folder / "out").exists()

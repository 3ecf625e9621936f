"""Catalogues as small and as lopsided as they come: trained on, or refused in a sentence."""

import json
import random
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import scipy.sparse as sp
import torch

from model.checkpoint import load_checkpoint
from model.errors import ProjectError
from tests.conftest import HASHED
from tests.fakes import draw_jpeg
from training.config import DataConfig, ReadingConfig, TrainConfig
from training.errors import Diverged, NothingLeft
from training.evaluate import EvaluateConfig, evaluate
from training.progress import SilentReporter
from training.recipes.audiences import Tellers
from training.recipes.heads import Heads
from training.recipes.teacher import fit_teacher
from training.recipes.thawing_fit import HeldOut, Origin, fit_thawing
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
        DataConfig(folder, cache=folder / "cache"),
        folder / "out",
        recipe,
        reading=ReadingConfig(encoders=encoders),
        numbers=given,
        device="cpu",
        cold_val=0.2,
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


def test_lists_that_hold_all_there_is_have_no_table_of_cold_shares(tmp_path: Path) -> None:
    """Whatever a cold item were helped by, the same ones fill the twenty places."""
    run(write(tmp_path, items=12, users=12, image=none, words=every), "thaw", width="8")

    assert not load_checkpoint(tmp_path / "out").fold_in.keys() & {"cold_shares", "cold_taus"}


def with_attributes(folder: Path, attributes: Callable[[int], dict[str, object]], words: Has) -> Path:
    write(folder, items=40, users=20, image=none, words=words)
    rows = [json.loads(line) for line in (folder / "items.jsonl").read_text().splitlines()]
    (folder / "items.jsonl").write_text("\n".join(json.dumps(row | attributes(at)) for at, row in enumerate(rows)))
    return folder


@pytest.mark.parametrize("words", [every, none], ids=["beside words", "alone"])
@pytest.mark.parametrize(
    "attributes",
    [
        lambda at: {"sku": f"s{at}"},
        lambda at: {"sku": f"s{max(at, 1)}"},
        lambda at: {"same": True},
        lambda at: {"brand": f"b{at}"} if at < 2 else {"same": 1},
        lambda at: {"size": 10**400 if at % 2 else -(10**400), "weight": 1e308 * (-1) ** at},
        lambda at: {"a|b": "x=y" if at % 2 else "z#1", "": at},
    ],
    ids=["each its own", "two share one", "all the same", "few", "huge", "odd names"],
)
def test_odd_attributes_are_trained_on(tmp_path: Path, attributes: Callable[[int], dict[str, object]], words: Has) -> None:
    """With fewer landmarks than items."""
    folder = with_attributes(tmp_path / "data", attributes, words)
    encoders = {"*": "none", "text": HASHED["text"], "attributes": "lexical-attributes"}
    numbers = {"width": "16", "landmarks": "8"}
    config = TrainConfig(
        DataConfig(folder, cache=folder / "cache"),
        folder / "out",
        reading=ReadingConfig(encoders=encoders),
        numbers=numbers,
        device="cpu",
    )

    embeddings = train(config, SilentReporter()).checkpoint.item_embeddings

    assert np.isfinite(embeddings).all()


def test_words_that_no_two_items_share_are_left_out(tmp_path: Path) -> None:
    folder = with_attributes(tmp_path / "data", lambda at: {"title": f"word{at}", "brand": f"b{at}"}, none)
    encoders = {"*": "none", "words": "lexical-words", "attributes": "lexical-attributes"}
    config = TrainConfig(
        DataConfig(folder, cache=folder / "cache"),
        folder / "out",
        reading=ReadingConfig(encoders=encoders),
        numbers={"width": "16"},
        device="cpu",
    )

    checkpoint = train(config, SilentReporter()).checkpoint

    assert np.isfinite(checkpoint.item_embeddings).all()
    assert [[lens.modality for lens in view.lenses] for view in checkpoint.mamex.config.views] == [["attributes"]]


@pytest.mark.parametrize(("items", "users"), [(2, 6), (30, 1), (1, 1)])
def test_one_that_is_too_small_is_refused_in_a_sentence(tmp_path: Path, items: int, users: int) -> None:
    folder = write(tmp_path / "data", items=items, users=users, image=every, words=every)

    with pytest.raises(NothingLeft) as caught:
        run(folder, "thaw")

    assert isinstance(caught.value, ProjectError)
    assert not (folder / "out").exists()


@pytest.mark.parametrize(("width", "likeness"), [("2", "0.5"), ("3", "0.9"), ("4", "0")])
def test_the_narrowest_embeddings_keep_a_factor_of_what_users_share(tmp_path: Path, width: str, likeness: str) -> None:
    embeddings = run(write(tmp_path, items=12, users=12, image=every, words=every), "thaw", width=width, likeness=likeness)

    assert embeddings.shape[1] == int(width)
    assert embeddings[:, 0].std() > 0


@pytest.mark.parametrize("seed", range(4))
def test_two_users_of_wide_embeddings_thaw_items(seed: int) -> None:
    """Nearly all directions are empty there: rounding must not make their spread negative."""
    random = np.random.default_rng(seed)
    likes = sp.csr_array((random.random((3, 100)) < 0.5).astype(np.float32))
    teacher = fit_teacher(likes, factors=127, damping=0.3, restore=0.0)
    readings = Tellers(teacher.users, teacher.projection, np.ones(3))
    held = HeldOut(np.arange(100), np.float32(0.5) * teacher.targets, teacher.targets)

    found = fit_thawing(likes, readings, held, teacher.origin)

    assert all(np.isfinite(values).all() for values in found.values())


def words_of(folder: Path, *, picture: str) -> Path:
    """Words alone, but for one item that has a picture alone and whose split is this."""
    write(folder, items=30, users=15, image=lambda at: at == 4, words=lambda at: at != 4)
    rows = [json.loads(line) for line in (folder / "items.jsonl").read_text().splitlines()]
    for at, row in enumerate(rows):
        row["split"] = picture if at == 4 else "cold_val" if at % 5 == 0 else "warm"
    (folder / "items.jsonl").write_text("\n".join(map(json.dumps, rows)))
    return folder


@pytest.mark.parametrize("split", ["cold_val", "warm"])
def test_an_item_that_no_view_reads_stops_neither_training_nor_evaluation(tmp_path: Path, split: str) -> None:
    folder = words_of(tmp_path / "data", picture=split)

    assert np.isfinite(run(folder, "thaw")).all()
    evaluation = evaluate(
        EvaluateConfig(folder / "out", DataConfig(folder, cache=folder / "cache"), device="cpu"), SilentReporter()
    )
    assert evaluation.items == 29


def test_half_an_emoji_is_read_as_a_question_mark(tmp_path: Path) -> None:
    """As a text that was cut in its middle leaves it."""
    folder = write(tmp_path / "data", items=30, users=15, image=none, words=every)
    for name, old in (("items.jsonl", "word0 thing"), ("items.jsonl", 'item-7"'), ("interactions.jsonl", 'user-3"')):
        path = folder / name
        path.write_text(path.read_text().replace(old, old.rstrip('"') + "\\ud83d" + '"' * old.count('"')))

    run(folder, "thaw")
    checkpoint = load_checkpoint(folder / "out")

    assert "user-3?" in checkpoint.user_ids
    assert not [name for name in [*checkpoint.user_ids, *checkpoint.item_ids] if "\ud83d" in name]


def test_fewer_items_than_folds_are_each_held_out_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    held: list[HeldOut] = []

    def spy(likes: sp.csr_array, readings: Tellers, found: HeldOut, origin: Origin) -> dict[str, np.ndarray]:
        held.append(found)
        return fit_thawing(likes, readings, found, origin)

    monkeypatch.setattr("training.recipes.thaw.fit_thawing", spy)
    run(write(tmp_path / "data", items=6, users=12, image=every, words=every), "thaw", width="8")

    assert sorted(held[0].rows.tolist()) == list(range(5))  # of six, one is held out for validation


def test_epochs_are_judged_and_heads_are_written_with_the_share_that_is_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept: dict[bool, set[float]] = {True: set(), False: set()}
    written: list[float] = []
    forward, apply_to = Heads.forward, Heads.apply_to

    def said(self: Heads, outputs: torch.Tensor) -> torch.Tensor:
        kept[torch.is_grad_enabled()].add(self.kept)
        return forward(self, outputs)

    def wrote(self: Heads, expert: int, coefficients: np.ndarray) -> np.ndarray:
        written.append(self.kept)
        return apply_to(self, expert, coefficients)

    monkeypatch.setattr(Heads, "forward", said)
    monkeypatch.setattr(Heads, "apply_to", wrote)
    run(write(tmp_path / "data", items=30, users=15, image=every, words=every), "thaw", width="8", head_share="0.4")

    assert kept == {True: {1.0}, False: {0.4}}
    assert set(written) == {0.4}


@pytest.mark.filterwarnings("ignore::RuntimeWarning")  # that is how it diverges
def test_numbers_that_are_none_are_never_written(tmp_path: Path) -> None:
    folder = write(tmp_path / "data", items=30, users=15, image=every, words=every)

    with pytest.raises(Diverged):
        run(folder, "thaw", head_rate="1e30")

    assert not (folder / "out").exists()

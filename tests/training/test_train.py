"""Training as a whole, with encoders that need no weights."""

import json
import shutil
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import scipy.sparse as sp
import torch

from model.checkpoint import Checkpoint
from model.content_encoder import ContentEncoder
from model.encoders.choose import make_encoder
from model.encoders.spec import Raw
from model.errors import CheckpointExists
from model.features import Encoding
from model.fold_in import FoldIn
from model.plain.bad_rows import BadRows
from tests.conftest import HASHED
from training.config import DataConfig, ReadingConfig, TrainConfig
from training.data.demo import write_demo
from training.data.plain import read_folder
from training.errors import NotApplicable, NothingLeft
from training.evaluate import EvaluateConfig, evaluate
from training.features import encode_items, open_cache
from training.optimisation import BestWeights
from training.progress import SilentReporter
from training.recipes.teacher import fit_teacher
from training.train import train

ONE_EPOCH = {"width": "16", "head_epochs": "1", "gate_epochs": "1"}
FIELDS = dict.fromkeys(HASHED, ("title", "text"))
PAPER = {"image": "hash-image:32", "text": "hash-text:48"}


@pytest.fixture
def config(demo_folder: Path, feature_cache: Path, tmp_path: Path) -> TrainConfig:
    data, reading = DataConfig(demo_folder / "catalogue", cache=feature_cache), ReadingConfig(encoders=HASHED)
    return TrainConfig(data, tmp_path / "out", reading=reading, device="cpu")


def test_a_checkpoint_holds_what_serving_needs(checkpoint: Checkpoint, demo_folder: Path) -> None:
    folder = read_folder(demo_folder / "catalogue")
    warm = [item.item_id for item in folder.items if item.split == "warm"]
    manifest = checkpoint.manifest

    assert list(checkpoint.item_ids) == warm
    assert len(checkpoint.user_ids) == 40
    assert checkpoint.user_embeddings.shape == (40, 16)
    assert np.isfinite(checkpoint.user_embeddings).all()
    assert manifest.recipe["name"] == "thaw"
    assert manifest.dataset["warm_items"] == len(warm)
    assert 0 < manifest.metrics["ndcg@20"] <= 1
    row = list(checkpoint.user_ids).index("words-sailing-01")
    seen = {checkpoint.item_ids[item] for item in checkpoint.interactions.seen_by(row)}
    table = folder.interactions
    user = table.user_ids.index("words-sailing-01")
    theirs = {folder.items[i].item_id for i in table.items[table.users == user]}
    assert seen == theirs & set(warm)
    held_out = {item.item_id for item in folder.items if item.split == "cold_val"}
    assert {item for name, item, _ in checkpoint.held_out.rows() if name == "words-sailing-01"} == theirs & held_out


def test_folding_their_own_likes_gives_users_back(checkpoint: Checkpoint) -> None:
    """What training left of a user is what its training likes, folded in from anchors, come to."""
    kept, fold = checkpoint.interactions, FoldIn(checkpoint.fold_in)
    shape = (len(checkpoint.user_ids), len(checkpoint.item_ids))
    likes = sp.csr_array((kept.weights, kept.items, kept.indptr), shape=shape)

    folded = fold.place(fold.prior + likes @ fold.steps(checkpoint.item_embeddings))

    np.testing.assert_allclose(folded, checkpoint.user_embeddings, atol=1e-3)


@pytest.mark.parametrize(("recipe", "encoders"), [("thaw", HASHED), ("paper", PAPER)])
def test_the_same_seed_gives_the_same_checkpoint(
    config: TrainConfig, tmp_path: Path, recipe: str, encoders: dict[str, str]
) -> None:
    numbers = {"width": "16", **({"epochs": "2"} if recipe == "paper" else {})}
    config = replace(config, recipe=recipe, reading=ReadingConfig(encoders=encoders), numbers=numbers)
    versions = [
        train(replace(config, out=tmp_path / name, seed=seed), SilentReporter()).checkpoint.version
        for name, seed in (("first", 3), ("again", 3), ("other", 4))
    ]

    assert versions[0] == versions[1] != versions[2]


def test_the_papers_recipe_learns(config: TrainConfig, tmp_path: Path) -> None:
    """Its loss goes down, so cold items are ranked better than by its random start."""
    quality = {}
    for epochs in ("1", "40"):
        numbers = {"epochs": epochs, "patience": "40", "batch": "64", "width": "32"}
        of_paper = replace(config, recipe="paper", reading=ReadingConfig(encoders=PAPER), numbers=numbers, out=tmp_path / epochs)
        quality[epochs] = train(of_paper, SilentReporter()).checkpoint.manifest.metrics["ndcg@20"]

    assert quality["40"] > quality["1"]


def test_the_paper_refuses_sparse_features(config: TrainConfig) -> None:
    reading = ReadingConfig(encoders={"image": "none", "text": "lexical-words"})

    with pytest.raises(NotApplicable, match="lexical"):
        train(replace(config, recipe="paper", reading=reading), SilentReporter())


def test_an_existing_directory_is_left_alone_before_any_work(config: TrainConfig, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "mine.txt").write_text("x")

    with pytest.raises(CheckpointExists, match="--overwrite"):
        train(config, SilentReporter())

    assert not (tmp_path / "out.report.json").exists()


def test_nothing_about_a_cold_item_enters_training(demo_folder: Path, feature_cache: Path, tmp_path: Path) -> None:
    """
    Other content and other likes of the held-out items leave every learned number as it was, where what they choose, an epoch,
    leaves no choice.
    """
    changed = tmp_path / "changed"
    shutil.copytree(demo_folder / "catalogue", changed)
    lines = (changed / "items.csv").read_text().splitlines()
    lines = [_other_words(line) if line.endswith("cold_val") else line for line in lines]
    (changed / "items.csv").write_text("\n".join(lines) + "\n")
    cold = {line.split(",")[0] for line in lines if line.endswith("cold_val")}
    events = (changed / "interactions.csv").read_text().splitlines()
    kept = [row for at, row in enumerate(events) if row.split(",")[1] not in cold or at % 3 == 0]
    (changed / "interactions.csv").write_text("\n".join(kept) + "\n")

    first, second = (
        train(
            TrainConfig(
                DataConfig(data, cache=feature_cache),
                tmp_path / name,
                reading=ReadingConfig(encoders=HASHED),
                numbers=ONE_EPOCH,
                device="cpu",
            ),
            SilentReporter(),
        )
        for name, data in (("first", demo_folder / "catalogue"), ("second", changed))
    )

    a, b = first.checkpoint, second.checkpoint
    assert a.manifest.metrics != b.manifest.metrics  # the held-out items did change
    assert np.array_equal(a.user_embeddings, b.user_embeddings)
    assert np.array_equal(a.item_embeddings, b.item_embeddings)
    assert all(torch.equal(x, y) for x, y in zip(a.mamex.state_dict().values(), b.mamex.state_dict().values(), strict=True))
    assert np.array_equal(a.prior_user, b.prior_user)
    measured_there = {"cold_taus"}
    assert a.fold_in.keys() == b.fold_in.keys()
    assert all(np.array_equal(a.fold_in[name], b.fold_in[name]) for name in a.fold_in.keys() - measured_there)


def _other_words(line: str) -> str:
    item_id, _title, _text, *rest = line.split(",")
    return ",".join([item_id, "Another", "thing altogether", *rest[-2:]])


def test_evaluation_of_new_items_counts_exactly_them(checkpoint_path: Path, demo_folder: Path, feature_cache: Path) -> None:
    fields = evaluate(
        EvaluateConfig(checkpoint_path, DataConfig(demo_folder / "new", cache=feature_cache)), SilentReporter()
    ).to_fields()

    assert (fields["items"], fields["warm_items"], fields["unknown_users"]) == (36, 0, 0)
    assert {f"{metric}@{k}" for metric in ("recall", "ndcg", "hr") for k in (10, 20, 50)} <= set(fields)
    assert fields["recall@50"] == 1.0  # fewer candidates than the cutoff


def test_evaluation_of_a_split_repeats_what_training_measured(
    checkpoint_path: Path, checkpoint: Checkpoint, demo_folder: Path, feature_cache: Path
) -> None:
    config = EvaluateConfig(checkpoint_path, DataConfig(demo_folder / "catalogue", cache=feature_cache), split="cold_val")

    fields = evaluate(config, SilentReporter()).to_fields()

    assert fields["ndcg@20"] == pytest.approx(checkpoint.manifest.metrics["ndcg@20"], abs=1e-6)
    assert fields["items"] == 16


def test_what_a_user_had_in_training_does_not_count(checkpoint_path: Path, demo_folder: Path, feature_cache: Path) -> None:
    config = EvaluateConfig(checkpoint_path, DataConfig(demo_folder / "catalogue", cache=feature_cache), split="warm")

    with pytest.raises(NothingLeft, match="beyond its training data"):
        evaluate(config, SilentReporter())


def test_features_are_encoded_once(demo_folder: Path, tmp_path: Path) -> None:
    items = read_folder(demo_folder / "new").items
    calls: list[int] = []

    class Counting:
        """An encoder that notes how much it is asked."""

        def __init__(self, name: str) -> None:
            inner = make_encoder(name)
            self.spec, self.backend, self._inner = inner.spec, inner.backend, inner

        def encode(self, raws: Sequence[Raw]) -> Encoding:
            calls.append(len(raws))
            return self._inner.encode(raws)

    encoders = {name: Counting(encoder) for name, encoder in HASHED.items() if encoder != "none"}
    reader = ContentEncoder(encoders, FIELDS)
    with open_cache(tmp_path) as cache:
        first = encode_items(items, reader, cache, BadRows("items"), SilentReporter())
        encoded = sum(calls)
        again = encode_items(items, reader, cache, BadRows("items"), SilentReporter())

    assert sum(calls) == encoded > 0
    assert np.array_equal(first.present, again.present)
    assert np.array_equal(first.values[0], again.values[0])
    assert (first.values[2] != again.values[2]).nnz == 0


@pytest.mark.parametrize("picture", [b"no picture", b""])
def test_an_unreadable_picture_is_named_and_the_words_are_kept(tmp_path: Path, picture: bytes) -> None:
    (tmp_path / "items.jsonl").write_text('{"item_id": "a", "title": "x", "image": "p.jpg"}\n{"item_id": "b", "image": "p.jpg"}')
    (tmp_path / "interactions.jsonl").write_text('{"user_id": "u", "item_id": "a"}')
    (tmp_path / "p.jpg").write_bytes(picture)
    folder = read_folder(tmp_path)
    reader = ContentEncoder({name: make_encoder(encoder) for name, encoder in PAPER.items()}, FIELDS)

    with open_cache(tmp_path / "cache") as cache:
        features = encode_items(folder.items, reader, cache, folder.bad_items, SilentReporter())

    assert features.present.tolist() == [[False, True], [False, False]]
    assert folder.bad_items.counts["unreadable picture"] == 2
    assert folder.bad_items.examples["unreadable picture"][0].startswith("a: ")


def test_the_teacher_folds_its_own_users_back() -> None:
    """A user's factors are the sum of its items' rows of the projection: what fold-in relies on."""
    random = np.random.default_rng(0)
    likes = sp.csr_array((random.random((60, 40)) < 0.2).astype(np.float32))

    teacher = fit_teacher(likes, factors=10, damping=0.3, restore=0.1)

    assert np.allclose(likes @ teacher.projection, teacher.users, atol=1e-3)


def test_a_like_moves_a_user_as_far_where_few_items_were_ever_bought() -> None:
    """More users and items than factors, and likes of a lower rank: the factors that hold nothing hold no noise."""
    random = np.random.default_rng(0)
    bought = np.zeros((300, 200), np.float32)
    bought[:, :25] = random.random((300, 25)) < 0.3
    likes = sp.csr_array(bought)

    teacher = fit_teacher(likes, factors=63, damping=0.3, restore=0.0)

    assert np.allclose(likes @ teacher.projection, teacher.users, atol=1e-3)
    assert np.abs(teacher.projection).max() < 10
    assert not teacher.items[:, 25:].any()
    assert not teacher.closed_form["step"][25:].any()


def test_a_teacher_of_few_items_is_padded_with_zeros() -> None:
    teacher = fit_teacher(sp.csr_array(np.eye(4, dtype=np.float32)), factors=10, damping=0.3, restore=0.1)

    assert teacher.items.shape == (4, 10)
    assert not teacher.items[:, 4:].any()


def test_training_goes_back_to_the_best_epoch() -> None:
    module = torch.nn.Linear(1, 1)
    best = BestWeights()
    without_gain = []
    for quality in (0.1, 0.3, 0.2, 0.25):
        torch.nn.init.constant_(module.weight, quality)
        best.note(quality, module)
        without_gain.append(best.epochs_since)
    best.restore(module)

    assert without_gain == [0, 0, 1, 2]
    assert (best.quality, best.epoch) == (0.3, 2)
    assert module.weight.item() == pytest.approx(0.3)


def test_the_demo_is_the_same_for_the_same_seed(tmp_path: Path) -> None:
    for name in ("a", "b"):
        write_demo(tmp_path / name, items=40, users=8, seed=5)
    files = sorted(path.relative_to(tmp_path / "a") for path in (tmp_path / "a").rglob("*") if path.is_file())

    assert files
    assert all((tmp_path / "a" / file).read_bytes() == (tmp_path / "b" / file).read_bytes() for file in files)


def test_the_report_is_written_beside_the_checkpoint(checkpoint_path: Path) -> None:
    report = json.loads(checkpoint_path.with_name("checkpoint.report.json").read_text())

    assert report["items"]["rows"] == 80

"""Vectors beside a folder's tables are one more modality, or stand in place of an encoder."""

import contextlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from model.checkpoint import load_manifest
from model.encoders.given import VectorEncoder
from model.errors import UnusableVector
from model.plain.bad_rows import BadRows
from model.plain.errors import TableUnreadable
from model.plain.items import read_items
from model.plain.kept_features import KeptFeatures, write_features
from tests.conftest import HASHED
from tests.vectors_folder import DIM, copy_with_sounds, write_vectors
from training.config import DataConfig, ReadingConfig, TrainConfig
from training.data.plain import read_folder
from training.evaluate import EvaluateConfig, evaluate
from training.progress import SilentReporter
from training.train import train


@pytest.fixture
def folder(demo_folder: Path, tmp_path: Path) -> Path:
    copy_with_sounds(demo_folder / "catalogue", tmp_path / "folder")
    return tmp_path / "folder"


@pytest.fixture
def trained(folder: Path, feature_cache: Path, tmp_path: Path) -> Callable[..., Path]:
    """Trains on the folder with encoders that need no weights, and others; with "" a modality is not asked for."""

    def run(out: str = "checkpoint", **encoders: str) -> Path:
        config = TrainConfig(
            DataConfig(folder, cache=feature_cache),
            tmp_path / out,
            reading=ReadingConfig(encoders={name: encoder for name, encoder in {**HASHED, **encoders}.items() if encoder}),
            numbers={"width": "16", "passes": "0"},
            device="cpu",
        )
        train(config, SilentReporter())
        return config.out

    return run


def test_vectors_are_read_without_being_asked_for(trained: Callable[..., Path]) -> None:
    manifest = load_manifest(trained())

    assert manifest.specs["sound"].dim == DIM
    assert {view.name for view in manifest.network.views} == {"together", "text", "image", "sound"}
    assert "sound" in manifest.network.views[0].reads


def test_vectors_can_be_left_out(trained: Callable[..., Path]) -> None:
    assert "sound" not in load_manifest(trained(sound="none")).specs


def test_vectors_of_a_modality_s_name_stand_in_place_of_its_encoder(trained: Callable[..., Path], folder: Path) -> None:
    (folder / "vectors" / "sound.npz").rename(folder / "vectors" / "image.npz")

    manifest = load_manifest(trained(image=""))

    assert manifest.specs["image"].kind == "vectors"
    assert {view.name for view in manifest.network.views} == {"together", "text", "image"}


def test_only_the_direction_of_a_vector_counts(trained: Callable[..., Path], folder: Path, feature_cache: Path) -> None:
    path = trained()
    before = evaluate(EvaluateConfig(path, DataConfig(folder, cache=feature_cache)), SilentReporter())
    with np.load(folder / "vectors" / "sound.npz") as arrays:
        longer = {str(item_id): row * 7 for item_id, row in zip(arrays["item_id"], arrays["vectors"], strict=True)}
    write_vectors(folder, "sound", longer)

    after = evaluate(EvaluateConfig(path, DataConfig(folder, cache=feature_cache)), SilentReporter())

    assert after.metrics.means() == pytest.approx(before.metrics.means())


def test_vectors_of_another_length_are_refused(trained: Callable[..., Path], folder: Path, feature_cache: Path) -> None:
    path = trained()
    write_vectors(folder, "sound", {"item-0001": np.ones(DIM + 1, np.float32)})

    with pytest.raises(UnusableVector, match=f"it has {DIM + 1} numbers, and {DIM} are read"):
        evaluate(EvaluateConfig(path, DataConfig(folder, cache=feature_cache)), SilentReporter())


def test_an_item_of_a_vector_alone_is_an_item(tmp_path: Path) -> None:
    (tmp_path / "items.csv").write_text("item_id,title\na,\nb,\nc,Mug\n")
    write_vectors(tmp_path, "sound", {"a": np.ones(3, np.float32)})
    bad = BadRows("items")

    items = read_items(tmp_path, bad)

    assert [item.item_id for item in items] == ["a", "c"]
    assert items[0].vectors["sound"].tolist() == [1, 1, 1]
    assert bad.dropped == 1


def test_rows_that_say_nothing_are_missing_and_named(tmp_path: Path) -> None:
    (tmp_path / "items.csv").write_text("item_id,title\na,Mug\nb,Cup\n7,Oar\n")
    rows = {"a": [0.0, 0.0], "b": [np.nan, 1.0], "7": [1.0, 2.0], "gone": [1.0, 1.0]}
    write_vectors(tmp_path, "sound", {name: np.array(row, np.float32) for name, row in rows.items()})
    bad = BadRows("items")

    items = read_items(tmp_path, bad)

    assert [list(item.vectors) for item in items] == [[], [], ["sound"]]
    assert bad.examples == {
        "vectors/sound.npz is not finite": ["b"],
        "vectors/sound.npz is all zeros: missing": ["a"],
        "vectors/sound.npz has an item that the table has not": ["gone"],
    }
    assert bad.bad == 1


@pytest.mark.parametrize(
    ("name", "arrays", "reason"),
    [
        ("sound", {"item_id": np.array(["a"])}, "it must hold the arrays item_id and vectors"),
        ("sound", {"item_id": np.array(["a", "a"]), "vectors": np.ones((2, 3))}, "it has an item twice"),
        ("sound", {"item_id": np.array(["a"]), "vectors": np.ones((2, 3))}, "a row of numbers for each of the 1 ids"),
        ("sound", {"item_id": np.array(["a"]), "vectors": np.array([["x"]])}, "a row of numbers"),
        ("sound", {"item_id": np.array([1.5]), "vectors": np.ones((1, 3))}, "strings or whole numbers"),
        ("sound", {"item_id": np.array(["a"]), "vectors": np.ones((1, 0))}, "a row has 1 to 16,384 numbers"),
        ("sound", {"item_id": np.array(["a"], object), "vectors": np.ones((1, 3))}, "cannot be read"),
        ("together", {"item_id": np.array(["a"]), "vectors": np.ones((1, 3))}, "and not together"),
        ("Sound 1", {"item_id": np.array(["a"]), "vectors": np.ones((1, 3))}, "its name is that of a modality"),
    ],
)
def test_a_file_that_is_none_is_refused(tmp_path: Path, name: str, arrays: dict[str, Any], reason: str) -> None:
    (tmp_path / "items.csv").write_text("item_id,title\na,Mug\n")
    (tmp_path / "vectors").mkdir()
    np.savez(tmp_path / "vectors" / f"{name}.npz", **arrays)

    with pytest.raises(TableUnreadable, match=reason):
        read_items(tmp_path, BadRows("items"))


def test_a_file_of_rubbish_is_refused(tmp_path: Path) -> None:
    (tmp_path / "items.csv").write_text("item_id,title\na,Mug\n")
    (tmp_path / "vectors").mkdir()
    for rubbish in (b"PK\x03\x04 no archive", b"", b"text"):
        (tmp_path / "vectors" / "sound.npz").write_bytes(rubbish)
        with pytest.raises(TableUnreadable, match=r"sound\.npz cannot be read"):
            read_items(tmp_path, BadRows("items"))


def test_more_files_than_an_item_may_have_vectors_are_refused(tmp_path: Path) -> None:
    (tmp_path / "items.csv").write_text("item_id,title\na,Mug\n")
    for at in range(17):
        write_vectors(tmp_path, f"v{at}", {"a": np.ones(2, np.float32)})

    with pytest.raises(TableUnreadable, match="it has 17 files, and an item may have 16 vectors"):
        read_items(tmp_path, BadRows("items"))


def test_a_single_array_is_refused(tmp_path: Path) -> None:
    (tmp_path / "items.csv").write_text("item_id,title\na,Mug\n")
    (tmp_path / "vectors").mkdir()
    with (tmp_path / "vectors" / "sound.npz").open("wb") as file:
        np.save(file, np.ones((2, 2)))

    with pytest.raises(TableUnreadable, match="it is no archive of arrays"):
        read_items(tmp_path, BadRows("items"))


def test_what_a_sound_tells_is_learned(trained: Callable[..., Path]) -> None:
    """Half of the users care for the pattern that pictures show; here it is only heard."""
    heard = load_manifest(trained(image="none")).metrics
    deaf = load_manifest(trained("deaf", image="none", sound="none")).metrics

    assert heard["ndcg@20"] > deaf["ndcg@20"] + 0.1


def keep(folder: Path, *widths: int) -> None:
    """An export of items that a service holds a vector each of, of these widths."""
    (folder / "items.csv").write_text("item_id,has_features\n" + "".join(f"{at},1\n" for at in range(len(widths))))
    (folder / "interactions.csv").write_text("user_id,item_id\nann,0\n")
    rows = [
        KeptFeatures(str(at), "sound", VectorEncoder(width).spec.fingerprint, "", np.ones(width, np.float32).tobytes())
        for at, width in enumerate(widths)
    ]
    write_features(folder, rows)


def test_of_an_export_those_vectors_are_read_that_most_items_have(tmp_path: Path) -> None:
    keep(tmp_path, 3, 24, 3)

    assert read_folder(tmp_path).vector_widths == {"sound": 3}


def test_damaged_features_are_named(tmp_path: Path) -> None:
    keep(tmp_path, 3)
    (tmp_path / "features.sqlite").write_bytes(b"no database at all, " * 100)

    with pytest.raises(TableUnreadable, match=r"features\.sqlite cannot be read"):
        read_folder(tmp_path)


def test_a_damaged_archive_is_named(tmp_path: Path) -> None:
    """Wherever a byte is wrong."""
    (tmp_path / "items.csv").write_text("item_id,title\na,Mug\n")
    (tmp_path / "vectors").mkdir()
    path = tmp_path / "vectors" / "sound.npz"
    np.savez_compressed(path, item_id=np.arange(200), vectors=np.random.default_rng(0).standard_normal((200, 4)))
    whole = path.read_bytes()

    for at in range(0, len(whole), 41):
        path.write_bytes(whole[:at] + bytes([whole[at] ^ 255]) + whole[at + 1 :])
        with contextlib.suppress(TableUnreadable):
            read_items(tmp_path, BadRows("items"))

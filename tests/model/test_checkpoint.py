"""A checkpoint is whole or not there, and nothing in it is believed unchecked."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from model.checkpoint import FILES, LATER_FILES, Checkpoint, load_checkpoint, make_encoders, make_tower, save_checkpoint
from model.content import Content
from model.errors import CheckpointCorrupt, CheckpointExists, CheckpointFormat, CheckpointMissing, EncoderMismatch
from tests.fakes import draw_jpeg


@pytest.fixture
def copy(checkpoint_path: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(checkpoint_path, tmp_path / "copy"))


def edit_manifest(path: Path, change: Callable[[dict[str, object]], object]) -> None:
    manifest = json.loads((path / "manifest.json").read_text())
    change(manifest)
    (path / "manifest.json").write_text(json.dumps(manifest))


def test_a_saved_checkpoint_answers_as_before(checkpoint: Checkpoint, tmp_path: Path) -> None:
    saved = save_checkpoint(checkpoint, tmp_path / "again")
    loaded = load_checkpoint(tmp_path / "again")
    before, after = (make_tower(one, make_encoders(one.manifest)) for one in (checkpoint, loaded))
    items = [before.prepare(Content("Sailboat mug", "Rope and salt", draw_jpeg())), before.prepare(Content("Only words"))]

    assert saved.version == loaded.version == checkpoint.version
    assert np.array_equal(before.embed(before.encode(items)).embeddings, after.embed(after.encode(items)).embeddings)
    assert list(loaded.user_ids) == list(checkpoint.user_ids)
    assert np.array_equal(loaded.interactions.items, checkpoint.interactions.items)
    assert list(loaded.held_out.rows()) == list(checkpoint.held_out.rows())


def test_one_that_does_not_say_what_it_held_out_is_still_read(copy: Path) -> None:
    for name in LATER_FILES:
        (copy / name).unlink()
    edit_manifest(copy, lambda manifest: [manifest["files"].pop(name) for name in LATER_FILES])  # type: ignore[attr-defined]

    assert not list(load_checkpoint(copy).held_out.rows())


def test_what_is_there_is_not_overwritten_unless_asked(checkpoint: Checkpoint, tmp_path: Path) -> None:
    (tmp_path / "taken").mkdir()
    (tmp_path / "taken" / "thesis.txt").write_text("mine")

    with pytest.raises(CheckpointExists):
        save_checkpoint(checkpoint, tmp_path / "taken")

    assert (tmp_path / "taken" / "thesis.txt").read_text() == "mine"
    assert [path.name for path in tmp_path.iterdir()] == ["taken"]  # nothing half-written lies about


def test_overwriting_leaves_only_the_new_one(checkpoint: Checkpoint, tmp_path: Path) -> None:
    for _ in range(2):
        save_checkpoint(checkpoint, tmp_path / "one", overwrite=True)

    assert [path.name for path in tmp_path.iterdir()] == ["one"]
    assert {path.name for path in (tmp_path / "one").iterdir()} == FILES | LATER_FILES | {"manifest.json"}


@pytest.mark.parametrize("name", ["1/manifest.json", "thesis.txt"])
def test_what_is_no_checkpoint_is_never_replaced(checkpoint: Checkpoint, tmp_path: Path, name: str) -> None:
    """A folder of checkpoints, or of anything else, that somebody names by mistake."""
    kept = tmp_path / "shelf" / name
    kept.parent.mkdir(parents=True)
    kept.write_text("mine")

    with pytest.raises(CheckpointExists, match="no checkpoint"):
        save_checkpoint(checkpoint, tmp_path / "shelf", overwrite=True)

    assert kept.read_text() == "mine"
    assert [path.name for path in tmp_path.iterdir()] == ["shelf"]


@pytest.mark.parametrize("name", sorted(FILES))
def test_a_flipped_byte_is_found(copy: Path, name: str) -> None:
    data = bytearray((copy / name).read_bytes())
    data[len(data) // 2] ^= 1
    (copy / name).write_bytes(data)

    with pytest.raises(CheckpointCorrupt) as caught:
        load_checkpoint(copy)

    assert caught.value.file == name


def test_a_missing_file_is_named(copy: Path) -> None:
    (copy / "users.json").unlink()

    with pytest.raises(CheckpointCorrupt, match=r"users\.json is missing"):
        load_checkpoint(copy)


def test_no_checkpoint_says_what_makes_one(tmp_path: Path) -> None:
    with pytest.raises(CheckpointMissing, match="thaw train"):
        load_checkpoint(tmp_path)


@pytest.mark.parametrize(
    ("change", "part"),
    [
        (lambda m: m.update(format_version=99), "format_version"),
        (lambda m: m.pop("network"), "manifest"),
        (lambda m: m["network"].pop("width"), "network"),
        (lambda m: m.update(surprise=1), "manifest"),
        (lambda m: m["files"].pop("users.json"), "files"),
        (lambda m: m["files"].update({"../../etc/passwd": "0"}), "files"),
    ],
)
def test_a_part_that_does_not_fit_is_named(copy: Path, change: Callable[[dict[str, object]], object], part: str) -> None:
    edit_manifest(copy, change)

    with pytest.raises(CheckpointFormat) as caught:
        load_checkpoint(copy)

    assert caught.value.part == part


def test_a_changed_manifest_is_another_space(checkpoint: Checkpoint, copy: Path) -> None:
    edit_manifest(copy, lambda manifest: manifest.update(events_through=7))

    assert load_checkpoint(copy).version != checkpoint.version


def test_another_encoder_than_in_training_is_refused(checkpoint: Checkpoint) -> None:
    with pytest.raises(EncoderMismatch) as caught:
        make_encoders(checkpoint.manifest, places={"text": "hash-text:64"})

    assert (caught.value.modality, caught.value.part) == ("text", "dim")

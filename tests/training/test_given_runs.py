"""Training, evaluation and the protocols on features that came with the data; and what cannot be done with them."""

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from model.checkpoint import load_checkpoint, load_manifest, make_encoders
from model.encoders.given import GivenEncoder
from model.encoders.spec import Kind
from model.errors import EncoderUnavailable
from tests.training.given_folder import write_catalogue
from training.__main__ import main
from training.config import DataConfig, TrainConfig
from training.progress import SilentReporter
from training.protocols import new_users
from training.train import train

Command = Callable[..., tuple[int, str]]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_catalogue(tmp_path_factory.mktemp("amazon") / "baby")


@pytest.fixture
def command(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Command:
    """Runs a command; its exit status, and what it says."""

    def run(*arguments: str) -> tuple[int, str]:
        monkeypatch.setattr(sys, "argv", ["thaw", *arguments])
        with pytest.raises(SystemExit) as stopped:
            main()
        captured = capsys.readouterr()
        return int(stopped.value.code or 0), captured.out + captured.err

    return run


def rows_of(path: Path) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = json.loads(path.read_text())["rows"]
    return rows


def test_the_papers_protocol_runs_on_given_features(command: Command, folder: Path, tmp_path: Path) -> None:
    """Tastes that features show are found in them, far better than by chance."""
    out = tmp_path / "rows.json"

    status, said = command(
        "evaluate", f"--data={folder}", "--protocol=cold-only", "--seeds=2", "--methods=mean profile,random", f"--json={out}"
    )

    assert status == 0, said
    profile, chance = rows_of(out)
    assert profile["metrics"]["ndcg@10"] > chance["metrics"]["ndcg@10"] + 0.2


@pytest.mark.parametrize("recipe", ["thaw", "paper"])
def test_a_checkpoint_is_trained_and_ranks_the_folders_items(command: Command, folder: Path, tmp_path: Path, recipe: str) -> None:
    out, measured = tmp_path / "checkpoint", tmp_path / "measured.json"
    few = {"thaw": ["--set=width=8", "--set=passes=1"], "paper": ["--set=epochs=2"]}[recipe]

    trained, said = command("train", f"--data={folder}", f"--out={out}", f"--recipe={recipe}", "--device=cpu", *few)
    evaluated, _ = command("evaluate", f"--data={folder}", f"--checkpoint={out}", f"--json={measured}")

    assert (trained, evaluated) == (0, 0), said
    manifest = load_checkpoint(out).manifest
    assert {name: (record.name, record.backend, record.fields) for name, record in manifest.encoders.items()} == {
        "image": ("given-image", "given", ()),
        "text": ("given-text", "given", ()),
    }
    assert manifest.recipe["attributes"] == "none"
    assert json.loads(measured.read_text())["items"] == 60


@pytest.fixture(scope="module")
def checkpoint(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("trained") / "checkpoint"
    config = TrainConfig(DataConfig(folder), path, numbers={"width": "8", "passes": "1"}, device="cpu")
    train(config, SilentReporter())
    return path


def test_a_service_cannot_make_the_encoders_of_such_a_checkpoint(checkpoint: Path) -> None:
    manifest = load_manifest(checkpoint)

    with pytest.raises(EncoderUnavailable) as refused:
        make_encoders(manifest)

    assert "'given-image' cannot be made: its features came as a file with the data" in str(refused.value)
    assert "cannot read what is posted to a service" in str(refused.value)


def test_features_of_another_file_are_refused(command: Command, checkpoint: Path, folder: Path, tmp_path: Path) -> None:
    """Numbers are ids in all of these folders: another one would be ranked without a word."""
    other = write_catalogue(tmp_path / "clothing")
    features = np.load(other / "text_feat.npy")
    np.save(other / "text_feat.npy", features + 1)

    status, said = command("evaluate", f"--data={other}", f"--checkpoint={checkpoint}")

    assert status == 1
    assert "'given-text' cannot be made" in said
    assert "ranks the items of a folder that has the same file" in said


def test_there_is_no_split_to_rank_by_itself(command: Command, checkpoint: Path, folder: Path) -> None:
    status, said = command("evaluate", f"--data={folder}", f"--checkpoint={checkpoint}", "--split=cold_val")

    assert status == 1
    assert "no item of the split 'cold_val', as nothing there says which are held out: `thaw train` drew the items" in said


def test_a_checkpoint_of_content_is_not_evaluated_on_features(command: Command, checkpoint_path: Path, folder: Path) -> None:
    status, said = command("evaluate", f"--data={folder}", f"--checkpoint={checkpoint_path}")

    assert status == 1
    assert "has features of image and text, and nothing else to read" in said


def test_what_made_given_features_cannot_be_run() -> None:
    encoder = GivenEncoder(Kind.TEXT, 4, {"text_feat.npy": "0"})

    with pytest.raises(EncoderUnavailable, match="given-text"):
        encoder.encode(["words"])


@pytest.mark.slow
@pytest.mark.parametrize("protocol", ["missing", "new-users", "thawing", "mixed"])
def test_every_protocol_measures_on_given_features(
    command: Command, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, protocol: str
) -> None:
    monkeypatch.setattr(new_users, "COUNTS", (1, 2))
    out = tmp_path / "rows.json"

    status, said = command(
        "evaluate", f"--data={folder}", f"--protocol={protocol}", "--seeds=1", "--min-likes=4", f"--json={out}"
    )

    assert status == 0, said
    assert rows_of(out)

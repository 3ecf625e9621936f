"""What the command line of training cannot do: one sentence, before any work, and nothing is left behind."""

import sqlite3
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TypeAlias

import numpy as np
import pytest

from model.content_encoder import ContentEncoder
from model.encoders.choose import make_encoder
from tests.conftest import HASHED
from tests.fakes import draw_jpeg
from training.__main__ import main
from training.config import DataConfig, TrainConfig
from training.data.plain import read_folder
from training.errors import BadConfig
from training.features import encode_folder
from training.progress import SilentReporter

Command: TypeAlias = Callable[..., tuple[int, str]]


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    folder = tmp_path / "shop"
    folder.mkdir()
    (folder / "items.csv").write_text("item_id,title,image\na,One,p.jpg\nb,Two,\n")
    (folder / "interactions.csv").write_text("user_id,item_id\nu,a\nu,b\n")
    (folder / "p.jpg").write_bytes(draw_jpeg())
    return folder


@pytest.fixture
def command(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], shop: Path) -> Command:
    """Runs a command on the shop; its exit status, and what it says."""

    def run(name: str, *arguments: str) -> tuple[int, str]:
        given = ["thaw", name, f"--data={shop}", "--encoder=*=none", "--encoder=words=lexical-words", *arguments]
        monkeypatch.setattr(sys, "argv", given)
        with pytest.raises(SystemExit) as stopped:
            main()
        captured = capsys.readouterr()
        return int(stopped.value.code or 0), captured.out + captured.err

    return run


@pytest.mark.parametrize(
    "arguments",
    [
        ("train", "--seed=-1"),
        ("train", f"--seed={10**23}"),
        ("train", "--split-seed=-1"),
        ("evaluate", "--protocol=mixed", "--first-seed=-3"),
        ("evaluate", "--protocol=mixed", f"--first-seed={2**63}"),
    ],
)
def test_a_seed_that_nothing_can_draw_with_is_refused(command: Command, tmp_path: Path, arguments: tuple[str, ...]) -> None:
    name, *given = arguments

    status, said = command(name, *given, *([f"--out={tmp_path / 'out'}"] if name == "train" else []))

    assert status == 2
    assert "Invalid value" in said
    assert "Traceback" not in said


@pytest.mark.parametrize(
    ("argument", "sentence"),
    [
        ("--threshold=inf", "error: the threshold is inf: it must be finite"),
        ("--threshold=nan", "error: the threshold is nan: it must be finite"),
        ("--set=widht=8", "error: the recipe has no number 'widht'; it has "),
    ],
)
def test_a_number_that_cannot_be_is_told_before_the_folder_is_read(
    command: Command, tmp_path: Path, shop: Path, argument: str, sentence: str
) -> None:
    (shop / "items.csv").unlink()

    status, said = command("train", f"--out={tmp_path / 'out'}", argument)

    assert status == 1
    assert said.startswith(sentence)


def test_an_out_below_a_file_is_told_before_the_folder_is_read(command: Command, tmp_path: Path, shop: Path) -> None:
    (shop / "items.csv").unlink()
    (tmp_path / "file").touch()

    status, said = command("train", f"--out={tmp_path / 'file' / 'below' / 'out'}")

    assert status == 1
    assert said.startswith(
        f"error: no checkpoint can be written at {tmp_path / 'file' / 'below' / 'out'}: {tmp_path / 'file'} is "
    )


@pytest.mark.parametrize(("name", "sentence"), [("", "is a folder: name a file"), ("file/rows.json", "file: File exists")])
def test_a_json_that_cannot_be_written_is_told_at_once(
    command: Command, tmp_path: Path, shop: Path, name: str, sentence: str
) -> None:
    (shop / "items.csv").unlink()
    (tmp_path / "file").touch()

    status, said = command("evaluate", "--protocol=mixed", f"--json={tmp_path / name}")

    assert status == 1
    assert said.startswith("error: ")
    assert said.endswith(f"{sentence}\n")


def spoil_database(cache: Path) -> Path:
    cache.mkdir()
    (cache / "features.sqlite").write_text("this is no database" * 100)
    return cache / "features.sqlite"


def spoil_folder(cache: Path) -> Path:
    cache.touch()
    return cache


@pytest.mark.parametrize("spoil", [spoil_database, spoil_folder])
def test_a_cache_that_is_none_is_named(command: Command, tmp_path: Path, spoil: Callable[[Path], Path]) -> None:
    named = spoil(tmp_path / "cache")

    status, said = command("train", f"--out={tmp_path / 'out'}", f"--cache={tmp_path / 'cache'}")

    assert status == 1
    assert f"error: the cache {named} cannot be used: " in said
    assert "Traceback" not in said


def test_what_ended_a_run_is_told_and_not_that_its_report_failed(
    command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise PermissionError(13, "Permission denied", "the report")

    monkeypatch.setattr("training.train.write_report", refuse)

    _, said = command("train", f"--out={tmp_path / 'out'}", f"--cache={spoil_folder(tmp_path / 'cache')}")

    assert "the cache" in said
    assert "the report" not in said


def test_an_out_that_is_a_link_is_written_where_it_leads(
    command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A link that a service reads stays one."""
    asked: list[Path] = []

    def stop(config: TrainConfig, _reporter: object) -> None:
        asked.append(config.out)
        raise BadConfig("enough")

    monkeypatch.setattr("training.__main__.train", stop)
    (tmp_path / "second").mkdir()
    (tmp_path / "current").symlink_to("second")

    command("train", f"--out={tmp_path / 'current'}", "--overwrite")

    assert asked == [tmp_path / "second"]


def test_kept_features_that_were_cut_are_encoded_again(shop: Path, tmp_path: Path) -> None:
    reader = ContentEncoder(
        {name: make_encoder(HASHED[name]) for name in ("text", "words")}, {"text": ["title"], "words": ["title"]}
    )
    folder = read_folder(shop)
    data = DataConfig(shop, cache=tmp_path / "cache", max_bad_share=1)
    whole = encode_folder(folder, folder.items, reader, data, SilentReporter())
    with sqlite3.connect(tmp_path / "cache" / "features.sqlite") as database:
        database.execute("UPDATE features SET vector = substr(vector, 1, 7)")

    again = encode_folder(folder, folder.items, reader, data, SilentReporter())

    assert np.array_equal(again.values[0], whole.values[0])
    assert (again.values[1] != whole.values[1]).nnz == 0

"""What the command line of training cannot do: one sentence, before any work, and nothing is left behind."""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import TypeAlias

import pytest

from tests.fakes import draw_jpeg
from training.__main__ import main

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

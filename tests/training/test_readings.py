"""Which attributes a run reads."""

import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from model.checkpoint import load_manifest
from tests.conftest import HASHED
from training.__main__ import main
from training.config import DataConfig, ReadingConfig, TrainConfig
from training.data.plain import read_folder
from training.errors import BadConfig, NothingLeft
from training.progress import ConsoleReporter, SilentReporter
from training.protocols.run import ProtocolConfig, open_arena
from training.protocols.trial import Cut, draw_trial
from training.readings import make_readings
from training.split import draw_labels
from training.train import train

ENCODERS = {"*": "none", "words": "lexical-words", "attributes": "lexical-attributes"}


def write(folder: Path, rows: Sequence[tuple[str, int]]) -> TrainConfig:
    """Items whose `sold` goes with their likes and whose `size` and `colour` do not; item n has n likes."""
    folder.mkdir(exist_ok=True)
    items = [f"i{likes},A thing,{colour},{likes * 7},{(likes * 5) % 11}" for colour, likes in rows]
    (folder / "items.csv").write_text("\n".join(["item_id,title,colour,sold,size", *items]) + "\n")
    liked = [f"u{user},i{likes}" for _, likes in rows for user in range(likes)]
    (folder / "interactions.csv").write_text("\n".join(["user_id,item_id", *liked]) + "\n")
    return TrainConfig(DataConfig(folder), folder / "out", reading=ReadingConfig(encoders=ENCODERS))


THIRTY = [("red" if likes % 2 else "blue", likes) for likes in range(30)]


def read(config: TrainConfig, labels: Sequence[str] = ("warm",) * 30) -> dict[str, tuple[str, ...]]:
    """By modality, what of an item is read."""
    readings = make_readings(config.full_reading, read_folder(config.data.path), labels, "cpu", SilentReporter())
    return {modality: reading.fields for modality, reading in readings.items()}


def test_all_attributes_are_read_but_a_number_that_goes_with_likes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config = write(tmp_path, THIRTY)

    readings = make_readings(config.full_reading, read_folder(tmp_path), ["warm"] * 30, "cpu", ConsoleReporter())

    assert readings["attributes"].fields == ("colour", "size")
    told = " ".join(capsys.readouterr().err.split())
    assert "the attribute sold is not read: it goes with the number of likes (1.00)" in told
    assert "attributes that are read: colour, size" in told


def test_likes_of_held_out_items_decide_nothing(tmp_path: Path) -> None:
    """Among the warm items alone the number goes with nothing, for too few of them are left to say so."""
    config = write(tmp_path, THIRTY)

    assert "sold" in read(config, ["warm"] * 15 + ["cold_val"] * 15)["attributes"]


def test_attributes_that_are_named_are_read_whatever_they_go_with(tmp_path: Path) -> None:
    config = write(tmp_path, THIRTY)
    named = TrainConfig(config.data, config.out, reading=ReadingConfig(encoders=ENCODERS, attributes=("sold",)))

    assert read(named)["attributes"] == ("sold",)


def test_pictures_read_no_fields(demo_folder: Path, tmp_path: Path) -> None:
    config = TrainConfig(DataConfig(demo_folder / "catalogue"), tmp_path / "out", reading=ReadingConfig(encoders=HASHED))

    assert read(config)["image"] == ()
    assert read(config)["text"] == ("title", "text")


def test_without_attributes_there_is_no_modality_of_them(demo_folder: Path, tmp_path: Path) -> None:
    config = TrainConfig(
        DataConfig(demo_folder / "catalogue"),
        tmp_path / "out",
        reading=ReadingConfig(encoders={**HASHED, "attributes": "lexical-attributes"}),
    )

    assert "attributes" not in read(config)


def test_attributes_alone_need_an_attribute(demo_folder: Path, tmp_path: Path) -> None:
    encoders = {"*": "none", "attributes": "lexical-attributes"}

    with pytest.raises(NothingLeft, match="only attributes"):
        read(TrainConfig(DataConfig(demo_folder / "catalogue"), tmp_path / "out", reading=ReadingConfig(encoders=encoders)))


@pytest.mark.parametrize(
    ("encoders", "attributes", "asked"),
    [
        ({}, None, "all"),
        ({}, ("a", "b"), "a,b"),
        ({}, (), "none"),
        ({"brand": "lexical-attributes"}, (), "none"),
        ({"attributes": "none"}, None, "none"),
        ({"*": "none", "text": "x"}, None, "none"),
    ],
)
def test_a_checkpoint_tells_what_was_asked_for(encoders: dict[str, str], attributes: tuple[str, ...] | None, asked: str) -> None:
    reading = ReadingConfig(encoders=encoders, attributes=attributes)

    assert reading.over("thaw").asked_attributes == asked


@pytest.mark.parametrize(
    ("given", "read_then"), [("all", ("colour", "size")), ("sold, colour", ("sold", "colour")), ("none", None)]
)
def test_the_command_line_reads_what_it_is_told_to(
    given: str,
    read_then: tuple[str, ...] | None,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    config = write(tmp_path / "data", THIRTY)
    encoders = [f"--encoder={modality}={name}" for modality, name in ENCODERS.items()]
    options = ["--out", str(tmp_path / "out"), "--cache", str(tmp_path / "cache"), "--attributes", given, "--set", "width=8"]
    monkeypatch.setattr(sys, "argv", ["thaw", "train", "--data", str(config.data.path), *encoders, *options])

    with pytest.raises(SystemExit) as stopped:
        main()

    assert not stopped.value.code, capsys.readouterr().err
    manifest = load_manifest(tmp_path / "out")
    assert manifest.fields.get("attributes") == read_then
    assert manifest.recipe["attributes"] == given.replace(" ", "")


def test_training_and_protocols_choose_by_the_likes_of_warm_items_alone(tmp_path: Path) -> None:
    """Over all items the size goes with nothing; over the warm ones of a split, whatever that is, it goes with likes."""
    folder = tmp_path / "data"
    labels = draw_labels(60, 0, 0.1, 0.1)
    write(folder, [("red" if at % 2 else "blue", at) for at in range(60)])
    sizes = [at if label == "warm" else 1000 - 90 * at for at, label in enumerate(labels)]
    rows = [f"i{at},A thing,red,{size},{label}" for at, (size, label) in enumerate(zip(sizes, labels, strict=True))]
    (folder / "items.csv").write_text("\n".join(["item_id,title,colour,size,split", *rows]) + "\n")
    reads = TrainConfig(
        DataConfig(folder, cache=tmp_path / "cache"),
        tmp_path / "out",
        reading=ReadingConfig(encoders=ENCODERS),
        numbers={"width": "8"},
        device="cpu",
    )
    everything = read(reads, ["warm"] * 60)["attributes"]

    train(reads, SilentReporter())
    arena = open_arena(
        ProtocolConfig("cold-only", DataConfig(folder, cache=tmp_path / "cache"), reading=ReadingConfig(encoders=ENCODERS)),
        SilentReporter(),
    )
    trial = draw_trial(arena, 0, Cut(), SilentReporter())

    assert everything == ("colour", "size")
    assert load_manifest(tmp_path / "out").fields["attributes"] == ("colour",)
    features = [part.features.values[1] for part in (trial.job.warm, trial.job.cold, trial.test)]
    assert [len(np.unique(value.indices)) for value in features] == [1, 1, 1]  # all are red, and nothing else is read


def test_an_attribute_that_no_item_has_is_named_and_not_read(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config = write(tmp_path, THIRTY)
    asked = TrainConfig(config.data, config.out, reading=ReadingConfig(encoders=ENCODERS, attributes=("title", "colour", "colr")))

    readings = make_readings(asked.full_reading, read_folder(tmp_path), ["warm"] * 30, "cpu", ConsoleReporter())

    assert readings["attributes"].fields == ("colour",)
    told = " ".join(capsys.readouterr().err.split())
    assert "no item has the attribute colr, title, which was to be read: there are colour, size, sold" in told


def test_attributes_are_asked_of_a_run_that_reads_some(tmp_path: Path) -> None:
    config = write(tmp_path, THIRTY)
    encoders = {"*": "none", "words": "lexical-words"}

    with pytest.raises(BadConfig, match="--attributes colour"):
        read(TrainConfig(config.data, config.out, reading=ReadingConfig(encoders=encoders, attributes=("colour",))))

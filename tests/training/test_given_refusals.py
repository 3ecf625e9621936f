"""Folders of given features that do not fit, or of which more is asked than there is: one sentence says why."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from model.plain.errors import ColumnMissing, DataError, FolderMissing, TableUnreadable
from tests.training.given_folder import write_features, write_inter, write_parts
from training.config import DataConfig, ReadingConfig
from training.data.folder import DataFolder
from training.data.read import read_data
from training.errors import BadConfig, NotApplicable
from training.features import encode_folder
from training.progress import SilentReporter
from training.readings import make_reader, make_readings, reading_of

Write = Callable[[Path], None]


def both(folder: Path) -> None:
    write_inter(folder)
    write_parts(folder / "5-core", "json")


def json_and_txt(folder: Path) -> None:
    write_parts(folder, "json")
    write_parts(folder, "txt")


def without_val(folder: Path) -> None:
    write_parts(folder, "txt")
    (folder / "val.txt").unlink()


def named(name: str, text: str) -> Write:
    """A folder with this file in it, and an `.inter` file where it is none."""

    def write(folder: Path) -> None:
        write_inter(folder)
        (folder / name).write_text(text)

    return write


def part(name: str, text: str) -> Write:
    def write(folder: Path) -> None:
        write_parts(folder, name.partition(".")[2])
        (folder / name).write_text(text)

    return write


@pytest.mark.parametrize(
    ("write", "error", "sentence"),
    [
        (lambda folder: None, FolderMissing, "holds no interactions beside its features: one .inter file, or train.json"),
        (both, FolderMissing, "baby.inter and 5-core/train.json: leave one of them"),
        (json_and_txt, FolderMissing, "train.json and train.txt"),
        (named("other.inter", "userID\titemID\n0\t0\n"), FolderMissing, "baby.inter and other.inter"),
        (without_val, FolderMissing, "holds no val.txt beside train.txt: all interactions are read"),
        (named("baby.inter", ""), ColumnMissing, "baby.inter has no column 'userID'; it has none"),
        (named("baby.inter", "user\titem\n0\t0\n"), ColumnMissing, "baby.inter has no column 'userID'"),
        (part("val.json", ""), TableUnreadable, "val.json cannot be read: it is no JSON"),
        (part("val.json", "[]"), TableUnreadable, "an object that has a list of items for each user"),
        (part("val.json", '{"0": 1}'), TableUnreadable, "an object that has a list of items for each user"),
        (part("test.txt", ""), TableUnreadable, "test.txt cannot be read: it is empty"),
        (part("test.txt", "7 0 3\n"), TableUnreadable, "line 1 names the item 3, and the features have 3 rows, for items 0 to 2"),
        (part("test.json", '{"7": [3]}'), TableUnreadable, "user 7 names the item 3, and the features have 3 rows"),
        (named("baby.inter", "userID\titemID\n0\t0\n0\t3\n"), TableUnreadable, "line 3 names the item 3, and the features"),
        (named("image_feat.npy", ""), TableUnreadable, "image_feat.npy cannot be read"),
        (named("image_feat.npy", "no array"), TableUnreadable, "image_feat.npy cannot be read"),
        (
            named("i_id_mapping.csv", "asin\titemID\nA\t0\nB\t1\n"),
            TableUnreadable,
            "names no 2; without the file, numbers are ids",
        ),
        (named("i_id_mapping.csv", "A\t0\nB\t1\nA\t2\n"), TableUnreadable, "gives one name to several numbers"),
        (named("i_id_mapping.csv", "asin\titemID\nA\tzero\n"), TableUnreadable, "line 2 is not an id and its number"),
        (named("u_id_mapping.csv", "user_id\tuserID\nann\t3\n"), TableUnreadable, "names no 7"),
    ],
)
def test_what_does_not_fit_is_refused_in_a_sentence(tmp_path: Path, write: Write, error: type[DataError], sentence: str) -> None:
    write(write_features(tmp_path))

    with pytest.raises(error) as refused:
        read_data(tmp_path)

    assert sentence in str(refused.value)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        (
            np.ones((4, 2)),
            "text_feat.npy cannot be read: it has 4 rows, and image_feat.npy has 3: both must have a row for each item",
        ),
        (np.ones(3), "a row of numbers an item, and holds float64 of shape (3,)"),
        (np.zeros((0, 2)), "holds float64 of shape (0, 2)"),
        (np.array([["a"], ["b"], ["c"]]), "holds <U1 of shape (3, 1)"),
        (np.array([[None]] * 3), "text_feat.npy cannot be read"),
    ],
)
def test_a_file_of_another_shape_is_refused(
    tmp_path: Path, text: "np.ndarray[tuple[int, ...], np.dtype[np.generic]]", sentence: str
) -> None:
    write_inter(write_features(tmp_path, text=text))

    with pytest.raises(TableUnreadable) as refused:
        read_data(tmp_path)

    assert sentence in str(refused.value)


def test_a_threshold_has_nothing_to_be_held_against(tmp_path: Path) -> None:
    write_inter(write_features(tmp_path))

    with pytest.raises(BadConfig, match="--threshold means nothing here"):
        read_data(tmp_path, threshold=4)


@pytest.mark.parametrize(
    ("reading", "sentence"),
    [
        (
            ReadingConfig(encoders={"text": "minilm"}),
            "--encoder text=minilm: .* no content to encode, but features: image=given-image",
        ),
        (ReadingConfig(encoders={"words": "lexical-words"}), "--encoder words=lexical-words"),
        (ReadingConfig(text_fields=("title",)), "--text-fields means nothing here"),
        (ReadingConfig(attributes=("brand",)), "--attributes brand: this run has no encoder of attributes"),
        (ReadingConfig(encoders={"text": "none", "image": "none"}), "every modality was left out"),
    ],
)
def test_there_is_nothing_to_encode(tmp_path: Path, reading: ReadingConfig, sentence: str) -> None:
    write_inter(write_features(tmp_path))
    folder = read_data(tmp_path)

    with pytest.raises(BadConfig, match=sentence):
        make_readings(reading_of(folder, reading).over("thaw"), folder, [], "cpu", SilentReporter())


def test_features_of_another_kind_are_not_there(tmp_path: Path) -> None:
    """What a checkpoint reads that was trained on content."""
    write_inter(write_features(tmp_path))
    folder = read_data(tmp_path)
    plain = DataFolder(tmp_path, folder.items, folder.interactions, folder.bad_items, folder.bad_interactions)
    reading = ReadingConfig(encoders={"*": "none", "words": "lexical-words"})
    reader = make_reader(make_readings(reading, plain, [], "cpu", SilentReporter()))

    with pytest.raises(NotApplicable, match="has features of image and text, and nothing else to read"):
        encode_folder(folder, folder.items, reader, DataConfig(tmp_path), SilentReporter())

"""Folders of given features: both layouts read alike, and rows go with ids."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from model.encoders.spec import Kind
from model.features import Features
from model.plain.errors import TooManyBadRows
from tests.training.given_folder import LIKED, write_features, write_inter, write_parts
from training.config import DataConfig, ReadingConfig
from training.data.folder import DataFolder
from training.data.read import read_data
from training.features import encode_folder
from training.progress import SilentReporter
from training.readings import make_reader, make_readings, reading_of

Write = Callable[[Path], None]
LAYOUTS: dict[str, Write] = {
    "MMRec": write_inter,
    "LATTICE": lambda folder: write_parts(folder / "5-core", "json"),
    "LATTICE divided by items alone": lambda folder: write_parts(folder / "0-core", "json"),
    "json beside": lambda folder: write_parts(folder, "json"),
    "txt": lambda folder: write_parts(folder, "txt"),
    "txt below": lambda folder: write_parts(folder / "5-core", "txt"),
}


def liked(folder: DataFolder) -> set[tuple[str, str]]:
    table = folder.interactions
    assert table.positive.all()
    return {(table.user_ids[user], folder.items[item].item_id) for user, item in zip(table.users, table.items, strict=True)}


def features_of(folder: DataFolder, max_bad_share: float = 1.0, encoders: dict[str, str] | None = None) -> Features:
    reading = reading_of(folder, ReadingConfig(encoders=encoders or {})).over("thaw")
    reader = make_reader(make_readings(reading, folder, [], "cpu", SilentReporter()))
    return encode_folder(folder, folder.items, reader, DataConfig(folder.path, max_bad_share=max_bad_share), SilentReporter())


@pytest.mark.parametrize("write", LAYOUTS.values(), ids=LAYOUTS)
def test_every_layout_gives_the_same_likes(tmp_path: Path, write: Write) -> None:
    """Those of training, validation and test; one that is there twice counts once."""
    write(write_features(tmp_path))

    folder = read_data(tmp_path)

    assert [item.item_id for item in folder.items] == ["0", "1", "2"]
    assert liked(folder) == LIKED
    assert len(folder.interactions) == 5
    assert (folder.bad_items.rows, folder.bad_interactions.rows) == (3, 6)
    assert folder.bad_items.bad == folder.bad_interactions.bad == 0


def test_features_are_the_files_rows_of_length_1(tmp_path: Path) -> None:
    write_inter(write_features(tmp_path))

    folder = read_data(tmp_path)
    image, text = features_of(folder).values

    assert image.tolist() == pytest.approx(np.array([[0.6, 0.8], [0, 1], [1, 0]]))
    assert text.tolist() == np.eye(3).tolist()
    assert (image.dtype, text.dtype) == (np.float32, np.float32)
    specs = [features.encoder.spec for features in folder.given.values()]
    assert [(spec.id, spec.kind, spec.dim) for spec in specs] == [
        ("given-image", Kind.IMAGE, 2),
        ("given-text", Kind.TEXT, 3),
    ]


def test_whole_numbers_and_one_file_alone_do(tmp_path: Path) -> None:
    np.save(tmp_path / "text_feat.npy", np.array([[0, 2], [3, 4]]))
    write_inter(tmp_path, [(0, 0, 0), (0, 1, 0)])

    features = features_of(read_data(tmp_path))

    assert [values.tolist() for values in features.values] == [pytest.approx(np.array([[0, 1], [0.6, 0.8]]))]


@pytest.mark.parametrize(
    ("names", "write"),
    [
        (
            {"i_id_mapping.csv": "asin\titemID\nB2\t2\nB0\t0\nB1\t1\n", "u_id_mapping.csv": "user_id\tuserID\nann\t3\nbob\t7\n"},
            "MMRec",
        ),
        ({"5-core/item_list.txt": "B0\t0\nB1\t1\nB2\t2\n", "5-core/user_list.txt": "bob\t7\nann\t3\n"}, "LATTICE"),
    ],
    ids=["MMRec", "LATTICE"],
)
def test_ids_behind_numbers_go_with_their_rows(tmp_path: Path, names: dict[str, str], write: str) -> None:
    """Whatever order the file of names has, item n has row n of the features."""
    LAYOUTS[write](write_features(tmp_path))
    for name, text in names.items():
        (tmp_path / name).write_text(text)

    folder = read_data(tmp_path)

    assert [item.item_id for item in folder.items] == ["B0", "B1", "B2"]
    assert liked(folder) == {({"7": "bob", "3": "ann"}[user], f"B{item}") for user, item in LIKED}
    assert features_of(folder).values[0][2].tolist() == [1, 0]


def test_some_items_get_their_own_rows(tmp_path: Path) -> None:
    write_inter(write_features(tmp_path))
    folder = read_data(tmp_path)
    reader = make_reader(make_readings(reading_of(folder, ReadingConfig()), folder, [], "cpu", SilentReporter()))

    some = encode_folder(folder, [folder.items[2], folder.items[0]], reader, DataConfig(tmp_path), SilentReporter())

    assert some.values[0].tolist() == pytest.approx(np.array([[1, 0], [0.6, 0.8]]))


def test_zeros_are_a_missing_modality_and_what_is_not_finite_is_bad(tmp_path: Path) -> None:
    image = np.array([[1.0, np.nan], [0, 0], [0, 2], [np.inf, 0]])
    write_inter(write_features(tmp_path, image, np.array([[1.0], [2], [0], [3]])))
    folder = read_data(tmp_path)

    features = features_of(folder)

    assert features.present.tolist() == [[False, True], [False, True], [True, False], [False, True]]
    assert features.values[0].tolist() == [[0, 0], [0, 0], [0, 1], [0, 0]]
    assert folder.bad_items.bad == 2
    assert folder.bad_items.examples == {
        "image_feat.npy is not finite": ["0", "3"],
        "image_feat.npy is all zeros: missing": ["1"],
        "text_feat.npy is all zeros: missing": ["2"],
    }
    with pytest.raises(TooManyBadRows, match=r"2 image_feat\.npy is not finite"):
        features_of(read_data(tmp_path), max_bad_share=0.2)


def test_a_row_of_the_table_that_is_none_is_counted(tmp_path: Path) -> None:
    write_features(tmp_path)
    (tmp_path / "baby.inter").write_text("itemID\tuserID\n0\t5\nx\t5\n1\n1\t-5\n2\t5\n")

    folder = read_data(tmp_path)

    assert liked(folder) == {("5", "0"), ("5", "2")}
    assert folder.bad_interactions.rows == 5
    assert dict(folder.bad_interactions.counts) == {"user or item is no number": 2, "fewer fields than the header": 1}
    assert folder.bad_interactions.examples["user or item is no number"] == ["line 3: '5', 'x'", "line 5: '-5', '1'"]


def test_a_table_of_items_makes_a_plain_folder(tmp_path: Path) -> None:
    """A file of features beside it is none of ours."""
    write_features(tmp_path)
    (tmp_path / "items.csv").write_text("item_id,title\na,One\n")
    (tmp_path / "interactions.csv").write_text("user_id,item_id\nu,a\n")

    folder = read_data(tmp_path)

    assert [item.item_id for item in folder.items] == ["a"]
    assert folder.given == {}


@pytest.mark.parametrize("encoders", [{"text": "none"}, {"*": "none", "image": "given-image"}])
def test_one_of_the_files_may_be_left_unread(tmp_path: Path, encoders: dict[str, str]) -> None:
    write_inter(write_features(tmp_path))

    features = features_of(read_data(tmp_path), encoders=encoders)

    assert [values.shape for values in features.values] == [(3, 2)]

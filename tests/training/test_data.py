"""Plain folders: what is read, what is bad, and when it is too much."""

import gzip
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from model.content_encoder import ContentEncoder
from model.encoders.lexical import LexicalEncoder
from model.errors import ColdItemInTraining
from model.features import Features
from model.plain.errors import ColumnMissing, FolderMissing, TableUnreadable, TooManyBadRows
from tests.fakes import draw_jpeg
from training.config import DataConfig, ReadingConfig, TrainConfig, read_numbers
from training.data.plain import read_folder
from training.dataset import WarmData, split_data, to_matrix
from training.errors import BadConfig, NothingLeft
from training.evaluate import EvaluateConfig, evaluate
from training.features import encode_items, open_cache
from training.progress import ConsoleReporter, SilentReporter
from training.protocols.run import ProtocolConfig, open_arena
from training.recipes.paper import PaperNumbers
from training.recipes.thaw_numbers import ThawNumbers
from training.sampler import PairSampler
from training.split import draw_labels, split_items
from training.train import train

ITEMS = "item_id,title,text,image,brand\na,One,,p.jpg,Acme\nb,Two,words,,\n"
WORDS_ONLY = {"image": "none", "text": "none", "title": "none", "sentences": "none"}
INTERACTIONS = "user_id,item_id,value\nu,a,1\nu,b,0\nv,b,5\n"


def write(folder: Path, items: str = ITEMS, interactions: str = INTERACTIONS) -> Path:
    folder.mkdir(exist_ok=True)
    (folder / "items.csv").write_text(items)
    (folder / "interactions.csv").write_text(interactions)
    (folder / "p.jpg").write_bytes(draw_jpeg())
    return folder


def test_items_and_interactions_are_read(tmp_path: Path) -> None:
    folder = read_folder(write(tmp_path))

    assert [(item.item_id, item.title, item.attributes) for item in folder.items] == [
        ("a", "One", {"brand": "Acme"}),
        ("b", "Two", {"brand": ""}),
    ]
    assert folder.items[0].image == tmp_path / "p.jpg"
    assert folder.interactions.user_ids == ["u", "v"]
    assert to_matrix(folder.interactions, np.arange(2), positives=True).toarray().tolist() == [[1, 0], [0, 1]]
    assert to_matrix(folder.interactions, np.arange(2), positives=False).nnz == 3


def test_every_format_gives_the_same(tmp_path: Path) -> None:
    expected = read_folder(write(tmp_path / "csv"))
    for suffix in ("csv.gz", "jsonl", "jsonl.gz"):
        folder = tmp_path / suffix
        folder.mkdir()
        (folder / "p.jpg").write_bytes(draw_jpeg())
        for name, text in (("items", ITEMS), ("interactions", INTERACTIONS)):
            header, *rows = [line.split(",") for line in text.strip().split("\n")]
            lines = [json.dumps(dict(zip(header, row, strict=True))) for row in rows]
            data = ("\n".join(lines) if "jsonl" in suffix else text).encode()
            (folder / f"{name}.{suffix}").write_bytes(gzip.compress(data) if suffix.endswith("gz") else data)
        got = read_folder(folder)
        assert got.fingerprint() == expected.fingerprint()
        assert [item.title for item in got.items] == ["One", "Two"]


def test_the_threshold_decides_what_is_a_positive(tmp_path: Path) -> None:
    folder = read_folder(write(tmp_path), threshold=4)

    assert to_matrix(folder.interactions, np.arange(2), positives=True).toarray().tolist() == [[0, 0], [0, 1]]


def test_without_values_every_row_is_a_positive(tmp_path: Path) -> None:
    folder = read_folder(write(tmp_path, interactions="user_id,item_id\nu,a\nu,a\nu,b\n"))

    assert folder.interactions.positive.tolist() == [True, True]


def test_bad_rows_are_counted_and_named(tmp_path: Path) -> None:
    items = ITEMS + "a,Again,,,\n,No id,,,\nc,,,,\nd,Four,,gone.jpg,\ne,,,p.jpg,\n"
    interactions = INTERACTIONS + "u,zzz,1\n,a,1\nu,a,much\nu,a,nan\n"

    folder = read_folder(write(tmp_path, items, interactions))

    assert [item.item_id for item in folder.items] == ["a", "b", "d", "e"]
    assert folder.bad_items.counts == {
        "duplicate item_id": 1,
        "no item_id": 1,
        "no picture, words or attributes": 1,
        "missing picture file": 1,
        "blank text": 1,
    }
    assert folder.bad_interactions.counts == {"unknown item": 1, "no user_id": 1, "value is no number": 2}
    assert folder.bad_interactions.examples["unknown item"] == ["line 5: zzz"]


def test_a_folder_that_cannot_be_used_says_why(tmp_path: Path) -> None:
    with pytest.raises(FolderMissing, match="items table"):
        read_folder(tmp_path)
    write(tmp_path, items="id,title\na,x\n")
    with pytest.raises(ColumnMissing, match="'item_id'"):
        read_folder(tmp_path)
    (tmp_path / "items.jsonl").write_text("{}")
    with pytest.raises(FolderMissing, match="single items table"):
        read_folder(tmp_path)
    (tmp_path / "items.jsonl").unlink()
    (tmp_path / "items.csv").write_bytes(b"item_id\n\xff\xfe\n")
    with pytest.raises(TableUnreadable, match=r"items\.csv"):
        read_folder(tmp_path)


def test_too_many_bad_rows_stop_the_run_and_the_report_names_them(tmp_path: Path) -> None:
    write(tmp_path / "data", items=ITEMS + "".join(f"x{i},,,,\n" for i in range(5)))
    config = TrainConfig(
        DataConfig(tmp_path / "data"), tmp_path / "out", reading=ReadingConfig(encoders=WORDS_ONLY), device="cpu"
    )

    with pytest.raises(TooManyBadRows, match="5 of 7 rows of items are bad"):
        train(config, SilentReporter())

    report = json.loads((tmp_path / "out.report.json").read_text())
    assert report["items"]["counts"] == {"no picture, words or attributes": 5}
    assert not (tmp_path / "out").exists()


def test_an_empty_folder_is_refused_by_whatever_reads_it(checkpoint_path: Path, tmp_path: Path) -> None:
    """In the same words, before anything is encoded."""
    data = DataConfig(write(tmp_path / "data", items="item_id,title\n", interactions="user_id,item_id\n"))
    reading = ReadingConfig(encoders=WORDS_ONLY)
    runs: list[Callable[[], object]] = [
        lambda: train(TrainConfig(data, tmp_path / "out", reading=reading, device="cpu"), SilentReporter()),
        lambda: evaluate(EvaluateConfig(checkpoint_path, data), SilentReporter()),
        lambda: open_arena(ProtocolConfig("mixed", data, reading=reading), SilentReporter()),
    ]

    for run in runs:
        with pytest.raises(NothingLeft, match="holds no usable item"):
            run()


def test_nothing_to_learn_from_is_said(tmp_path: Path) -> None:
    write(tmp_path / "data", interactions="user_id,item_id,value\nu,a,0\n")
    config = TrainConfig(
        DataConfig(tmp_path / "data"), tmp_path / "out", reading=ReadingConfig(encoders=WORDS_ONLY), device="cpu"
    )

    with pytest.raises(NothingLeft):
        train(config, SilentReporter())


def test_a_random_split_reproduces_and_covers_all() -> None:
    first, again, other = (draw_labels(100, seed, cold_val=0.1, cold_test=0.2) for seed in (1, 1, 2))

    assert first == again != other
    assert {label: first.count(label) for label in set(first)} == {"warm": 70, "cold_val": 10, "cold_test": 20}


def test_a_split_column_is_taken_unless_a_seed_is_given(tmp_path: Path) -> None:
    write(tmp_path, items="item_id,title,split\na,One,warm\nb,Two,cold_val\n")
    items = read_folder(tmp_path).items

    assert split_items(items, seed=None) == ["warm", "cold_val"]
    assert sorted(split_items(items, seed=3)) == ["cold_val", "warm"]


@pytest.mark.parametrize("labels", ["warm,wram", "warm,warm", "cold_val,cold_val", "warm,"])
def test_a_split_column_that_cannot_be_is_refused(tmp_path: Path, labels: str) -> None:
    first, second = labels.split(",")
    write(tmp_path, items=f"item_id,title,split\na,One,{first}\nb,Two,{second}\n")

    with pytest.raises(BadConfig):
        split_items(read_folder(tmp_path).items, seed=None)


def test_the_sampler_refuses_a_planted_cold_item(tmp_path: Path) -> None:
    likes = to_matrix(read_folder(write(tmp_path)).interactions, np.arange(2), positives=True)

    with pytest.raises(ColdItemInTraining) as caught:
        PairSampler(likes, np.array([False, True]), seed=0)

    assert caught.value.rows == [1]


def test_the_sampler_never_draws_a_cold_item_nor_a_liked_one() -> None:
    random = np.random.default_rng(0)
    dense = (random.random((20, 50)) < 0.3).astype(np.float32)
    is_cold = np.arange(50) >= 40
    dense[:, is_cold] = 0
    import scipy.sparse as sp

    sampler = PairSampler(sp.csr_array(dense), is_cold, seed=0)
    drawn = [np.stack(batch) for _ in range(3) for batch in sampler.epoch(64)]
    users, liked, other = np.concatenate(drawn, axis=1)

    assert len(users) == 3 * len(sampler) == 3 * int(dense.sum())
    assert (dense[users, liked] == 1).all()
    assert (dense[users, other] == 0).all()
    assert not is_cold[other].any()


def test_warm_data_cannot_be_made_with_a_cold_item() -> None:
    with pytest.raises(ColdItemInTraining):
        WarmData([], None, [], None, None, np.array([False, True]))  # type: ignore[arg-type]


@pytest.mark.parametrize("label", ["cold_val", "cold_test"])
def test_a_split_that_holds_an_item_out_under_a_warm_id_is_refused(tmp_path: Path, label: str) -> None:
    folder = read_folder(write(tmp_path))
    twice = replace(folder, items=[*folder.items, folder.items[0]])
    features = Features((np.ones((3, 2), np.float32),), np.ones((3, 1), np.bool_))

    with pytest.raises(ColdItemInTraining) as caught:
        split_data(twice, features, ["warm", "warm", label])

    assert caught.value.rows == [0]


def test_numbers_are_read_by_their_kind() -> None:
    numbers = read_numbers(ThawNumbers, {"width": "32", "damping": "0.5"})

    assert (numbers.width, numbers.damping) == (32, 0.5)


@pytest.mark.parametrize("given", [{"widht": "1"}, {"width": "x"}, {"width": "0"}])
def test_bad_numbers_are_refused(given: dict[str, str]) -> None:
    with pytest.raises(BadConfig):
        read_numbers(ThawNumbers, given)


def test_more_active_experts_than_there_are_is_refused() -> None:
    with pytest.raises(BadConfig, match="top_k"):
        PaperNumbers(experts=2, top_k=3)


def test_an_unknown_recipe_or_device_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadConfig, match="recipe"):
        TrainConfig(DataConfig(tmp_path), tmp_path, recipe="pepper")
    with pytest.raises(BadConfig, match="device"):
        train(TrainConfig(DataConfig(write(tmp_path)), tmp_path / "out", device="tpu"), SilentReporter())


@pytest.mark.parametrize(
    "given",
    [
        {"damping": "nan"},
        {"ridge": "-1"},
        {"sums": "-1"},
        {"sums": "1e9"},
        {"picture": "-0.1"},
        {"head_rate": "-1"},
        {"head_epochs": "0"},
        {"gate_epochs": "0"},
    ],
)
def test_a_number_that_no_training_can_use_is_refused(given: dict[str, str]) -> None:
    with pytest.raises(BadConfig, match=next(iter(given))):
        read_numbers(ThawNumbers, given)


@pytest.mark.parametrize("given", [{"rate": "nan"}, {"rate": "-1"}, {"user_spread": "inf"}])
def test_the_papers_recipe_refuses_them_too(given: dict[str, str]) -> None:
    with pytest.raises(BadConfig, match=next(iter(given))):
        read_numbers(PaperNumbers, given)


def test_a_column_to_read_that_no_item_has_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """It is said and not refused: a catalogue may have lost what an earlier training read."""
    folder = read_folder(write(tmp_path))
    chosen = ReadingConfig(text_fields=("title", "brnd"))
    reader = ContentEncoder({"words": LexicalEncoder("words")}, {"words": chosen.words_of("words")})

    with open_cache(tmp_path / "cache") as cache:
        encode_items(folder.items, reader, cache, folder.bad_items, ConsoleReporter())

    assert "no item has brnd, which was to be read: there are brand, text, title" in capsys.readouterr().err


def test_a_protocol_reads_the_columns_that_it_is_told_to(tmp_path: Path) -> None:
    config = ProtocolConfig(
        "mixed",
        DataConfig(write(tmp_path), cache=tmp_path / "cache"),
        reading=ReadingConfig(encoders={"words": "lexical-words", "*": "none"}),
    )

    with_brand = replace(config, reading=replace(config.reading, text_fields=("brand",)))

    assert open_arena(config, SilentReporter()).features.present[:, 0].tolist() == [True, True]
    assert open_arena(with_brand, SilentReporter()).features.present[:, 0].tolist() == [True, False]

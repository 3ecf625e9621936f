"""Parquet files, and folders of files, read as one CSV is."""

import gzip
import json
import shutil
from pathlib import Path
from typing import Any

import duckdb
import pytest

from model.checkpoint import Checkpoint
from model.plain.bad_rows import BadRows
from model.plain.errors import ColumnMissing, FolderMissing, TableUnreadable
from model.plain.items import read_items
from training.data.plain import read_folder
from training.report import print_summary
from training.train import Summary

ITEMS = "SELECT * FROM (VALUES (1, 'One', 12.50, true), (2, 'Two', NULL, false)) AS _(item_id, title, price, new)"
INTERACTIONS = "SELECT * FROM (VALUES ('u', 1, 1.0), ('u', 2, 0.0), ('v', 2, 5.0)) AS _(user_id, item_id, value)"


def write_parquet(path: Path, query: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    plain = path.parent / "plain.tmp"  # a path in COPY is no pattern, but a bracket in it would be quoted
    duckdb.sql(f"COPY ({query}) TO '{plain}' (FORMAT parquet)")
    plain.replace(path)


def rows_of(folder: Path) -> list[dict[str, Any]]:
    return [{"item_id": item.item_id, "title": item.title, **item.attributes} for item in read_items(folder, BadRows("items"))]


def test_parquet_gives_what_csv_gives(tmp_path: Path) -> None:
    for name, query in (("items", ITEMS), ("interactions", INTERACTIONS)):
        write_parquet(tmp_path / f"parquet/{name}.parquet", query)
        (tmp_path / "csv").mkdir(exist_ok=True)
        duckdb.sql(f"COPY ({query}) TO '{tmp_path}/csv/{name}.csv' (HEADER)")

    parquet, csv = read_folder(tmp_path / "parquet"), read_folder(tmp_path / "csv")

    assert parquet.fingerprint() == csv.fingerprint()
    assert rows_of(tmp_path / "parquet") == [
        {"item_id": "1", "title": "One", "price": 12.5, "new": True},
        {"item_id": "2", "title": "Two", "price": None, "new": False},
    ]


def test_a_table_may_be_a_folder_of_files_of_any_format(tmp_path: Path) -> None:
    write_parquet(tmp_path / "items.parquet", ITEMS)
    write_parquet(tmp_path / "whole/interactions.parquet", INTERACTIONS)
    shutil.copy(tmp_path / "items.parquet", tmp_path / "whole")
    parts = tmp_path / "interactions"
    write_parquet(parts / "day=1/part-0.parquet", f"{INTERACTIONS} LIMIT 1")
    (parts / "day=2").mkdir()
    (parts / "day=2/part-0.csv.gz").write_bytes(gzip.compress(b"user_id,item_id,value\nu,2,0\n"))
    (parts / "day=3.csv").write_text("value,user_id,item_id\n5,v,2\n9,v,zzz\n")
    (parts / "_SUCCESS").touch()
    (parts / ".part.crc").touch()

    folder = read_folder(tmp_path)

    assert folder.fingerprint() == read_folder(tmp_path / "whole").fingerprint()
    assert folder.bad_interactions.examples == {"unknown item": ["day=3.csv line 3: zzz"]}


def test_a_file_of_another_format_among_them_is_not_passed_over(tmp_path: Path) -> None:
    write_parquet(tmp_path / "items/a.parquet", ITEMS)
    (tmp_path / "items/b.orc").touch()

    with pytest.raises(TableUnreadable, match=r"b\.orc.*\.csv\.gz.*\.parquet"):
        read_items(tmp_path, BadRows("items"))


def test_a_folder_of_pictures_is_no_table(tmp_path: Path) -> None:
    (tmp_path / "items").mkdir()
    (tmp_path / "items/1.jpg").touch()
    with pytest.raises(FolderMissing, match="items/ with such files"):
        read_items(tmp_path, BadRows("items"))

    write_parquet(tmp_path / "items.parquet", ITEMS)

    assert len(read_items(tmp_path, BadRows("items"))) == 2


def test_a_file_and_a_folder_of_one_table_are_refused(tmp_path: Path) -> None:
    write_parquet(tmp_path / "items.parquet", ITEMS)
    write_parquet(tmp_path / "items/part.parquet", ITEMS)

    with pytest.raises(FolderMissing, match="single items table, but 2"):
        read_items(tmp_path, BadRows("items"))


def test_each_file_needs_the_columns(tmp_path: Path) -> None:
    write_parquet(tmp_path / "items/a.parquet", ITEMS)
    write_parquet(tmp_path / "items/b.parquet", "SELECT 1 AS id, 'One' AS title")

    with pytest.raises(ColumnMissing, match=r"b\.parquet has no column 'item_id'; it has id, title"):
        read_items(tmp_path, BadRows("items"))


@pytest.mark.parametrize("cut", [0, 40])
def test_a_damaged_parquet_file_says_so(tmp_path: Path, cut: int) -> None:
    write_parquet(tmp_path / "items.parquet", ITEMS)
    path = tmp_path / "items.parquet"
    path.write_bytes(path.read_bytes()[:cut])

    with pytest.raises(TableUnreadable, match=r"items\.parquet cannot be read"):
        read_items(tmp_path, BadRows("items"))


def test_bad_rows_of_parquet_are_named_by_row(tmp_path: Path) -> None:
    write_parquet(tmp_path / "items.parquet", f"{ITEMS} UNION ALL SELECT NULL, 'No id', 1, true")
    bad = BadRows("items")

    read_items(tmp_path, bad)

    assert bad.examples == {"no item_id": ["row 3"]}


def test_types_come_as_a_csv_would_show_them(tmp_path: Path) -> None:
    """Ids that pandas made floats of are ids again; moments are ISO 8601 in UTC; lists are no attributes."""
    write_parquet(
        tmp_path / "items.parquet",
        "SELECT 7.0::DOUBLE AS item_id, 'x'::BLOB AS title, 3::DECIMAL(9,0) AS pieces, [1] AS sizes, {'a': 1} AS box,"
        " DATE '2026-01-02' AS since, TIMESTAMPTZ '2026-01-02 10:00:00+02' AS at, 'NaN'::DOUBLE AS weight, NULL AS colour",
    )

    assert rows_of(tmp_path) == [
        {"item_id": "7", "title": "x", "pieces": 3, "since": "2026-01-02", "at": "2026-01-02 08:00:00+00", "colour": None}
    ]


def test_a_path_that_looks_like_a_pattern_is_one_file(tmp_path: Path) -> None:
    write_parquet(tmp_path / "[ab]*/items.parquet", ITEMS)
    write_parquet(tmp_path / "a/items.parquet", f"{ITEMS} LIMIT 1")

    assert len(read_items(tmp_path / "[ab]*", BadRows("items"))) == 2


def test_a_record_of_attributes_may_have_names_of_columns(tmp_path: Path) -> None:
    row = {
        "item_id": "a",
        "title": "Mug",
        "price": 9.5,
        "attributes": {"title": "Ms", "split": "no", "price": 12.5, "sizes": [1, 2], "sold": None},
    }
    (tmp_path / "items.jsonl").write_text(json.dumps(row))

    (item,) = read_items(tmp_path, BadRows("items"))

    assert (item.title, item.split) == ("Mug", "")
    assert item.attributes == {"title": "Ms", "split": "no", "price": 12.5, "sold": None}


def test_a_packed_table_that_was_damaged_is_refused(tmp_path: Path) -> None:
    packed = bytearray(gzip.compress(b"item_id,title\n1,One\n"))
    packed[10] = 0xFF  # the head of the first block
    (tmp_path / "items.csv.gz").write_bytes(packed)

    with pytest.raises(TableUnreadable, match=r"items\.csv\.gz"):
        rows_of(tmp_path)


def test_a_text_in_the_column_of_pictures_is_a_missing_picture(tmp_path: Path) -> None:
    (tmp_path / "items.jsonl").write_text(json.dumps({"item_id": "1", "title": "One", "image": "long " * 100}))
    bad = BadRows("items")

    (item,) = read_items(tmp_path, bad)

    assert item.image is None
    assert bad.counts == {"missing picture file": 1}


def test_half_an_emoji_in_an_attribute_reads_as_a_question_mark(tmp_path: Path) -> None:
    (tmp_path / "items.jsonl").write_text(json.dumps({"item_id": "1", "brand": " Acme \ud83d", "size": 4}))

    (item,) = read_items(tmp_path, BadRows("items"))

    assert item.attributes == {"brand": " Acme ?", "size": 4}
    assert item.content().words(["brand"]).encode() == b"Acme ?"


def test_rows_that_may_well_be_meant_so_are_told_apart_from_bad_ones(
    checkpoint: Checkpoint, capsys: pytest.CaptureFixture[str]
) -> None:
    bad = BadRows("items", rows=3)
    bad.drop("no item_id", "line 1")
    for line in (2, 3):
        bad.remark("blank text", f"line {line}")

    bad.note("unreadable picture", "line 3")

    left = (bad.dropped, bad.bad - bad.dropped, bad.harmless)
    print_summary(Summary(checkpoint, Path("out"), Path("out.report.json"), *left, seconds=1.0))

    said = capsys.readouterr().out
    assert "1 rows left out, 1 used without a part, 2 that may well be meant so: see out.report.json" in said

"""CSV and JSONL as shops write them: no row is lost in silence, and what cannot be read is named with its line."""

import gzip
from pathlib import Path

import pytest

from model.plain.bad_rows import BadRows
from model.plain.errors import ColumnMissing, TableUnreadable
from model.plain.items import CatalogueItem, read_items
from training.data.plain import read_folder

LINES = "item_id,title,brand\na,Mug,Acme\nb,Öl,Jörg\n"


def read(folder: Path, data: str | bytes, name: str = "items.csv") -> tuple[list[CatalogueItem], BadRows]:
    (folder / name).write_bytes(data.encode() if isinstance(data, str) else data)
    bad = BadRows("items")
    return read_items(folder, bad), bad


def shown(items: list[CatalogueItem]) -> list[tuple[str, str, object]]:
    return [(item.item_id, item.title, item.attributes.get("brand")) for item in items]


def test_rows_of_too_many_or_too_few_fields_are_bad_rows(tmp_path: Path) -> None:
    """Which field is which, nobody could say."""
    items, bad = read(tmp_path, "item_id,title,price\na,Mug,3\nb,Mug, red,3\nc,Mug\nd,Mug,4\n")

    assert [item.item_id for item in items] == ["a", "d"]
    assert bad.examples == {"more fields than the header": ["line 3"], "fewer fields than the header": ["line 4"]}
    assert (bad.rows, bad.dropped) == (4, 2)


def test_interactions_are_held_to_the_same(tmp_path: Path) -> None:
    (tmp_path / "items.csv").write_text("item_id,title\na,Mug\n")
    (tmp_path / "interactions.csv").write_text("user_id,item_id,value\nu,a,1\nv,a,4,5\nw,a\n")

    folder = read_folder(tmp_path)

    assert folder.interactions.user_ids == ["u"]
    assert folder.bad_interactions.dropped == 2


@pytest.mark.parametrize("rest", ["b,Cup\nc,Oar\n", 'b,"Cup"\nc,Oar\n'])
def test_a_quote_that_swallows_rows_refuses_the_table(tmp_path: Path, rest: str) -> None:
    """Whether it stays open to the end, or a later quote seems to close it."""
    with pytest.raises(TableUnreadable, match=r"items\.csv cannot be read: a quote that opens at line 3 does not close"):
        read(tmp_path, 'item_id,title\nz,Rope\na,"Mug\n' + rest)


def test_quotes_within_a_line_that_are_no_csv_make_a_bad_row(tmp_path: Path) -> None:
    items, bad = read(tmp_path, 'item_id,title\na,"Best" mug\nb,12" pan\nc,"Best ""mug"""\n')

    assert [item.title for item in items] == ['12" pan', 'Best "mug"']
    assert bad.examples == {"its quotes are not those of CSV": ["line 2"]}


def test_a_row_over_several_lines_is_named_by_its_first(tmp_path: Path) -> None:
    items, bad = read(tmp_path, 'item_id,title\na,"Mug\nfor tea"\n\n,"Oar\nof ash"\n')

    assert [item.title for item in items] == ["Mug\nfor tea"]
    assert bad.examples == {"no item_id": ["line 5"]}


def test_a_column_that_is_there_twice_refuses_the_table(tmp_path: Path) -> None:
    with pytest.raises(TableUnreadable, match="column 'title' more than once"):
        read(tmp_path, "item_id,title,title\na,Mug,Cup\n")


def test_columns_without_a_name_are_no_reason_to_refuse_it(tmp_path: Path) -> None:
    """Tables of a spreadsheet end in some."""
    items, bad = read(tmp_path, "item_id,title,,\na,Mug,,\n")

    assert ([item.title for item in items], bad.counts.total()) == (["Mug"], 0)


def test_a_line_that_is_no_json_object_says_so(tmp_path: Path) -> None:
    items, bad = read(tmp_path, '{"item_id": "a", "title": "Mug"}\n{"item_id": "b"\n["c"]\n', "items.jsonl")

    assert [item.item_id for item in items] == ["a"]
    assert bad.examples == {"no JSON": ["line 2"], "no JSON object": ["line 3"]}


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
@pytest.mark.parametrize("name", ["items.csv", "items.csv.gz"])
def test_other_delimiters_and_encodings_with_a_mark_are_read(tmp_path: Path, name: str, delimiter: str, encoding: str) -> None:
    data = LINES.replace(",", delimiter).encode(encoding)

    items, bad = read(tmp_path, gzip.compress(data) if name.endswith("gz") else data, name)

    assert shown(items) == [("a", "Mug", "Acme"), ("b", "Öl", "Jörg")]
    assert not bad.counts


def test_the_comma_delimits_where_the_header_can_be_read_with_it(tmp_path: Path) -> None:
    items, _ = read(tmp_path, "item_id,title,sizes;colours\na,Mug,S;red\n")

    assert items[0].attributes == {"sizes;colours": "S;red"}


def test_a_needed_column_that_no_delimiter_gives_is_missing(tmp_path: Path) -> None:
    with pytest.raises(ColumnMissing, match="no column 'item_id'; it has id;title"):
        read(tmp_path, "id;title\na;Mug\n")


@pytest.mark.parametrize("name", ["items.csv", "items.csv.gz", "items.jsonl"])
def test_another_encoding_is_named_with_its_line_and_what_to_do(tmp_path: Path, name: str) -> None:
    first = '{"item_id": "x", "title": "y"}\n' if "jsonl" in name else "item_id,title\n"
    data = (first * 2 + "a,Tür\n").encode("cp1252")

    with pytest.raises(TableUnreadable, match=r"line 3 has the byte 0xfc, so it is not in UTF-8: save it as UTF-8"):
        read(tmp_path, gzip.compress(data) if name.endswith("gz") else data, name)

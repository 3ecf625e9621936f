"""The items table of a plain data folder."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from model.content import Content, FloatArray, Scalar
from model.plain.bad_rows import BadRows
from model.plain.tables import find_table
from model.plain.text_tables import Row
from model.plain.vectors import note_unknown, read_vectors

WARM, COLD_VAL, COLD_TEST = SPLITS = ("warm", "cold_val", "cold_test")
"""What the column `split` says: learn from it; hold it out, choose and stop by it; leave it out of both."""
_DATES = ("published_at", "expires_at")
_OWN_COLUMNS = {"item_id", "title", "text", "image", "split", "has_features", "hidden", *_DATES}


@dataclass(frozen=True, slots=True)
class CatalogueItem:
    """One row of the items table."""

    item_id: str
    title: str
    text: str
    image: Path | None
    split: str
    """`warm`, `cold_val`, `cold_test`, or empty where the table does not say."""
    attributes: Mapping[str, Scalar] = field(default_factory=dict)
    image_url: str = ""
    """Where the table names the picture by URL; `image` is its file once it was fetched (model/plain/pictures.py)."""
    dates: Mapping[str, str | None] = field(default_factory=dict)
    """`published_at` and `expires_at` where the table has them: RFC 3339, None where blank; what is no date as it stands."""
    hidden: str = ""
    """Whether lists may have it, as the table says it (see `read_truth`); blank where it does not."""
    vectors: Mapping[str, FloatArray] = field(default_factory=dict)
    """By modality, (d,) float32: what lies beside the table (model/plain/vectors.py)."""

    def content(self) -> Content:
        """
        The item's content, its picture read from disk.

        Raises:
            OSError: the picture cannot be read.
        """
        image = None if self.image is None else self.image.read_bytes()
        return Content(self.title, self.text, image, self.attributes, vectors=self.vectors)


def read_items(folder: Path, bad: BadRows) -> list[CatalogueItem]:
    """
    The items of a plain folder, each id once.

    Raises:
        FolderMissing, ColumnMissing, TableUnreadable: the folder cannot be used at all; single bad rows are noted in `bad`.
    """
    table = find_table(folder, "items")
    items: dict[str, CatalogueItem] = {}
    vectors = read_vectors(folder, bad)
    for where, row, fault in table.rows(["item_id"]):
        bad.rows += 1
        if fault:
            bad.drop(fault, where)
            continue
        own = {name: rows[item_id] for name, rows in vectors.items() if (item_id := read_word(row["item_id"])) in rows}
        item = _to_item(folder, row, where, bad, own)
        if item is not None and item.item_id in items:
            bad.drop("duplicate item_id", f"{where}: {item.item_id}")
        elif item is not None:
            items[item.item_id] = item
    note_unknown(vectors, items.keys(), bad)
    return list(items.values())


def _to_item(folder: Path, row: Row, where: str, bad: BadRows, vectors: Mapping[str, FloatArray]) -> CatalogueItem | None:
    item_id = read_word(row.get("item_id"))
    if not item_id:
        bad.drop("no item_id", where)
        return None
    named = f"{where}: {item_id}"
    title, text = read_word(row.get("title")), read_word(row.get("text"))
    image, image_url = _find_image(folder, read_word(row.get("image")), named, bad)
    attributes = _read_attributes(row)
    if not title and not text:
        has_else = image is not None or image_url or row.get("has_features") or vectors
        if not has_else and not any(map(read_word, attributes.values())):
            bad.drop("no picture, words or attributes", named)
            return None
        bad.remark("blank text", named)
    dates = {name: _read_date(read_word(row[name])) for name in _DATES if name in row}
    split, hidden = read_word(row.get("split")), read_word(row.get("hidden"))
    return CatalogueItem(item_id, title, text, image, split, attributes, image_url, dates, hidden, vectors)


def _read_attributes(row: Row) -> dict[str, Scalar]:
    """The other columns, and what a record `attributes` holds: by any name, those of the table's own columns too."""
    columns = {name: value for name, value in row.items() if name not in _OWN_COLUMNS}
    record = row.get("attributes")
    found: Row = {**columns, **record} if isinstance(record, Mapping) else columns
    return {name: _mend(value) if isinstance(value, str) else value for name, value in found.items() if _is_scalar(value)}


def _find_image(folder: Path, name: str, named: str, bad: BadRows) -> tuple[Path | None, str]:
    """The picture's file, or its URL."""
    scheme, colon, _ = name.partition("://")
    if colon and scheme.lower() == "https":
        return None, name
    path = folder / name
    if name and not colon and _is_file(path):
        return path, ""
    if name:
        bad.note("picture is no file of the folder and no https URL" if colon else _why_missing(name), f"{named}: {name}")
    return None, ""


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except OSError:  # a text in the wrong column is too long for a name
        return False


def _why_missing(name: str) -> str:
    if "\\" in name:
        return "missing picture file: a path has / between folders, and no backslash"
    if name.startswith("/") or ".." in name.split("/"):
        return "missing picture file: its path leads out of the folder"
    return "missing picture file"


def read_word(value: object) -> str:
    """
    A cell as text; blank where it is empty.

    7.0 reads `7`: whole-numbered ids often pass through tables as floats. Half of an emoji, which texts that were cut
    leave, reads `?`: it is no character, and can be neither kept nor hashed.
    """
    if isinstance(value, float):
        return "" if math.isnan(value) else str(int(value) if value.is_integer() else value)
    return "" if value is None else _mend(str(value)).strip()


def _mend(text: str) -> str:
    """The text, a question mark for each half of an emoji."""
    return text.encode("utf-8", "replace").decode("utf-8")


def read_truth(word: str) -> bool | None:
    """What a cell says that may be true or false, 1 or 0; None where it is none of these."""
    return {"true": True, "1": True, "false": False, "0": False}.get(word.lower())


def _read_date(word: str) -> str | None:
    """A day is its first moment, and a time without a zone is in UTC."""
    try:
        if not word or (word.isdigit() and len(word) != len("20260131")):  # milliseconds may look like a date with a time
            raise ValueError
        moment = datetime.fromisoformat(word)
    except ValueError:
        return word or None
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).isoformat()


def _is_scalar(value: object) -> bool:
    return value is None or isinstance(value, (str, int, bool)) or (isinstance(value, float) and math.isfinite(value))

"""The plain data folder: a table of items, a table of interactions, pictures beside them."""

import hashlib
import math
from array import array
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from model.content import BoolArray, Content, Scalar
from training.data.bad_rows import BadRows
from training.data.tables import Row, find_table, read_rows

_OWN_COLUMNS = {"item_id", "title", "text", "image", "split"}


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

    def content(self) -> Content:
        """
        The item's content, its picture read from disk.

        Raises:
            OSError: the picture cannot be read.
        """
        image = None if self.image is None else self.image.read_bytes()
        return Content(self.title, self.text, image, self.attributes)


@dataclass(frozen=True, slots=True)
class InteractionTable:
    """Who did what: three columns of equal length, each user and item pair once."""

    user_ids: list[str]
    users: NDArray[np.int32]
    items: NDArray[np.int32]
    """Positions in the catalogue."""
    positive: BoolArray
    """False: the user met the item without liking it."""

    def __len__(self) -> int:
        return len(self.users)


@dataclass(frozen=True, slots=True)
class DataFolder:
    """A catalogue and its interactions, as they lie in a folder."""

    path: Path
    items: list[CatalogueItem]
    interactions: InteractionTable
    bad_items: BadRows
    bad_interactions: BadRows

    def fingerprint(self) -> str:
        """SHA-256 over ids and interactions: whether two checkpoints saw the same data."""
        digest = hashlib.sha256("\0".join(item.item_id for item in self.items).encode())
        digest.update("\0".join(self.interactions.user_ids).encode())
        for column in (self.interactions.users, self.interactions.items, self.interactions.positive):
            digest.update(column.tobytes())
        return digest.hexdigest()


def read_folder(path: Path, *, threshold: float = 1.0) -> DataFolder:
    """
    Reads a plain data folder. Pictures are looked for, not opened.

    Args:
        threshold: an interaction whose value is at least this is a positive; where the table has no
            column `value`, each row is.

    Raises:
        FolderMissing, ColumnMissing, TableUnreadable: the folder cannot be used at all.
        Single bad rows raise nothing: they are counted in `bad_items` and `bad_interactions`.
    """
    bad_items, bad_interactions = BadRows("items"), BadRows("interactions")
    items = read_items(path, bad_items)
    rows = {item.item_id: row for row, item in enumerate(items)}
    interactions = _read_interactions(find_table(path, "interactions"), rows, threshold, bad_interactions)
    return DataFolder(path, items, interactions, bad_items, bad_interactions)


def read_items(folder: Path, bad: BadRows) -> list[CatalogueItem]:
    """The items of a plain folder, each id once; raises as `read_folder` does."""
    table = find_table(folder, "items")
    items: dict[str, CatalogueItem] = {}
    for number, row in read_rows(table, ["item_id"]):
        bad.rows += 1
        item = _to_item(folder, row, f"line {number}", bad)
        if item is not None and item.item_id in items:
            bad.drop("duplicate item_id", f"line {number}: {item.item_id}")
        elif item is not None:
            items[item.item_id] = item
    return list(items.values())


def _to_item(folder: Path, row: Row, where: str, bad: BadRows) -> CatalogueItem | None:
    item_id = _word(row.get("item_id"))
    if not item_id:
        bad.drop("no item_id", where)
        return None
    named = f"{where}: {item_id}"
    title, text = _word(row.get("title")), _word(row.get("text"))
    image = _find_image(folder, _word(row.get("image")), named, bad)
    if not title and not text:
        if image is None:
            bad.drop("neither picture nor words", named)
            return None
        bad.remark("blank text", named)
    attributes = {name: value for name, value in row.items() if name not in _OWN_COLUMNS and _is_scalar(value)}
    return CatalogueItem(item_id, title, text, image, _word(row.get("split")), attributes)


def _find_image(folder: Path, name: str, named: str, bad: BadRows) -> Path | None:
    if not name:
        return None
    path = folder / name
    if path.is_file():
        return path
    bad.note("missing picture file", f"{named}: {name}")
    return None


def _read_interactions(path: Path, rows: Mapping[str, int], threshold: float, bad: BadRows) -> InteractionTable:
    users: dict[str, int] = {}
    columns = array("i"), array("i"), array("b")
    for number, row in read_rows(path, ["user_id", "item_id"]):
        bad.rows += 1
        user_id, item_id = _word(row.get("user_id")), _word(row.get("item_id"))
        value = _number(row["value"]) if "value" in row else threshold
        if not user_id:
            bad.drop("no user_id", f"line {number}")
        elif item_id not in rows:
            bad.drop("unknown item", f"line {number}: {item_id}")
        elif value is None:
            bad.drop("value is no number", f"line {number}: {row['value']!r}")
        else:
            columns[0].append(users.setdefault(user_id, len(users)))
            columns[1].append(rows[item_id])
            columns[2].append(value >= threshold)
    return _merge_repeats(list(users), columns, len(rows))


def _merge_repeats(user_ids: list[str], columns: Sequence["array[int]"], items: int) -> InteractionTable:
    """One row for each user and item, positive if any of its rows was; ordered by user, then item."""
    users, rows = (np.frombuffer(column, np.int32) if column else np.zeros(0, np.int32) for column in columns[:2])
    positive = np.frombuffer(columns[2], np.bool_) if columns[2] else np.zeros(0, np.bool_)
    keys, inverse = np.unique(users.astype(np.int64) * max(items, 1) + rows, return_inverse=True)
    merged = np.zeros(len(keys), np.bool_)
    merged[inverse[positive]] = True
    pairs = np.divmod(keys, max(items, 1))
    return InteractionTable(user_ids, pairs[0].astype(np.int32), pairs[1].astype(np.int32), merged)


def _word(value: object) -> str:
    return "" if value is None else str(value).strip()


def _number(value: object) -> float | None:
    try:
        number = float(str(value))
    except ValueError:
        return None
    return number if math.isfinite(number) else None


def _is_scalar(value: object) -> bool:
    return value is None or isinstance(value, (str, int, bool)) or (isinstance(value, float) and math.isfinite(value))

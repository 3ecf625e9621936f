"""The plain data folder: a table of items, a table of interactions, pictures beside them."""

import hashlib
import math
from array import array
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from model.content import BoolArray
from model.plain.bad_rows import BadRows
from model.plain.items import CatalogueItem, read_items, read_word
from model.plain.tables import find_table, read_rows


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


def _read_interactions(path: Path, rows: Mapping[str, int], threshold: float, bad: BadRows) -> InteractionTable:
    users: dict[str, int] = {}
    columns = array("i"), array("i"), array("b")
    for number, row in read_rows(path, ["user_id", "item_id"]):
        bad.rows += 1
        user_id, item_id = read_word(row.get("user_id")), read_word(row.get("item_id"))
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


def _number(value: object) -> float | None:
    try:
        number = float(str(value))
    except ValueError:
        return None
    return number if math.isfinite(number) else None

"""
Interactions between numbered users and items.

    .inter   a header, then a row an interaction, tabs between its columns: `userID`, `itemID` and any others
    .json    an object: by a user's number, as a string, the list of its items' numbers
    .txt     a line a user: its number, then those of its items, blanks between them
"""

import json
import re
from array import array
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from model.plain.bad_rows import BadRows
from model.plain.errors import TableUnreadable
from model.plain.items import read_word
from model.plain.text_tables import read_csv
from training.data.interactions import InteractionTable

_COLUMNS = (("userID", "itemID"), ("user_id:token", "item_id:token"))
"""Of MMRec's data sets; and of what RecBole writes."""
_BLANKS = re.compile(r"[\s,]+")


@dataclass(slots=True)
class Pairs:
    """Users and items, as they were read."""

    count: int
    """Of items: their numbers lie below it."""
    bad: BadRows
    users: dict[int, int] = field(default_factory=dict)
    """Rows by number, in the order in which they came."""
    user_rows: "array[int]" = field(default_factory=lambda: array("i"))
    items: "array[int]" = field(default_factory=lambda: array("i"))

    def add(self, path: Path, where: str, user: object, item: object) -> None:
        """
        Takes one in, or notes what is wrong with it.

        Raises:
            TableUnreadable: the item has no row among the features: they are of another data set.
        """
        self.bad.rows += 1
        numbers = [read_word(user), read_word(item)]
        if not all(number.isdecimal() for number in numbers):
            self.bad.drop("user or item is no number", f"{where}: {numbers[0]!r}, {numbers[1]!r}")
            return
        user_number, item_number = map(int, numbers)
        if item_number >= self.count:
            last = f"the features have {self.count:,} rows, for items 0 to {self.count - 1}"
            raise TableUnreadable(path, f"{where} names the item {item_number}, and {last}")
        self.user_rows.append(self.users.setdefault(user_number, len(self.users)))
        self.items.append(item_number)


def read_inter(path: Path, pairs: Pairs) -> None:
    """
    Raises:
        ColumnMissing, TableUnreadable: it is no such table.
    """
    user, item = _find_columns(path)
    for line, row, fault in read_csv(path, (user, item)):
        if fault:
            pairs.bad.rows += 1
            pairs.bad.drop(fault, f"line {line}")
        else:
            pairs.add(path, f"line {line}", row[user], row[item])


def _find_columns(path: Path) -> tuple[str, str]:
    """The names that its header has; the first ones where it has none of them."""
    with path.open("rb") as file:
        header = file.readline()
    return next((names for names in _COLUMNS if all(name.encode() in header for name in names)), _COLUMNS[0])


def read_json(path: Path, pairs: Pairs) -> None:
    """
    Raises:
        TableUnreadable: it is no object of lists.
    """
    try:
        lists = json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError) as error:
        raise TableUnreadable(path, f"it is no JSON ({error})") from error
    if not isinstance(lists, dict) or not all(isinstance(items, list) for items in lists.values()):
        raise TableUnreadable(path, "it must be an object that has a list of items for each user")
    for user, items in lists.items():
        _add_all(path, f"user {user}", user, items, pairs)


def read_txt(path: Path, pairs: Pairs) -> None:
    """
    Raises:
        TableUnreadable: it is empty, or no text.
    """
    lines = _read_lines(path)
    for number, line in enumerate(lines, start=1):
        user, *items = line.split() or [""]
        _add_all(path, f"line {number}", user, items, pairs)


def _add_all(path: Path, where: str, user: object, items: Iterable[object], pairs: Pairs) -> None:
    for item in items:
        pairs.add(path, where, user, item)


def to_table(pairs: Pairs, user_ids: Sequence[str]) -> InteractionTable:
    """
    Each pair once, ordered by user, then item; all are positives.

    Args:
        user_ids: of the users' rows.
    """
    users, items = np.array(pairs.user_rows, np.int64), np.array(pairs.items, np.int64)
    rows = np.divmod(np.unique(users * pairs.count + items), pairs.count)
    positive = np.ones(len(rows[0]), np.bool_)
    return InteractionTable(list(user_ids), rows[0].astype(np.int32), rows[1].astype(np.int32), positive)


def read_names(path: Path) -> dict[int, str]:
    """
    Ids by number, from lines of an id and its number, tabs, commas or blanks between them; a header is passed over.

    Raises:
        TableUnreadable: it is empty, or a line is none of these.
    """
    names = {}
    for place, line in enumerate(_read_lines(path), start=1):
        name, *rest = _BLANKS.split(line.strip())
        if rest and rest[-1].isdecimal():
            names[int(rest[-1])] = name
        elif place > 1 and name:
            raise TableUnreadable(path, f"line {place} is not an id and its number: {line!r}")
    return names


def _read_lines(path: Path) -> list[str]:
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise TableUnreadable(path, str(error)) from error
    if not lines:
        raise TableUnreadable(path, "it is empty")
    return lines

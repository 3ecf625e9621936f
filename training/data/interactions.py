"""The interactions table of a plain data folder."""

import math
from array import array
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime

import numpy as np
from numpy.typing import NDArray

from model.content import BoolArray
from model.errors import EventError, EventWithoutValue
from model.event_types import EVENT_TYPES, LOOKING, Liking
from model.plain.bad_rows import BadRows
from model.plain.items import read_word
from model.plain.tables import Table
from model.plain.text_tables import Row

_MOST_SECONDS = 1e11
"""A larger number is one of milliseconds: these seconds end in the year 5138."""
_UNTIMED = -math.inf
_NOTHING, _POSITIVE, _TAKEN_BACK, _LOOKED = 0, 1, 2, 3


@dataclass(frozen=True, slots=True)
class InteractionTable:
    """Who did what: three columns of equal length, each user and item pair once."""

    user_ids: list[str]
    users: NDArray[np.int32]
    items: NDArray[np.int32]
    """Positions in the catalogue."""
    positive: BoolArray
    """False: the user did something with the item, and did not like it, or no longer."""

    def __len__(self) -> int:
        return len(self.users)


@dataclass(slots=True)
class _Columns:
    """The rows that can be used, in the table's order."""

    users: "array[int]" = field(default_factory=lambda: array("i"))
    items: "array[int]" = field(default_factory=lambda: array("i"))
    says: "array[int]" = field(default_factory=lambda: array("b"))
    seconds: "array[float]" = field(default_factory=lambda: array("d"))


def read_interactions(table: Table, rows: Mapping[str, int], liking: Liking, bad: BadRows) -> InteractionTable:
    """
    The interactions with a catalogue.

    Of several rows of one user and item, one that is a positive is enough, unless a later `hide` or `return` takes it
    back. Later is by timestamp, at the same time the one that takes back; rows without a timestamp come before
    all others, in the table's order. A look that is no positive leaves nothing: the user may still be shown the item.

    Args:
        rows: positions in the catalogue by item id.
        liking: which rows are positives.

    Raises:
        ColumnMissing, TableUnreadable: the table cannot be used at all; single bad rows are noted in `bad`.
    """
    users: dict[str, int] = {}
    columns = _Columns()
    for where, row, fault in table.rows(["user_id", "item_id"]):
        bad.rows += 1
        if fault:
            bad.drop(fault, where)
            continue
        user_id, item_id = read_word(row.get("user_id")), read_word(row.get("item_id"))
        if not user_id:
            bad.drop("no user_id", where)
        elif item_id not in rows:
            bad.drop("unknown item", f"{where}: {item_id}")
        elif (says := _judge(row, where, liking, bad)) not in (None, _LOOKED):
            columns.users.append(users.setdefault(user_id, len(users)))
            columns.items.append(rows[item_id])
            columns.says.append(says)
            columns.seconds.append(_read_time(row, where, bad))
    return _merge_repeats(list(users), columns, len(rows))


def _judge(row: Row, where: str, liking: Liking, bad: BadRows) -> int | None:
    """Whether a row is a positive, takes one back, is only a look, or none of these; None if it cannot be used."""
    event_type = read_word(row.get("event_type"))
    if event_type:
        return _judge_event(event_type, row.get("value"), where, liking, bad)
    if "value" not in row:
        if "event_type" not in row:
            return _POSITIVE
        bad.drop("neither event_type nor value", where)
        return None
    value = _number(row["value"])
    if value is None:
        bad.drop("value is no number", f"{where}: {row['value']!r}")
        return None
    return _POSITIVE if value >= liking.threshold else _NOTHING


def _judge_event(event_type: str, value: object, where: str, liking: Liking, bad: BadRows) -> int | None:
    try:
        says = liking.is_positive(event_type, _number(value))
    except EventWithoutValue:
        bad.drop("a rating's value is no number", f"{where}: {value!r}")
    except EventError:
        bad.drop(f"event_type is none of {', '.join(EVENT_TYPES)}", f"{where}: {event_type!r}")
    else:
        if says or liking.takes_back(event_type):
            return _POSITIVE if says else _TAKEN_BACK
        return _LOOKED if event_type in LOOKING else _NOTHING
    return None


def _read_time(row: Row, where: str, bad: BadRows) -> float:
    text = read_word(row.get("timestamp"))
    if not text:
        return _UNTIMED
    seconds = _seconds(text)
    if seconds is None:
        bad.remark("timestamp is neither ISO 8601, such as 2026-01-31T12:00:00Z, nor seconds since 1970", f"{where}: {text!r}")
        return _UNTIMED
    return seconds


def _seconds(text: str) -> float | None:
    """Since 1970, in UTC where the text names no zone."""
    number = _number(text)
    if number is not None and not (text.isdigit() and len(text) == 8):  # 20240131 is a date
        return number if abs(number) < _MOST_SECONDS else None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()


def _merge_repeats(user_ids: list[str], columns: _Columns, items: int) -> InteractionTable:
    """One row for each user and item, ordered by user, then item."""
    users, rows = np.array(columns.users, np.int64), np.array(columns.items, np.int64)
    says, seconds = np.array(columns.says, np.int8), np.array(columns.seconds, np.float64)
    keys, pair = np.unique(users * max(items, 1) + rows, return_inverse=True)
    back_last = (says == _TAKEN_BACK) & np.isfinite(seconds)
    moment = np.empty(len(pair), np.int64)
    moment[np.lexsort((back_last, seconds))] = np.arange(len(pair))  # stable: else in the table's order
    taken_back = np.full(len(keys), -1, np.int64)
    np.maximum.at(taken_back, pair[says == _TAKEN_BACK], moment[says == _TAKEN_BACK])
    merged = np.zeros(len(keys), np.bool_)
    merged[pair[(says == _POSITIVE) & (moment > taken_back[pair])]] = True
    pairs = np.divmod(keys, max(items, 1))
    return InteractionTable(user_ids, pairs[0].astype(np.int32), pairs[1].astype(np.int32), merged)


def _number(value: object) -> float | None:
    try:
        number = float(str(value))
    except ValueError:
        return None
    return number if math.isfinite(number) else None

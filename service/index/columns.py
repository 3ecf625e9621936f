"""Items' attributes by row, so that a filter is a few passes over numbers."""

from collections.abc import Iterable, Mapping
from functools import lru_cache
from hashlib import blake2b
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from model.content import BoolArray, Scalar
from service.index.where import Between, Condition

_Codes: TypeAlias = NDArray[np.int64]
_Numbers: TypeAlias = NDArray[np.float64]
_FIRST = 1024
_DENSE = 32  # a column is kept for every row once one row in so many has it
_SHAPES = 10_000
_MISSING = 0
_LONG = 256  # characters of a string whose hash is not kept: whoever sends many would fill the memory


class AttributeColumns:
    """
    A column for each attribute's name.

    Memory grows with the attributes that items have, whatever their names: a rare name is kept for its rows alone.
    """

    def __init__(self) -> None:
        self._columns: dict[str, _Column] = {}
        self._names: list[tuple[str, ...]] = []
        self._shapes: dict[tuple[str, ...], tuple[str, ...]] = {}

    def append(self, attributes: Mapping[str, Scalar]) -> None:
        """Adds a row at the end."""
        self._names.append(())
        self.write(len(self._names) - 1, attributes)

    def write(self, row: int, attributes: Mapping[str, Scalar]) -> None:
        """Replaces a row."""
        given = {name: value for name, value in attributes.items() if value is not None}
        for name in self._names[row]:
            if name not in given:
                self._clear(name, row)
        for name, value in given.items():
            self._columns.setdefault(name, _Column()).write(row, _code(value), _number(value), len(self._names))
        self._names[row] = self._shared(tuple(given))

    def fill(self, row: int) -> None:
        """Moves the last row to `row` and drops it there; `row` may be the last one."""
        last = len(self._names) - 1
        for name in self._names[row]:
            self._clear(name, row)
        if row != last:
            for name in self._names[last]:
                self._columns[name].move(last, row, size=last)
            self._names[row] = self._names[last]
        self._names.pop()

    def holding(self, condition: Condition) -> BoolArray:
        """(n,) bool: the rows that a condition holds for."""
        size, column = len(self._names), self._columns.get(condition.attribute, _NOTHING)
        if isinstance(condition, Between):
            return column.between(condition, size)
        return column.equal([_code(value) for value in condition.values], size)

    def _clear(self, name: str, row: int) -> None:
        column = self._columns[name]
        column.clear(row)
        if not column.used:
            del self._columns[name]

    def _shared(self, names: tuple[str, ...]) -> tuple[str, ...]:
        """Equal tuples become one: most items have the same attributes."""
        if len(self._shapes) >= _SHAPES:
            self._shapes.clear()
        return self._shapes.setdefault(names, names)


class _Column:
    """Values of one attribute: a code that says which value it is, and the number if it is one."""

    def __init__(self) -> None:
        self.used = 0
        """How many rows have a value."""
        self._few: dict[int, tuple[int, float]] | None = {}
        self._codes: _Codes = np.zeros(0, np.int64)
        self._numbers: _Numbers = np.zeros(0, np.float64)

    def write(self, row: int, code: int, number: float, size: int) -> None:
        self.used += int(self._read(row)[0] == _MISSING)
        if self._few is None and row >= len(self._codes):
            self._grow(row)
        if self._few is None:
            self._codes[row], self._numbers[row] = code, number
            return
        self._few[row] = (code, number)
        if len(self._few) * _DENSE >= max(size, _FIRST):
            self._densify(size)

    def clear(self, row: int) -> None:
        self.used -= int(self._read(row)[0] != _MISSING)
        if self._few is not None:
            self._few.pop(row, None)
        elif row < len(self._codes):
            self._codes[row], self._numbers[row] = _MISSING, np.nan

    def move(self, source: int, target: int, size: int) -> None:
        """What the last row has goes to another one; `size` rows are left then."""
        code, number = self._read(source)
        self.clear(source)
        self.write(target, code, number, size)

    def equal(self, codes: Iterable[int], size: int) -> BoolArray:
        wanted = list(codes)
        rows, held, _ = self._values(size)
        hits: BoolArray = held == wanted[0] if len(wanted) == 1 else np.isin(held, wanted)
        return _masked(rows, hits, size, elsewhere=_MISSING in wanted)

    def between(self, bounds: Between, size: int) -> BoolArray:
        rows, _, numbers = self._values(size)
        hits: BoolArray = ~np.isnan(numbers)
        if bounds.gte is not None:
            hits &= numbers >= bounds.gte
        if bounds.gt is not None:
            hits &= numbers > bounds.gt
        if bounds.lte is not None:
            hits &= numbers <= bounds.lte
        if bounds.lt is not None:
            hits &= numbers < bounds.lt
        return _masked(rows, hits, size, elsewhere=False)

    def _read(self, row: int) -> tuple[int, float]:
        if self._few is not None:
            return self._few.get(row, (_MISSING, np.nan))
        return (int(self._codes[row]), float(self._numbers[row])) if row < len(self._codes) else (_MISSING, np.nan)

    def _values(self, size: int) -> tuple[NDArray[np.intp], _Codes, _Numbers]:
        """The rows that may have a value, and what they have."""
        if self._few is None:
            reach = min(size, len(self._codes))
            return np.arange(reach), self._codes[:reach], self._numbers[:reach]
        count = len(self._few)
        codes = np.fromiter((code for code, _ in self._few.values()), np.int64, count)
        numbers = np.fromiter((number for _, number in self._few.values()), np.float64, count)
        return np.fromiter(self._few, np.intp, count), codes, numbers

    def _densify(self, size: int) -> None:
        """From rows that have a value to all rows."""
        few, self._few = self._few or {}, None
        self._codes, self._numbers = np.zeros(size, np.int64), np.full(size, np.nan)
        for row, (code, number) in few.items():
            self._codes[row], self._numbers[row] = code, number

    def _grow(self, row: int) -> None:
        """Makes room for a row, or goes back to the rows that have a value when they have become few."""
        if self.used * _DENSE < row:
            held = np.flatnonzero(self._codes != _MISSING)
            values = zip(self._codes[held].tolist(), self._numbers[held].tolist(), strict=True)
            self._few = dict(zip(held.tolist(), values, strict=True))
            self._codes, self._numbers = np.zeros(0, np.int64), np.zeros(0)
            return
        more = max(_FIRST, len(self._codes), row + 1 - len(self._codes))
        self._codes = np.concatenate([self._codes, np.zeros(more, np.int64)])
        self._numbers = np.concatenate([self._numbers, np.full(more, np.nan)])


_NOTHING = _Column()


def _masked(rows: NDArray[np.intp], hits: BoolArray, size: int, *, elsewhere: bool) -> BoolArray:
    mask = np.full(size, elsewhere, np.bool_)
    mask[rows] = hits
    return mask


def _code(value: Scalar) -> int:
    """A number that says which value it is: 12 and 12.0 are one, 1, "1" and true are three."""
    return _hash(value) if isinstance(value, str) and len(value) > _LONG else _kept_hash(value)


def _hash(value: Scalar) -> int:
    if value is None:
        return _MISSING
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    kind = "b" if isinstance(value, bool) else "s" if isinstance(value, str) else "n"
    return int.from_bytes(blake2b(f"{kind}{value!r}".encode(), digest_size=8).digest(), signed=True) or 1


_kept_hash = lru_cache(maxsize=65_536, typed=True)(_hash)


def _number(value: Scalar) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return float("nan")
    try:
        return float(value)
    except OverflowError:  # JSON's integers have no limit
        return float("inf") if value > 0 else float("-inf")

"""Arrays of one length that grow together, and names for their rows."""

import itertools
from typing import Any

import numpy as np
from numpy.typing import NDArray


class Columns:
    """
    Rows of numbers, a column an array; a row that was given back is taken again, all zeros.

    A column may move when a row is taken: read it from here each time.
    """

    def __init__(self, **kinds: tuple[type, int]) -> None:
        """
        Args:
            kinds: each column's type and width; width 0 for one number a row.
        """
        self._columns: dict[str, NDArray[Any]] = {
            name: np.zeros((16, width) if width else 16, kind) for name, (kind, width) in kinds.items()
        }
        self._free: list[int] = []
        self._end = 0

    def __getitem__(self, name: str) -> NDArray[Any]:
        return self._columns[name]

    def take(self) -> int:
        """A row of zeros."""
        if self._free:
            return self._free.pop()
        self._end += 1
        for name, column in self._columns.items():
            if self._end > len(column):
                self._columns[name] = np.concatenate([column, np.zeros_like(column)])
        return self._end - 1

    def give_back(self, row: int) -> None:
        """Clears a row, and lets it be taken again."""
        for column in self._columns.values():
            column[row] = 0
        self._free.append(row)


class NamedColumns(Columns):
    """Columns whose rows have names."""

    def __init__(self, **kinds: tuple[type, int]) -> None:
        super().__init__(**kinds)
        self._rows: dict[str, int] = {}
        self._names: dict[int, str] = {}

    def row(self, name: str) -> int | None:
        """The row of a name, or None."""
        return self._rows.get(name)

    def name(self, row: int) -> str:
        """The name of a row."""
        return self._names[row]

    def get_name(self, row: int) -> str | None:
        """The name of a row, or None where it has none any more."""
        return self._names.get(row)

    def names(self) -> dict[int, str]:
        """All names by their rows."""
        return dict(self._names)

    def add(self, name: str) -> int:
        """Takes a row for a name that has none."""
        row = self.take()
        self._rows[name], self._names[row] = row, name
        return row

    def drop(self, row: int) -> None:
        """Forgets a name and gives its row back."""
        del self._rows[self._names.pop(row)]
        self.give_back(row)


def take_first(rows: dict[int, None], most: int) -> list[int]:
    """Takes at most so many rows out of those that wait, the oldest first."""
    taken = list(itertools.islice(rows, most))
    for row in taken:
        del rows[row]
    return taken

"""
What can be wrong with a plain data folder.

ProjectError (model/errors.py)
└── DataError               a data folder cannot be used
    ├── FolderMissing           it, or a file that it must hold, is not there
    ├── ColumnMissing           a table lacks a column
    ├── TableUnreadable         a file is not what its name says
    └── TooManyBadRows          more rows are bad than the limit allows
"""

from collections.abc import Mapping, Sequence
from pathlib import Path

from model.errors import ProjectError


class DataError(ProjectError):
    """A data folder cannot be used."""


class FolderMissing(DataError):
    """A folder, or a file that it must hold, is not there."""

    def __init__(self, path: Path, wanted: str) -> None:
        self.path = path
        super().__init__(f"{path} holds no {wanted}")


class ColumnMissing(DataError):
    """A table lacks a column."""

    def __init__(self, path: Path, column: str, found: Sequence[str]) -> None:
        self.path, self.column, self.found = path, column, found
        super().__init__(f"{path.name} has no column {column!r}; it has {', '.join(found) or 'none'}")


class TableUnreadable(DataError):
    """A file is not what its name says."""

    def __init__(self, path: Path, reason: str) -> None:
        self.path = path
        super().__init__(f"{path.name} cannot be read: {reason}")


class TooManyBadRows(DataError):
    """More rows are bad than the limit allows; nothing was trained."""

    def __init__(self, table: str, *, bad: int, rows: int, limit: float, counts: Mapping[str, int]) -> None:
        self.bad, self.rows = bad, rows
        reasons = ", ".join(f"{count:,} {reason}" for reason, count in counts.items())
        super().__init__(
            f"{bad:,} of {rows:,} rows of {table} are bad, over the limit of {limit:.0%} (--max-bad-share): {reasons}"
        )

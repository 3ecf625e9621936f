"""Rows of CSV, JSONL and Parquet files, or of folders of them, one at a time."""

import csv
import gzip
import json
import sys
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, TypeAlias, cast

from model.plain.errors import ColumnMissing, FolderMissing, TableUnreadable

Row: TypeAlias = dict[str, Any]
SUFFIXES = (".csv", ".csv.gz", ".jsonl", ".jsonl.gz", ".parquet")

csv.field_size_limit(sys.maxsize)  # a film's plot may be longer than the module's 128 KiB


@dataclass(frozen=True, slots=True)
class Table:
    """The files that together are one table."""

    root: Path
    """The file, or the folder of them."""
    files: tuple[Path, ...]

    def rows(self, required: Sequence[str]) -> Iterator[tuple[str, Row]]:
        """
        Where each row stands, such as `line 3`, and the row. A line of JSONL that is no object comes as an empty row.

        Raises:
            ColumnMissing: a file's header, or a JSONL's first object, lacks a required column.
            TableUnreadable: a file is not what its name says.
        """
        for path in self.files:
            place = "" if path == self.root else f"{path.relative_to(self.root)} "
            unit = "row" if path.suffix == ".parquet" else "line"
            for number, row in _read_rows(path, required):
                yield f"{place}{unit} {number}", row


def find_table(folder: Path, name: str) -> Table:
    """
    The folder's file of a table, or its folder of files, whatever their format.

    Files of a folder are taken in the order of their paths; names that begin with `_` or `.` are passed over, as what
    writes such folders puts its notes there.

    Raises:
        FolderMissing: there is none, or more than one.
        TableUnreadable: among the files of a folder is one of another format.
    """
    found = [Table(path, (path,)) for suffix in SUFFIXES if (path := folder / f"{name}{suffix}").is_file()]
    files = _files_below(folder / name)
    if any(map(_is_table, files)):
        found.append(Table(folder / name, tuple(files)))
    if len(found) != 1:
        accepted = ", ".join([name + suffix for suffix in SUFFIXES] + [f"{name}/ with such files"])
        wanted = f"{name} table ({accepted})"
        raise FolderMissing(folder, wanted if not found else f"single {name} table, but {len(found)} of them")
    for path in found[0].files:
        if not _is_table(path):
            raise TableUnreadable(path, f"in {name}/ are accepted: {', '.join(SUFFIXES)}")
    return found[0]


def _files_below(folder: Path) -> list[Path]:
    return sorted(
        path
        for path in folder.rglob("*")
        if path.is_file() and not any(part.startswith(("_", ".")) for part in path.relative_to(folder).parts)
    )


def _is_table(path: Path) -> bool:
    return path.name.endswith(SUFFIXES)


def _read_rows(path: Path, required: Sequence[str]) -> Iterator[tuple[int, Row]]:
    if path.suffix == ".parquet":
        yield from _read_parquet(path, required)
        return
    try:
        with _open(path) as file:
            yield from _read_csv(path, file, required) if ".csv" in path.suffixes else _read_jsonl(path, file, required)
    except (OSError, EOFError, zlib.error, UnicodeDecodeError, csv.Error) as error:
        raise TableUnreadable(path, str(error)) from error


def _open(path: Path) -> IO[str]:
    if path.suffix == ".gz":
        return cast(IO[str], gzip.open(path, "rt", encoding="utf-8-sig", newline=""))
    return path.open(encoding="utf-8-sig", newline="")


def _read_parquet(path: Path, required: Sequence[str]) -> Iterator[tuple[int, Row]]:
    from model.plain.parquet import read_parquet  # only who has such a file waits for DuckDB

    columns, rows = read_parquet(path)
    _require_columns(path, columns, required)
    for number, values in enumerate(rows, start=1):
        yield number, dict(zip(columns, values, strict=True))


def _read_csv(path: Path, file: IO[str], required: Sequence[str]) -> Iterator[tuple[int, Row]]:
    reader = csv.reader(file)
    header = next(reader, [])
    _require_columns(path, header, required)
    for values in reader:
        if values:
            yield reader.line_num, dict(zip(header, values, strict=False))


def _read_jsonl(path: Path, file: IO[str], required: Sequence[str]) -> Iterator[tuple[int, Row]]:
    first = True
    for number, line in enumerate(file, start=1):
        if line.strip():
            row = _parse(line)
            if first and row:
                _require_columns(path, list(row), required)
                first = False
            yield number, row


def _parse(line: str) -> Row:
    try:
        row = json.loads(line)
    except ValueError:
        return {}
    return row if isinstance(row, dict) else {}


def _require_columns(path: Path, found: list[str], required: Sequence[str]) -> None:
    for column in required:
        if column not in found:
            raise ColumnMissing(path, column, found)

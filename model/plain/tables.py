"""Rows of CSV and JSONL files, plain or gzipped, one at a time."""

import csv
import gzip
import json
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import IO, Any, TypeAlias, cast

from model.plain.errors import ColumnMissing, FolderMissing, TableUnreadable

Row: TypeAlias = dict[str, Any]
SUFFIXES = (".csv", ".csv.gz", ".jsonl", ".jsonl.gz")

csv.field_size_limit(sys.maxsize)  # a film's plot may be longer than the module's 128 KiB


def find_table(folder: Path, name: str) -> Path:
    """
    The folder's file of a table, whatever its format.

    Raises:
        FolderMissing: there is none, or more than one.
    """
    found = [folder / f"{name}{suffix}" for suffix in SUFFIXES if (folder / f"{name}{suffix}").is_file()]
    if len(found) != 1:
        wanted = f"{name} table ({', '.join(name + suffix for suffix in SUFFIXES)})"
        raise FolderMissing(folder, wanted if not found else f"single {name} table, but {len(found)} of them")
    return found[0]


def read_rows(path: Path, required: Sequence[str]) -> Iterator[tuple[int, Row]]:
    """
    Line numbers and rows. A line of JSONL that is no object comes as an empty row.

    Raises:
        ColumnMissing: a CSV's header, or a JSONL's first object, lacks a required column.
        TableUnreadable: the file is not what its name says.
    """
    try:
        with _open(path) as file:
            yield from _read_csv(path, file, required) if ".csv" in path.suffixes else _read_jsonl(path, file, required)
    except (OSError, EOFError, UnicodeDecodeError, csv.Error) as error:
        raise TableUnreadable(path, str(error)) from error


def _open(path: Path) -> IO[str]:
    if path.suffix == ".gz":
        return cast(IO[str], gzip.open(path, "rt", encoding="utf-8-sig", newline=""))
    return path.open(encoding="utf-8-sig", newline="")


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

"""Rows of CSV and JSONL files, one at a time: what each says, or what is wrong with its form."""

import codecs
import csv
import gzip
import json
import sys
import zlib
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, TypeAlias, cast

from model.plain.errors import ColumnMissing, TableUnreadable

Row: TypeAlias = dict[str, Any]
Line: TypeAlias = tuple[int, Row, str]
"""The line at which a row begins, the row, and what is wrong with it; blank where nothing is."""
_DELIMITERS = ",;\t"
_UTF_16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)

csv.field_size_limit(sys.maxsize)  # a film's plot may be longer than the module's 128 KiB


def read_csv(path: Path, required: Sequence[str]) -> Iterator[Line]:
    """
    The rows below a CSV's header. The comma delimits, unless the required columns are only there with `;` or a tab.

    Raises:
        ColumnMissing: whatever delimits, a required column is not there.
        TableUnreadable: it is no text, a column is there twice, or a quote is open over several lines.
    """
    with _open(path) as file:
        delimiter = _find_delimiter(file, required)
        records = _read_records(path, csv.reader(file, delimiter=delimiter, strict=True))
        _, header, fault = next(records, (1, [], ""))
        if fault:
            raise TableUnreadable(path, f"its header is no row of CSV: {fault}")
        _require_header(path, header, required)
        for line, values, fault in records:
            if values or fault:
                yield line, dict(zip(header, values, strict=False)), fault or _compare(len(values), len(header))


def read_jsonl(path: Path, required: Sequence[str]) -> Iterator[Line]:
    """
    The objects of a JSONL file.

    Raises:
        ColumnMissing: the first object lacks a required column.
        TableUnreadable: it is no text.
    """
    first = True
    with _open(path) as file:
        for number, line in enumerate(file, start=1):
            if line.strip():
                row, fault = _parse(line)
                if first and row:
                    require_columns(path, list(row), required)
                    first = False
                yield number, row, fault


def require_columns(path: Path, found: Sequence[str], required: Sequence[str]) -> None:
    """
    Raises:
        ColumnMissing: one of those required is not among those found.
    """
    for column in required:
        if column not in found:
            raise ColumnMissing(path, column, found)


@contextmanager
def _open(path: Path) -> Iterator[IO[str]]:
    """The file as text. What cannot be read of it, then or later, is a `TableUnreadable`."""
    opener = _opener(path)
    try:
        with opener(path, "rb") as start:
            encoding = "utf-16" if start.read(2) in _UTF_16 else "utf-8-sig"
        with opener(path, "rt", encoding=encoding, newline="") as file:
            yield cast(IO[str], file)
    except UnicodeDecodeError as error:
        place = _find_undecodable(path) if error.encoding == "utf-8" else ""
        raise TableUnreadable(path, f"{place}it is not in {error.encoding.upper()}: save it as UTF-8") from error
    except (OSError, EOFError, zlib.error) as error:
        raise TableUnreadable(path, str(error)) from error


def _opener(path: Path) -> Callable[..., IO[Any]]:
    return cast(Callable[..., IO[Any]], gzip.open if path.suffix == ".gz" else Path.open)


def _find_undecodable(path: Path) -> str:
    """The first line that is no UTF-8, and what is wrong in it."""
    with _opener(path)(path, "rb") as file:
        for number, line in enumerate(file, start=1):
            try:
                line.decode()
            except UnicodeDecodeError as error:
                return f"line {number} has the byte 0x{line[error.start]:02x}, so "
    return ""


def _find_delimiter(file: IO[str], required: Sequence[str]) -> str:
    """The first with which the header has the required columns, else the comma; the file is at its beginning again."""
    found = _DELIMITERS[0]
    for delimiter in reversed(_DELIMITERS):
        header = next(csv.reader(file, delimiter=delimiter), [])
        file.seek(0)
        if set(required) <= set(header):
            found = delimiter
    return found


def _require_header(path: Path, header: Sequence[str], required: Sequence[str]) -> None:
    require_columns(path, header, required)
    twice = [column for column, times in Counter(header).items() if times > 1 and column.strip()]
    if twice:
        raise TableUnreadable(path, f"it has the column {twice[0]!r} more than once, and nobody could say which is meant")


def _read_records(path: Path, reader: Any) -> Iterator[tuple[int, list[str], str]]:
    """The line at which each record begins, its fields, and what is wrong with its quotes."""
    while True:
        line = reader.line_num + 1
        try:
            values, fault = next(reader), ""
        except StopIteration:
            return
        except csv.Error as error:
            if reader.line_num > line:  # rows that are fine may be among these lines: not to be passed over
                raise TableUnreadable(
                    path, f"a quote that opens at line {line} does not close before line {reader.line_num} ({error})"
                ) from error
            values, fault = [], "its quotes are not those of CSV"
        yield line, values, fault


def _compare(fields: int, columns: int) -> str:
    if fields == columns:
        return ""
    return "more fields than the header" if fields > columns else "fewer fields than the header"


def _parse(line: str) -> tuple[Row, str]:
    try:
        row = json.loads(line)
    except (ValueError, RecursionError):
        return {}, "no JSON"
    return (row, "") if isinstance(row, dict) else ({}, "no JSON object")

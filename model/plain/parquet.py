"""Rows of Parquet files, one at a time, by DuckDB."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb

from model.plain.errors import TableUnreadable

_CHUNK = 8192  # rows in memory at once
_AS_IT_IS = {"VARCHAR", "BOOLEAN", "FLOAT", "DOUBLE", "HUGEINT"} | {
    sign + size for sign in ("", "U") for size in ("TINYINT", "SMALLINT", "INTEGER", "BIGINT")
}
_NESTED = ("STRUCT", "MAP", "UNION", "VARIANT", "BLOB")
_CONFIG: dict[str, str | bool | int | float | list[str]] = {
    "threads": 1,
    "autoinstall_known_extensions": False,  # nothing is fetched from anywhere
    "autoload_known_extensions": False,
}


def read_parquet(path: Path) -> tuple[list[str], Iterator[tuple[Any, ...]]]:
    """
    The columns of a file, and its rows in their order.

    Numbers and truth values come as such, dates and times as ISO 8601 text in UTC, all else as text;
    columns that hold lists or records are left out.

    Raises:
        TableUnreadable: it is no Parquet file, or is damaged; the rows may raise it later, too.
    """
    connection, source = duckdb.connect(":memory:", config=_CONFIG), [_no_pattern(path)]
    try:
        connection.execute("SET TimeZone = 'UTC'")
        described = connection.execute(f"DESCRIBE {_SELECT.format('*')}", source).fetchall()
    except duckdb.Error as error:
        raise TableUnreadable(path, _first_line(error)) from error
    casts = {name: cast for name, kind, *_ in described if (cast := _cast(name, kind))}
    query = _SELECT.format(", ".join(casts.values()) or "1")
    return list(casts), _rows(connection, query, source, path)


# A file in a folder such as day=1 has the columns that it has, and no more.
_SELECT = "SELECT {} FROM read_parquet(?, binary_as_string = true, hive_partitioning = false)"


def _rows(connection: duckdb.DuckDBPyConnection, query: str, source: list[str], path: Path) -> Iterator[tuple[Any, ...]]:
    try:
        with connection:
            cursor = connection.execute(query, source)
            while chunk := cursor.fetchmany(_CHUNK):
                yield from chunk
    except duckdb.Error as error:
        raise TableUnreadable(path, _first_line(error)) from error


def _cast(name: str, kind: str) -> str | None:
    quoted = '"' + name.replace('"', '""') + '"'
    if kind in _AS_IT_IS:
        return quoted
    if kind.startswith("DECIMAL"):
        return f"CAST({quoted} AS {'HUGEINT' if kind.endswith(',0)') else 'DOUBLE'})"
    if kind.endswith("]") or kind.startswith(_NESTED):
        return None
    return f"CAST({quoted} AS VARCHAR)"


def _no_pattern(path: Path) -> str:
    """The path with what DuckDB would take as a pattern of many files made literal."""
    return "".join(f"[{sign}]" if sign in "*?[" else sign for sign in str(path))


def _first_line(error: duckdb.Error) -> str:
    return str(error).splitlines()[0]

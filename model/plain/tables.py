"""Rows of CSV, JSONL and Parquet files, or of folders of them, one at a time."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from model.plain.errors import FolderMissing, TableUnreadable
from model.plain.text_tables import Line, Row, read_csv, read_jsonl, require_columns

SUFFIXES = (".csv", ".csv.gz", ".jsonl", ".jsonl.gz", ".parquet")


@dataclass(frozen=True, slots=True)
class Table:
    """The files that together are one table."""

    root: Path
    """The file, or the folder of them."""
    files: tuple[Path, ...]

    def rows(self, required: Sequence[str]) -> Iterator[tuple[str, Row, str]]:
        """
        Where each row stands, such as `line 3`, the row, and what is wrong with its form: blank where nothing is.

        Of a row that is wrong comes what could be read of it; its fields may be those of other columns.

        Raises:
            ColumnMissing: a file's header, or a JSONL's first object, lacks a required column.
            TableUnreadable: a file is not what its name says.
        """
        for path in self.files:
            place = "" if path == self.root else f"{path.relative_to(self.root)} "
            unit = "row" if path.suffix == ".parquet" else "line"
            for number, row, fault in _read_rows(path, required):
                yield f"{place}{unit} {number}", row, fault


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


def _read_rows(path: Path, required: Sequence[str]) -> Iterator[Line]:
    if path.suffix == ".parquet":
        return _read_parquet(path, required)
    return read_csv(path, required) if ".csv" in path.suffixes else read_jsonl(path, required)


def _read_parquet(path: Path, required: Sequence[str]) -> Iterator[Line]:
    from model.plain.parquet import read_parquet  # only who has such a file waits for DuckDB

    columns, rows = read_parquet(path)
    require_columns(path, columns, required)
    for number, values in enumerate(rows, start=1):
        yield number, dict(zip(columns, values, strict=True)), ""

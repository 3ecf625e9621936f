"""Features that lie in a plain folder beside its tables, so that nothing of it need be encoded again."""

import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from model.plain.errors import TableUnreadable

FILE = "features.sqlite"
_COLUMNS = "item_id TEXT, modality TEXT, fingerprint TEXT, input TEXT, vector BLOB, PRIMARY KEY (item_id, modality)"


@dataclass(frozen=True, slots=True)
class KeptFeatures:
    """What one encoder made of one item."""

    item_id: str
    modality: str
    fingerprint: str
    """The encoder's."""
    input: str
    """Hash of what it read; empty where that was not kept."""
    data: bytes
    """As `model.features.row_to_bytes` writes them."""


def write_features(folder: Path, rows: Iterable[KeptFeatures]) -> None:
    """Writes the file anew; it is whole when this returns."""
    (folder / FILE).unlink(missing_ok=True)
    database = sqlite3.connect(folder / FILE)
    try:
        with database:
            database.execute(f"CREATE TABLE features ({_COLUMNS})")
            values = ((row.item_id, row.modality, row.fingerprint, row.input, row.data) for row in rows)
            database.executemany("INSERT INTO features VALUES (?, ?, ?, ?, ?)", values)
    finally:
        database.close()


class FolderFeatures:
    """
    The features of a folder; nothing where it has none.

    Raises:
        TableUnreadable: from its methods, when the file is damaged.
    """

    def __init__(self, folder: Path) -> None:
        self._path = path = folder / FILE
        self._database = sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True) if path.is_file() else None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._database is not None:
            self._database.close()

    def get(self, modality: str, fingerprint: str, item_ids: Sequence[str]) -> Mapping[str, tuple[str, bytes]]:
        """By item that has them: the hash of what the encoder of this fingerprint read, and its features."""
        if self._database is None:
            return {}
        marks = ",".join("?" * len(item_ids))
        query = f"SELECT item_id, input, vector FROM features WHERE modality = ? AND fingerprint = ? AND item_id IN ({marks})"  # noqa: S608 - marks only
        found = self._rows(query, [modality, fingerprint, *item_ids])
        return {item_id: (read, data) for item_id, read, data in found}

    def makers(self) -> Iterator[tuple[str, str, int]]:
        """
        Each modality that some item has features of, its encoder's fingerprint, and the bytes of the shortest ones; those that
        most items have come last.
        """
        query = "SELECT modality, fingerprint, MIN(LENGTH(vector)) FROM features GROUP BY 1, 2 ORDER BY COUNT(*)"
        yield from [] if self._database is None else self._rows(query, [])

    def _rows(self, query: str, values: Sequence[str]) -> list[Any]:
        assert self._database is not None
        try:
            return self._database.execute(query, values).fetchall()
        except sqlite3.Error as error:
            raise TableUnreadable(self._path, str(error)) from error

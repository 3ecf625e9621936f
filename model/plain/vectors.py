"""
Vectors that somebody else's encoders made of a plain folder's items.

`vectors/NAME.npz` beside the tables is one modality: `item_id`, (N,) of strings or whole numbers, and `vectors`, (N, d), a row
for each. An item that it does not name lacks the modality.
"""

import re
import zipfile
import zlib
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from model.content import FloatArray
from model.encoders.given import MOST_NUMBERS, MOST_VECTORS
from model.plain.bad_rows import BadRows
from model.plain.errors import TableUnreadable

FOLDER = "vectors"
_IDS, _ROWS = "item_id", "vectors"
_NAME = re.compile("[a-z][a-z0-9_-]{0,31}")
_TAKEN = ("together",)
"""The view that reads everything is called so."""

ItemVectors: TypeAlias = Mapping[str, Mapping[str, FloatArray]]
"""By modality and item, (d,) float32."""


def read_vectors(folder: Path, bad: BadRows) -> ItemVectors:
    """
    All vectors of a folder; rows of zeros, and rows that are not finite, are missing, and noted.

    Raises:
        TableUnreadable: a file is not what it should be, or there are more than an item may have.
    """
    files = sorted((folder / FOLDER).glob("*.npz"))
    if len(files) > MOST_VECTORS:
        raise TableUnreadable(folder / FOLDER, f"it has {len(files)} files, and an item may have {MOST_VECTORS} vectors")
    return {path.stem: _read(path, bad) for path in files}


def note_unknown(vectors: ItemVectors, item_ids: Collection[str], bad: BadRows) -> None:
    """Remarks on vectors of items that the table does not have."""
    for modality, rows in vectors.items():
        for item_id in rows.keys() - item_ids:
            bad.remark(f"{FOLDER}/{modality}.npz has an item that the table has not", item_id)


def _read(path: Path, bad: BadRows) -> dict[str, FloatArray]:
    if not _NAME.fullmatch(path.stem) or path.stem in _TAKEN:
        wanted = "small letters, digits, - and _, a letter first, and not together"
        raise TableUnreadable(path, f"its name is that of a modality: {wanted}")
    ids, rows = _check(path, *_load(path))
    there = np.isfinite(rows).all(axis=1)
    for at in np.flatnonzero(~there).tolist():
        bad.note(f"{FOLDER}/{path.name} is not finite", ids[at])
    empty = ~rows.any(axis=1)
    for at in np.flatnonzero(empty).tolist():
        bad.remark(f"{FOLDER}/{path.name} is all zeros: missing", ids[at])
    return {ids[at]: rows[at] for at in np.flatnonzero(there & ~empty).tolist()}


def _load(path: Path) -> tuple[NDArray[Any], NDArray[Any]]:
    try:
        with path.open("rb") as file:
            return _take(path, np.load(file, allow_pickle=False))
    except KeyError as error:
        raise TableUnreadable(path, f"it must hold the arrays {_IDS} and {_ROWS}") from error
    except (OSError, ValueError, EOFError, zipfile.BadZipFile, zlib.error) as error:
        raise TableUnreadable(path, str(error)) from error


def _take(path: Path, arrays: Any) -> tuple[NDArray[Any], NDArray[Any]]:
    if not isinstance(arrays, np.lib.npyio.NpzFile):
        raise TableUnreadable(path, "it is no archive of arrays, as numpy.savez writes it")
    with arrays:
        return arrays[_IDS], arrays[_ROWS]


def _check(path: Path, ids: NDArray[Any], rows: NDArray[Any]) -> tuple[list[str], FloatArray]:
    if ids.ndim != 1 or ids.dtype.kind not in "Uiu":
        raise TableUnreadable(path, f"{_IDS} must be strings or whole numbers, and is {ids.dtype} of shape {ids.shape}")
    if rows.ndim != 2 or rows.dtype.kind not in "fiu" or len(rows) != len(ids):
        wanted = f"{_ROWS} must hold a row of numbers for each of the {len(ids):,} ids"
        raise TableUnreadable(path, f"{wanted}, and is {rows.dtype} of shape {rows.shape}")
    if not 1 <= rows.shape[1] <= MOST_NUMBERS:
        raise TableUnreadable(path, f"a row has 1 to {MOST_NUMBERS:,} numbers, these have {rows.shape[1]:,}")
    names = [str(item_id).strip() for item_id in ids.tolist()]
    if len(set(names)) < len(names):
        raise TableUnreadable(path, "it has an item twice")
    with np.errstate(over="ignore"):
        return names, np.asarray(rows, np.float32)

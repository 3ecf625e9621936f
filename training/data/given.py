"""Features that came with the data, a row an item, in a file of numpy's."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from model.content import BoolArray, FloatArray
from model.encoders.given import GivenEncoder
from model.encoders.spec import Kind, hash_file
from model.plain.bad_rows import BadRows
from model.plain.errors import TableUnreadable

_CHUNK = 1024  # rows that are in memory twice while they are read


@dataclass(frozen=True, slots=True)
class GivenFeatures:
    """One modality's file."""

    path: Path
    rows: int
    encoder: GivenEncoder

    def read(self, rows: NDArray[np.intp], item_ids: Sequence[str], bad: BadRows) -> tuple[FloatArray, BoolArray]:
        """
        The features of some items.

        A row of zeros is a modality that the item lacks; so is one that is not finite, which counts as bad.

        Args:
            rows: (B,) of the file.
            item_ids: B, to name what is bad.

        Returns:
            (B, dim) float32, rows of length 1, zeros where missing; and (B,) which are there.
        """
        values = np.zeros((len(rows), self.encoder.spec.dim), np.float32)
        lengths = np.zeros(len(rows))
        for start in range(0, len(rows), _CHUNK):
            part = slice(start, start + _CHUNK)
            values[part], lengths[part] = _to_length_one(_take(self.path, rows[part]))
        self._note(lengths, item_ids, bad)
        return values, np.isfinite(lengths) & (lengths > 0)

    def _note(self, lengths: NDArray[np.float64], item_ids: Sequence[str], bad: BadRows) -> None:
        for at in np.flatnonzero(~np.isfinite(lengths)).tolist():
            bad.note(f"{self.path.name} is not finite", item_ids[at])
        for at in np.flatnonzero(lengths == 0).tolist():
            bad.remark(f"{self.path.name} is all zeros: missing", item_ids[at])


def open_features(path: Path, kind: Kind) -> GivenFeatures:
    """
    A file of features, its shape checked and its bytes hashed; its numbers are read later.

    Raises:
        TableUnreadable: it is no table of numbers.
    """
    rows, dim = _open(path).shape
    return GivenFeatures(path, rows, GivenEncoder(kind, dim, {path.name: hash_file(path)}))


def _open(path: Path) -> NDArray[Any]:
    """(I, d), on disk."""
    try:
        values: NDArray[Any] = np.load(path, mmap_mode="r", allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        raise TableUnreadable(path, str(error)) from error
    if values.ndim != 2 or not values.size or values.dtype.kind not in "fiu":
        raise TableUnreadable(path, f"it must hold a row of numbers an item, and holds {values.dtype} of shape {values.shape}")
    return values


def _take(path: Path, rows: NDArray[np.intp]) -> NDArray[Any]:
    """Some rows. The file is opened anew for them: what is read of a mapped one stays in memory as long as it is open."""
    return np.asarray(_open(path)[rows])


def _to_length_one(rows: NDArray[Any]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The rows, zeros where they cannot be scaled, and the lengths that they had."""
    values = rows.astype(np.float64)
    with np.errstate(over="ignore", invalid="ignore"):
        lengths = np.sqrt(np.einsum("bd,bd->b", values, values))
        usable = np.isfinite(lengths) & (lengths > 0)
    values[~usable] = 0
    return values / np.where(usable, lengths, 1)[:, None], lengths

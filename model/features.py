"""What encoders make of items, dense or sparse, one array a modality."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Self, TypeAlias

import numpy as np
import scipy.sparse as sp
import torch
from numpy.typing import NDArray
from torch import Tensor

from model.content import BoolArray, FloatArray

Encoding: TypeAlias = Any
"""(B, d) float32: a numpy array, or a `scipy.sparse.csr_array` where nearly all is zero."""


@dataclass(frozen=True, slots=True)
class Features:
    """
    Encoders' output for some items, one array a modality, in the network's order.

    A row of a missing modality is all zeros, and `present` says so.
    """

    values: tuple[Encoding, ...]
    """M arrays, (B, d_m) float32, rows of length 1."""
    present: BoolArray
    """(B, M) bool."""

    def __len__(self) -> int:
        return len(self.present)

    def take(self, rows: NDArray[np.intp] | slice) -> Self:
        """The features of some rows, in their order."""
        return type(self)(tuple(value[rows] for value in self.values), self.present[rows])

    def tensors(self, device: torch.device | str = "cpu") -> tuple[list[Tensor], Tensor]:
        """What the network takes: M tensors (B, d_m), sparse ones in COO layout, and (B, M) bool."""
        return [to_tensor(value).to(device) for value in self.values], torch.from_numpy(self.present).to(device)


def to_tensor(encoding: Encoding) -> Tensor:
    """The same numbers as a tensor; a sparse array stays sparse."""
    if not isinstance(encoding, sp.csr_array):
        return torch.from_numpy(np.ascontiguousarray(encoding))
    rows = np.repeat(np.arange(encoding.shape[0]), np.diff(encoding.indptr))
    places = torch.from_numpy(np.stack([rows, encoding.indices]).astype(np.int64))
    values = torch.from_numpy(np.array(encoding.data, np.float32))
    return torch.sparse_coo_tensor(places, values, encoding.shape, check_invariants=False, is_coalesced=True)


def stack(encodings: Sequence[Encoding]) -> Encoding:
    """Rows of several encodings of one modality, one below the other."""
    return sp.vstack(encodings, format="csr") if isinstance(encodings[0], sp.csr_array) else np.concatenate(encodings)


def spread_rows(encoding: Encoding, rows: NDArray[np.intp], size: int) -> Encoding:
    """An encoding of `size` items that has the given rows at these places and zeros elsewhere."""
    if isinstance(encoding, sp.csr_array):
        place = sp.csr_array((np.ones(len(rows), np.float32), (rows, np.arange(len(rows)))), shape=(size, len(rows)))
        return sp.csr_array(place @ encoding)
    values = np.zeros((size, encoding.shape[1]), np.float32)
    values[rows] = encoding
    return values


def mean_rows(encoding: Encoding, counts: NDArray[np.intp]) -> Encoding:
    """
    Means of runs of rows, of length 1 again as encoders give them.

    Args:
        encoding: (N, d) rows of length 1.
        counts: (B,) int, 1 or more: how many rows each run has; they sum to N.

    Returns:
        (B, d) float32; zeros where a run's rows cancel each other out.
    """
    owners = np.repeat(np.arange(len(counts)), counts)
    places = (np.ones(len(owners), np.float32), (owners, np.arange(len(owners))))
    total = sp.csr_array(places, shape=(len(counts), len(owners))) @ encoding
    lengths = np.sqrt(np.asarray((total * total).sum(axis=1)))
    scale = np.divide(1, lengths, out=np.zeros_like(lengths), where=lengths > 0)
    scaled = sp.diags_array(scale) @ total
    return sp.csr_array(scaled.astype(np.float32)) if isinstance(encoding, sp.csr_array) else scaled.astype(np.float32)


def row_to_bytes(encoding: Encoding, row: int) -> bytes:
    """One item's features as stores and caches keep them: float32s, of a sparse row after their int32 positions."""
    if not isinstance(encoding, sp.csr_array):
        return np.ascontiguousarray(encoding[row], np.float32).tobytes()
    found = slice(encoding.indptr[row], encoding.indptr[row + 1])
    return bytes(encoding.indices[found].astype(np.int32).tobytes() + encoding.data[found].astype(np.float32).tobytes())


def is_row(data: bytes, dim: int, *, sparse: bool) -> bool:
    """Whether bytes can be what `row_to_bytes` makes of an item that has the modality: of the right length, within the width."""
    if not sparse:
        return len(data) == 4 * dim
    return len(data) % 8 == 0 and bool((np.frombuffer(data[: len(data) // 2], np.int32) < dim).all())


def rows_of_bytes(rows: Sequence[bytes | None], dim: int, *, sparse: bool) -> Encoding:
    """The opposite of `row_to_bytes` for many items; None is a missing modality's row of zeros."""
    if sparse:
        return _sparse_rows([data or b"" for data in rows], dim)
    values: FloatArray = np.zeros((len(rows), dim), np.float32)
    for row, data in enumerate(rows):
        if data is not None:
            values[row] = np.frombuffer(data, np.float32)
    return values


def _sparse_rows(rows: Sequence[bytes], dim: int) -> Encoding:
    indptr = np.concatenate([[0], np.cumsum([len(data) // 8 for data in rows])])
    indices = np.concatenate([np.zeros(0, np.int32), *(np.frombuffer(data[: len(data) // 2], np.int32) for data in rows)])
    values = np.concatenate([np.zeros(0, np.float32), *(np.frombuffer(data[len(data) // 2 :], np.float32) for data in rows)])
    return sp.csr_array((values, indices, indptr), shape=(len(rows), dim), dtype=np.float32)

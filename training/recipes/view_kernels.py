"""
The kernels of a view's lenses, between some items and its landmarks, a chunk of items at a time.

An item that lacks a modality is like no other in it: its kernel is 0, and what is predicted of the item is predicted by
the other kernels.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import scipy.sparse as sp
import torch
from numpy.typing import NDArray

from model.content import BoolArray, FloatArray
from model.experts import LandmarkLens, Lens, Mixture
from model.features import Encoding, to_tensor

CHUNK = 512


@dataclass(frozen=True, slots=True)
class ViewItems:
    """What a view can learn from: its lenses, placed, and the warm items that have any of what it reads."""

    name: str
    mixture: Mixture
    positions: tuple[int, ...]
    """Of its modalities among the network's."""
    rows: NDArray[np.intp]
    """(N,) rising, of the warm items."""
    encodings: tuple[Encoding, ...]
    """Their features, one a lens, zeros where an item lacks the modality."""
    landmarks: NDArray[np.intp]
    """Which of them, by position in `rows`, are landmarks."""

    def heard(self) -> BoolArray:
        """(N,): the items that show anything of what the lenses were placed on."""
        pairs = zip(self.mixture.typed_lenses(), self.encodings, strict=True)
        found = [lens.knows(to_tensor(encoding)).numpy() & has_content(encoding) for lens, encoding in pairs]
        return np.asarray(np.any(found, axis=0), np.bool_)


def make_folds(count: int, folds: int, random: np.random.Generator) -> list[NDArray[np.intp]]:
    """Rows split into parts of about equal size, at random."""
    return [np.sort(part).astype(np.intp) for part in np.array_split(random.permutation(count), min(folds, count))]


class ViewKernels:
    """One kernel a lens, lens weights included; nothing of items times landmarks is kept."""

    def __init__(self, mixture: Mixture, encodings: Sequence[Encoding], landmarks: NDArray[np.intp]) -> None:
        """
        Args:
            mixture: its lenses are placed already.
            encodings: (N, d) of the view's warm items, one a lens, zeros where an item lacks the modality.
            landmarks: rows of the items that are landmarks.
        """
        self.landmarks = landmarks
        self._lenses, self._encodings = mixture.typed_lenses(), encodings
        self._points = [
            None if isinstance(lens, LandmarkLens) else _see_all(lens, encoding[landmarks])
            for lens, encoding in zip(self._lenses, encodings, strict=True)
        ]
        self._there = [has_content(encoding[landmarks]).astype(np.float32) for encoding in encodings]

    def chunks(self, rows: NDArray[np.intp]) -> Iterator[tuple[slice, list[FloatArray]]]:
        """Places among the rows, and one kernel (C, L) a lens between these items and the landmarks."""
        for start in range(0, len(rows), CHUNK):
            part = slice(start, start + CHUNK)
            yield part, self.of([encoding[rows[part]] for encoding in self._encodings])

    def whole(self, rows: NDArray[np.intp]) -> list[FloatArray]:
        """One kernel (rows, L) a lens."""
        parts = [kernels for _, kernels in self.chunks(rows)]
        return [np.concatenate(columns) for columns in zip(*parts, strict=True)]

    def of(self, encodings: Sequence[Encoding]) -> list[FloatArray]:
        """The same for other items, by their encodings."""
        found = []
        for lens, encoding, points, there in zip(self._lenses, encodings, self._points, self._there, strict=True):
            seen = see(lens, encoding)
            found.append(seen * there if points is None else np.asarray((points @ seen.T).T, np.float32))
        return found


class KnownKernel:
    """A kernel between a few items, all of them landmarks, as `ViewKernels` would make it."""

    def __init__(self, kernel: FloatArray) -> None:
        """
        Args:
            kernel: (L, L).
        """
        self.landmarks = np.arange(len(kernel), dtype=np.intp)
        self._kernel = kernel

    def chunks(self, rows: NDArray[np.intp]) -> Iterator[tuple[slice, list[FloatArray]]]:
        """All rows at once, and what is between these items and all."""
        yield slice(0, len(rows)), self.whole(rows)

    def whole(self, rows: NDArray[np.intp]) -> list[FloatArray]:
        """One kernel (rows, L)."""
        return [self._kernel[rows]]


Kernels: TypeAlias = ViewKernels | KnownKernel
"""What is between items and landmarks, all lenses' together or one by one."""


@torch.inference_mode()
def see(lens: Lens, encoding: Encoding) -> FloatArray:
    """(B, R): what experts see through a lens."""
    seen: FloatArray = lens(to_tensor(encoding)).numpy()
    return seen


def has_content(encoding: Encoding) -> BoolArray:
    """(N,): which items' rows are not all zeros."""
    if isinstance(encoding, sp.csr_array):
        return np.asarray(np.diff(encoding.indptr) > 0, np.bool_)
    return np.asarray((encoding != 0).any(axis=1), np.bool_)


def _see_all(lens: Lens, encoding: Encoding) -> sp.csr_array:
    """(L, R) sparse: what a lens that sees few places of many shows of the landmarks."""
    parts = [sp.csr_array(see(lens, encoding[at : at + CHUNK])) for at in range(0, encoding.shape[0], CHUNK)]
    return sp.csr_array(sp.vstack(parts, "csr"))

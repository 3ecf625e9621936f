"""Vectors in FAISS's memory, dense, written in place."""

from collections.abc import Iterator

import faiss
import numpy as np
from numpy.typing import NDArray

from model.content import BoolArray, FloatArray

_MOST_PRODUCTS = 2**23  # held at a time
_MOST_COPIED = 2**16  # rows, out of their order
_CLASS, _CLASSES_A_PLACE = 128, 8
"""Rows of a class at most; of few rows so many classes for each place: then most of the k best lie in classes of their own."""
_ROUNDING = 1e-5
_LOWEST = np.finfo(np.float32).min
"""Above what stands for a row that may not be returned."""


class Block:
    """
    (n, W) float32 rows. Many may read at a time; a change must be alone.

    FAISS itself can neither replace nor remove a row without touching every row: here a row is written over, and the
    last one fills the place of a removed one.
    """

    def __init__(self, width: int) -> None:
        self._flat = faiss.IndexFlatIP(width)
        self._width = width

    def __len__(self) -> int:
        return int(self._flat.ntotal)

    def add(self, rows: FloatArray) -> None:
        """(m, W) at the end."""
        self._flat.add(rows)

    def fill(self, row: int) -> None:
        """Moves the last row to `row` and drops it there."""
        last = len(self) - 1
        view = self.view()
        view[row] = view[last]
        self._flat.codes.resize(last * self._flat.code_size)
        self._flat.ntotal = last

    def view(self) -> FloatArray:
        """The rows themselves, to read and to write; an add may move them, so never keep it."""
        rows: FloatArray = faiss.rev_swig_ptr(self._flat.get_xb(), len(self) * self._width).reshape(len(self), self._width)
        return rows

    def search(self, vector: FloatArray, k: int, allowed: BoolArray | None) -> tuple[list[float], list[int]]:
        """
        The k best products of a (W,) vector, best first, and their rows; fewer where fewer are allowed.

        Args:
            allowed: (n,) rows that may be returned, or None for every row.
        """
        parameters = None
        if allowed is not None:
            bits = np.packbits(allowed, bitorder="little")
            # A fresh object a call: FAISS writes into it.
            selector = faiss.IDSelectorBitmap(bits)  # type: ignore[call-arg, arg-type]  # its stub shows the C++ side
            parameters = faiss.SearchParameters(sel=selector)  # type: ignore[call-arg]
        scores, rows = self._flat.search(vector[None], k, params=parameters)
        found = rows[0] >= 0  # FAISS pads short answers with -1
        return scores[0][found].tolist(), rows[0][found].tolist()

    def all_products(self, vectors: FloatArray, rows: NDArray[np.int64] | None) -> Iterator[FloatArray]:
        """(r,) for each of (B, W) vectors: its products with some rows, or with every one, up to rounding those of `search`."""
        count = len(self) if rows is None else len(rows)
        at_once = max(1, _MOST_PRODUCTS // max(1, count))
        for first in range(0, len(vectors), at_once):
            yield from self._all_products(vectors[first : first + at_once], rows)

    def _all_products(self, vectors: FloatArray, rows: NDArray[np.int64] | None) -> FloatArray:
        held = self.view()
        if rows is None:
            return vectors @ held.T
        parts = (rows[first : first + _MOST_COPIED] for first in range(0, max(1, len(rows)), _MOST_COPIED))
        return np.concatenate([vectors @ held[part].T for part in parts], axis=1)

    def products(self, vector: FloatArray, rows: NDArray[np.int64]) -> FloatArray:
        """(r,) products with some rows, bit for bit those of `search`."""
        found = np.empty(len(rows), np.float32)
        if not len(rows):
            return found
        vector, rows = np.ascontiguousarray(vector, np.float32), np.ascontiguousarray(rows, np.int64)
        places = (faiss.swig_ptr(found), faiss.swig_ptr(vector), self._flat.get_xb(), faiss.swig_ptr(rows))
        faiss.fvec_inner_products_by_idx(*places, self._width, 1, len(rows))  # type: ignore[attr-defined]  # not in its stub
        return found


def may_be_best(scores: FloatArray, k: int) -> NDArray[np.int64]:
    """
    Rows among which the k best are for certain, ties at the k-th place and what rounding may have lowered included.

    The rows are dealt out to classes in turn. The k-th highest of the classes' highest scores is reached by k rows at least: so
    a pass over the scores finds the few classes that have any, where a selection of the k best would move all rows.
    """
    size = min(_CLASS, max(1, len(scores) // (_CLASSES_A_PLACE * k)))
    whole = len(scores) // size * size
    classes = scores[:whole].reshape(size, -1)  # (size, C): numpy compares whole rows of it at a time
    highest = classes.max(axis=0)
    if len(highest) <= k:
        return np.flatnonzero(scores > -np.inf)
    least = np.partition(highest, len(highest) - k)[len(highest) - k]
    least -= _ROUNDING * max(1.0, float(np.abs(highest[highest > -np.inf]).max(initial=0.0)))
    least = max(least, _LOWEST)
    reached = np.flatnonzero(highest >= least)
    at, of = np.nonzero(classes[:, reached] >= least)
    return np.concatenate([at * len(highest) + reached[of], whole + np.flatnonzero(scores[whole:] >= least)])

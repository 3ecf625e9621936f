"""How the users who like an item are spread, each without what its own like of the item put into it."""

from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from model.content import FloatArray


@dataclass(frozen=True, slots=True)
class Tellers:
    """What users tell of the items that they like: `weights * (values - parts of the item)`."""

    values: FloatArray
    """(U, F)."""
    parts: FloatArray
    """(I, F): what a like of each item put into its user's values. Nobody tells where an item lies by way of itself."""
    weights: NDArray[np.floating]
    """(U,)."""


class Audiences:
    """The users of each item, by (U, I) likes."""

    def __init__(self, likes: sp.csr_array) -> None:
        self._likes = likes
        self._people = sp.csr_array(likes.T)
        self.counts: NDArray[np.float64] = np.asarray(likes.sum(axis=0), np.float64).ravel()
        """(I,)."""
        self._free = max(1.0, float(self.counts.sum() - (self.counts > 0).sum()))

    def sums(self, tellers: Tellers) -> NDArray[np.float64]:
        """(I, F): what each item's users tell, summed."""
        weights = tellers.weights.astype(np.float64)
        told = self._people @ (tellers.values * weights[:, None])
        return np.asarray(told - tellers.parts * (self._people @ weights)[:, None])

    def size(self, tellers: Tellers) -> float:
        """The sum of squares of what users tell, own parts included, on average over all likes: the scale of rounding."""
        squares = (tellers.values.astype(np.float64) ** 2).sum(axis=1) * tellers.weights.astype(np.float64) ** 2
        return float(np.asarray(self._likes.sum(axis=1)).ravel() @ squares) / self._free

    def covary(self, one: Tellers, other: Tellers) -> NDArray[np.float64]:
        """(F, G): how two things that the same users tell covary within an audience, pooled over all likes."""
        weights = (one.weights * other.weights).astype(np.float64)
        mine, theirs = (each.values.astype(np.float64) * weights[:, None] for each in (one, other))
        deeds = np.asarray(self._likes.sum(axis=1), np.float64).reshape(-1, 1)
        around = (mine * deeds).T @ other.values
        around -= (self._people @ mine).T @ other.parts + one.parts.T @ (self._people @ theirs)
        around += (one.parts * (self._people @ weights)[:, None]).T @ other.parts
        middle = (self.sums(one) / np.maximum(self.counts, 1)[:, None]).T @ self.sums(other)
        return np.asarray((around - middle) / self._free)

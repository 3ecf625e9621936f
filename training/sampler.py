"""Pairs of what a user liked and what it did not, drawn from warm items alone."""

from collections.abc import Iterator

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from model.content import BoolArray
from model.errors import ColdItemInTraining


class PairSampler:
    """
    Every like once an epoch, in a random order, each with one warm item that the user does not like.

    Raises:
        ColdItemInTraining: when made with likes of a cold item, or asked for a batch that holds one.
    """

    def __init__(self, likes: sp.csr_array, is_cold: BoolArray, seed: int) -> None:
        """
        Args:
            likes: (U, I), an entry for a like.
            is_cold: (I,) bool.
        """
        self._users = np.repeat(np.arange(likes.shape[0]), np.diff(likes.indptr))
        self._items = likes.indices.astype(np.int64)
        self._is_cold, self._count = is_cold, likes.shape[1]
        self._refuse(self._items)
        self._warm = np.flatnonzero(~is_cold)
        self._keys = np.sort(self._users * self._count + self._items)
        self._random = np.random.default_rng(seed)

    def __len__(self) -> int:
        return len(self._items)

    def epoch(self, batch: int) -> Iterator[tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]]:
        """Users, liked items and other items, (B,) each; the last batch may be shorter."""
        order = self._random.permutation(len(self._items))
        for start in range(0, len(order), batch):
            rows = order[start : start + batch]
            users, liked, other = self._users[rows], self._items[rows], self._draw_others(self._users[rows])
            self._refuse(liked)
            self._refuse(other)
            yield users, liked, other

    def _draw_others(self, users: NDArray[np.int64]) -> NDArray[np.int64]:
        """Uniform over the warm items that a user does not like; a user who likes nearly all may keep a liked one."""
        drawn = self._random.choice(self._warm, len(users))
        for _ in range(20):
            again = np.flatnonzero(self._likes(users, drawn))
            if not len(again):
                break
            drawn[again] = self._random.choice(self._warm, len(again))
        return drawn

    def _likes(self, users: NDArray[np.int64], items: NDArray[np.int64]) -> BoolArray:
        keys = users * self._count + items
        at = np.minimum(np.searchsorted(self._keys, keys), len(self._keys) - 1)
        found: BoolArray = self._keys[at] == keys
        return found

    def _refuse(self, items: NDArray[np.int64]) -> None:
        cold = items[self._is_cold[items]]
        if len(cold):
            raise ColdItemInTraining(np.unique(cold).tolist())

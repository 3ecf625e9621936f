"""What is known of each item's audience: sums over the users who had to do with it, led along as these users move."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from model.content import FloatArray
from model.fold_in import FoldIn
from model.thawing import Evidence
from service.thawing.columns import Columns
from service.thawing.pairs import RowIds
from service.thawing.reactions import Numbers

_SMALLEST = 1e-9
COUNTS = ("acted", "acted_own", "passed", "passed_own")


@dataclass(frozen=True, slots=True)
class Served:
    """What the index is to hold of N items."""

    item_ids: Sequence[str]
    embeddings: FloatArray
    """(N, D)."""
    coldness: FloatArray
    """(N,) in [0, 1]: 0 for a warm item, 1 for a cold one, and for a thawing one what is left of it."""


def audience_columns(factors: int) -> dict[str, tuple[type, int]]:
    """
    What an item's row holds of its audience, for those who acted and for those who passed.

    Their weights; the sum of their readings; and how many steps of the item itself are in that sum, so that they can
    be taken out of it: nobody's reaction to an item tells where the item lies by way of itself.
    """
    sums: dict[str, tuple[type, int]] = {"acted_sum": (np.float64, factors), "passed_sum": (np.float64, factors)}
    return dict.fromkeys(COUNTS, (np.float64, 0)) | sums


def pair_columns() -> dict[str, tuple[type, int]]:
    """What a pair's row holds of itself as it is in its item's sums."""
    return {"in_acted": (np.float64, 0), "in_passed": (np.float64, 0), "in_own": (np.float64, 0)}


@dataclass(frozen=True, slots=True)
class Tellers:
    """Users as they count in an audience."""

    readings: FloatArray
    """(U, F)."""
    sizes: FloatArray
    """(U,): what their tastes were divided by; 0 for a user that is in no audience yet."""

    @classmethod
    def of(cls, fold_in: FoldIn, tastes: FloatArray) -> "Tellers":
        """Users by their (U, F) tastes."""
        return cls(fold_in.readings(tastes), fold_in.deviations(tastes))


class AudienceUpdate:
    """Replaces some users' contributions to their items' audience sums: subtracts the old ones, adds the new."""

    def __init__(self, items: Columns, pairs: Columns, rows: RowIds, user: RowIds) -> None:
        """
        Args:
            rows: (R,) the pairs' rows.
            user: (R,) which of the users each pair is of, from 0.
        """
        self._items, self._pairs, self._rows, self._user = items, pairs, rows, user
        self.touched, self._at = np.unique(pairs["item"][rows], return_inverse=True)

    def exchange(self, before: Tellers, after: Tellers, own: Numbers) -> None:
        """
        Args:
            before: the users as they are in the sums.
            after: what they are from now on.
            own: (R,) how many steps of its own item each pair has in its user's taste.
        """
        pairs, rows = self._pairs, self._rows
        weight, moved = pairs["weight"][rows], {}
        moved["acted"] = np.clip(weight, 0.0, 1.0)
        silent = (weight == 0) & ~pairs["liked"][rows]
        moved["passed"] = ((pairs["events"][rows] > 0) & (silent | (weight < 0))).astype(np.float64)
        for name, now in moved.items():
            self._add(name, pairs[f"in_{name}"][rows], pairs["in_own"][rows], before, -1.0)
            self._add(name, now, own, after, 1.0)
            pairs[f"in_{name}"][rows] = now
        pairs["in_own"][rows] = own

    def _add(self, name: str, weight: Numbers, own: Numbers, users: Tellers, sign: float) -> None:
        size = len(self.touched)
        spread = sp.csr_array((sign * weight, (self._at, self._user)), shape=(size, len(users.sizes)))
        self._items[f"{name}_sum"][self.touched] += spread @ users.readings.astype(np.float64)
        self._items[name][self.touched] += np.bincount(self._at, sign * weight, size)
        self._items[f"{name}_own"][self.touched] += np.bincount(
            self._at, sign * weight * own / np.maximum(users.sizes, _SMALLEST)[self._user], size
        )


def evidence_of(items: Columns, rows: RowIds) -> Evidence:
    """What N items' events say, each user without its own event on the item."""

    def summed(name: str) -> FloatArray:
        own = items[f"{name}_own"][rows, None] * items["step"][rows]
        return np.asarray(items[f"{name}_sum"][rows] - own, np.float32)

    def counted(name: str) -> FloatArray:
        return np.asarray(items[name][rows], np.float32)

    return Evidence(counted("acted"), summed("acted"), counted("passed"), summed("passed"), counted("trained"))


def clear_audience(items: Columns, rows: RowIds) -> None:
    """Nobody is left: exactly nothing, whatever rounding left there."""
    names: list[str] = [*COUNTS, "acted_sum", "passed_sum"]
    for name in names:
        column: NDArray[Any] = items[name]
        column[rows] = 0

"""What users did in training, as a checkpoint keeps it: with the items that it learned, and with those that it held out."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from model.content import FloatArray


@dataclass(frozen=True, slots=True)
class Interactions:
    """What each of some users did, as rows of some items."""

    indptr: NDArray[np.int64]
    """(U + 1,): user u's interactions are `indptr[u] : indptr[u + 1]` of the arrays below."""
    items: NDArray[np.int32]
    weights: FloatArray
    """Above 0: a positive. 0: seen, and no positive."""

    def seen_by(self, user: int) -> NDArray[np.int32]:
        """Rows of the items that a user had, positives or not."""
        return self.items[self.indptr[user] : self.indptr[user + 1]]

    def to_arrays(self) -> dict[str, NDArray[np.generic]]:
        """By name, as `read` takes them."""
        return {"indptr": self.indptr, "items": self.items, "weights": self.weights}

    @classmethod
    def read(cls, arrays: Mapping[str, NDArray[np.generic]]) -> "Interactions":
        """
        Raises:
            KeyError: an array is missing.
        """
        indptr, items, weights = (arrays[name] for name in ("indptr", "items", "weights"))
        return cls(np.asarray(indptr, np.int64), np.asarray(items, np.int32), np.asarray(weights, np.float32))


def no_interactions() -> Interactions:
    """Nobody's."""
    return Interactions(np.zeros(1, np.int64), np.zeros(0, np.int32), np.zeros(0, np.float32))


@dataclass(frozen=True, slots=True)
class History:
    """
    Interactions with the names of their users and items.

    A checkpoint learns from the warm items alone. What users did with those that it held out it keeps this way for the next
    training; to itself and to its lists these items are as new as any other.
    """

    user_ids: Sequence[str] = ()
    item_ids: Sequence[str] = ()
    interactions: Interactions = field(default_factory=no_interactions)

    def rows(self) -> Iterator[tuple[str, str, float]]:
        """User, item and weight of each interaction, user by user."""
        kept = self.interactions
        for row, user_id in enumerate(self.user_ids):
            for at in range(kept.indptr[row], kept.indptr[row + 1]):
                yield user_id, self.item_ids[kept.items[at]], float(kept.weights[at])

"""Where a catalogue's embeddings lie and how far apart: what makes scores of different users comparable."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from model.content import FloatArray
from model.score_deviations import score_deviations


@dataclass(frozen=True, slots=True)
class Moments:
    """
    Mean and covariance of the embeddings of a catalogue.

    A user's scores over the catalogue have the mean `u·μ` and the deviation `√(uᵀ S u)`.
    """

    mean: NDArray[np.float64]
    """(D,)."""
    covariance: NDArray[np.float64]
    """(D, D)."""

    def mean_scores(self, users: FloatArray) -> NDArray[np.float64]:
        """(B, D) users to (B,): the mean of each one's scores."""
        return np.asarray(users @ self.mean)

    def deviations(self, users: FloatArray) -> NDArray[np.float64]:
        """(B, D) users to (B,): the deviation of each one's scores, above 0."""
        return np.asarray(score_deviations(users, self.covariance), np.float64)


class RunningMoments:
    """Sums that follow every row as it comes, changes and goes; not safe beside a writer."""

    def __init__(self, dim: int) -> None:
        self._count = 0
        self._sum = np.zeros(dim)
        self._squares = np.zeros((dim, dim))
        self._taken: Moments | None = None

    def add(self, rows: FloatArray) -> None:
        """(n, D) more."""
        self._change(rows, 1)

    def take(self, rows: FloatArray) -> None:
        """(n, D) that were added leave again."""
        self._change(rows, -1)

    def now(self) -> Moments:
        """Zeros for an empty catalogue."""
        if self._taken is None:
            count = max(self._count, 1)
            mean = self._sum / count
            self._taken = Moments(mean, self._squares / count - np.outer(mean, mean))
        return self._taken

    def _change(self, rows: FloatArray, sign: int) -> None:
        exact = rows.astype(np.float64)
        self._count += sign * len(rows)
        self._sum += sign * exact.sum(axis=0)
        self._squares += sign * (exact.T @ exact)
        self._taken = None

"""What a checkpoint needs to thaw items (`model.thawing`), fitted on warm items that were held out as if cold."""

from dataclasses import dataclass

import numpy as np
import scipy.linalg
import scipy.sparse as sp
from numpy.typing import NDArray

from model.content import FloatArray
from training.errors import Diverged
from training.recipes.audiences import Audiences, Tellers
from training.recipes.regression import regress

EXPOSURE_RATE = 0.1
"""How often exposure leads to acting before an item's own exposures say more."""
EXPOSURE_STRENGTH = 20.0
"""How many exposures that guess is worth."""
CAUTION = 2.0
"""How much more an audience's tastes are taken to vary than they do: few people are trusted a little less."""
ENOUGH_LIKES = 20.0
"""Likes a user from which on that is caution enough; below, it grows with the square of how many times fewer there are."""
_FEWEST = 5
"""People in the audience of an item that says something of audiences."""
_HALF = 30.0
"""An audience of so many people counts half as much as one without end."""
_SMALLEST_RATIO = 0.005
"""A coordinate in which less than this is told from chance would go on moving with every event."""


@dataclass(frozen=True, slots=True)
class HeldOut:
    """Warm items that were held out as if cold."""

    rows: NDArray[np.intp]
    """(H,)."""
    predicted: FloatArray
    """(H, D): where their content put them."""
    learned: FloatArray
    """(H, D): where their likes put them."""


@dataclass(frozen=True, slots=True)
class Origin:
    """Learned items as sums over the users who like them: `scales * sum of (values)`, up to what is the same for all."""

    tellers: Tellers
    scales: FloatArray
    """(I, F)."""


def fit_thawing(likes: sp.csr_array, readings: Tellers, held: HeldOut, origin: Origin | None = None) -> dict[str, FloatArray]:
    """
    Estimates the arrays of `model.thawing` from held-out warm items: a ridge regression from predicted embedding to audience
    mean, and the generalised eigenbasis in which W is the identity and C_rr diagonal.

    C_rr is the covariance of the regression's residuals less what of it is chance: W times the mean of 1 / n over the
    audiences of n people. C_re is their covariance with content's error, less what of that is chance: the same people's
    tastes are in the mean of an audience and in what was learned of the item.

    Args:
        likes: (U, I).
        readings: of the users: tastes, and one over the deviations of their scores as weights.
        held: what content predicted of each item, and what its likes made of it.
        origin: how learned items came of users; None where that is not known, and nothing is taken off.

    Raises:
        Diverged: training left numbers that are none.
    """
    if not all(np.isfinite(values).all() for values in (readings.values, readings.weights, held.predicted, held.learned)):
        raise Diverged("embeddings")
    audiences = Audiences(likes)
    heard = _hear(audiences, readings, held)
    within = _positive(audiences.covary(readings, readings), audiences.size(readings))
    alike = heard.weighed.T @ heard.surprise - within * np.sum(heard.shares / np.maximum(heard.counts, 1))
    common = heard.weighed.T @ heard.errors
    if origin is not None:
        scales = origin.scales[heard.rows]
        common -= heard.weighed.T @ (scales * origin.tellers.parts[heard.rows] * heard.counts[:, None])
        common -= audiences.covary(readings, origin.tellers) * (heard.shares @ scales)
    ratio, basis = scipy.linalg.eigh(alike, be_cautious(likes) * within)  # basis' W basis = I, basis' C_rr basis = diag(ratio)
    arrays = {
        "thaw_reading": basis,
        "thaw_foretold": heard.slopes @ basis,
        "thaw_offset": heard.offset @ basis,
        "thaw_ratio": np.maximum(ratio, _SMALLEST_RATIO),
        "thaw_back": basis.T @ common,
        "thaw_everyone": (readings.values * readings.weights[:, None]).mean(axis=0),
        "thaw_rate": np.array([EXPOSURE_RATE, EXPOSURE_STRENGTH]),
    }
    return {name: np.asarray(value, np.float32) for name, value in arrays.items()}


def be_cautious(likes: sp.csr_array) -> float:
    """
    How much more an audience's tastes are taken to vary than they do.

    Users of few likes lie where those few items put them, and these lie where such users put them: an item's people seem to have
    more in common than they would with those who come to it later.
    """
    each = likes.nnz / max(int(np.count_nonzero(np.diff(likes.indptr))), 1)
    return float(CAUTION * max(1.0, ENOUGH_LIKES / max(each, 1.0)) ** 2)


@dataclass(frozen=True, slots=True)
class _Heard:
    """R held-out items whose audiences are large enough, beside what their content foretold."""

    rows: NDArray[np.intp]
    """(R,) among all items."""
    counts: NDArray[np.float64]
    """(R,): people in the audience."""
    shares: NDArray[np.float64]
    """(R,): how much each item counts; they sum to 1."""
    offset: NDArray[np.float64]
    """(F,)."""
    slopes: NDArray[np.float64]
    """(D, F): from a predicted embedding to the audience's mean."""
    surprise: NDArray[np.float64]
    """(R, F): the audience's mean less the foretold one."""
    errors: NDArray[np.float64]
    """(R, F): what was learned less what content predicted."""

    @property
    def weighed(self) -> NDArray[np.float64]:
        """(R, F): the surprise of each item, times its share."""
        return self.surprise * self.shares[:, None]


def _hear(audiences: Audiences, readings: Tellers, held: HeldOut) -> _Heard:
    told = audiences.counts[held.rows] >= _FEWEST
    told = told if told.sum() > 1 else audiences.counts[held.rows] > 0
    rows, predicted = held.rows[told], held.predicted[told].astype(np.float64)
    counts = audiences.counts[rows]
    means = audiences.sums(readings)[rows] / counts[:, None]  # (R, F)
    offset, slopes = regress(predicted, means)
    shares = counts / (counts + _HALF)
    errors = (held.learned[told] - predicted)[:, : means.shape[1]]
    return _Heard(rows, counts, shares / max(shares.sum(), 1e-12), offset, slopes, means - offset - predicted @ slopes, errors)


def _positive(covariance: NDArray[np.float64], size: float) -> NDArray[np.float64]:
    """The same, above what rounding takes off where all taste alike, or nothing is left without an own like."""
    floor = 1e-6 * max(size / len(covariance), 1e-12)
    return np.asarray(covariance + floor * np.eye(len(covariance)))

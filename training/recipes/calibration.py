"""
What a regression says of an item that it has not learned from, and how much of that is to be believed.

A like in a hundred users says little of the weaker factors, and content may say nothing of them: a regression with one ridge for
all of them predicts such a factor nearly as widely as it is spread, and what it predicts is noise. Each coordinate is therefore
multiplied by the slope of its targets on what is predicted of items that were left out.

Source: Breiman and Friedman, "Predicting Multivariate Responses in Multiple Linear Regression", JRSS B 1997, who shrink linear
    combinations of the responses that are found by how well they can be predicted; here they are the teacher's factors.
"""

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from model.content import FloatArray
from training.recipes.closed_form import ViewFit, centre_anew, invert_positive, with_ones

_NOTHING = 1e-12


@dataclass(frozen=True, slots=True)
class CalibratedFit:
    """A view's regression, each coordinate as large as it deserves."""

    coefficients: NDArray[np.float64]
    """(L, D) of the landmarks, learned from all items."""
    left_out: FloatArray
    """(N, K, D): what each expert says of every item, had it learned from all others."""
    slopes: FloatArray
    """(D,) what both were multiplied by."""

    @classmethod
    def of(cls, fit: ViewFit) -> Self:
        """Calibrates a regression by the items that it knows."""
        left_out = fit.left_out()
        slopes = find_slopes(left_out.sum(axis=1), fit.targets)
        return cls(fit.solve() * slopes, left_out * slopes, slopes)


def find_slopes(predicted: NDArray[np.floating], targets: NDArray[np.floating]) -> FloatArray:
    """
    (D,): by what (N, D) predictions must be multiplied to come nearest to their targets, offsets apart.

    Between 0, where a coordinate is not predicted at all, and 1: none becomes larger than the regression makes it.
    """
    centred = predicted - predicted.mean(axis=0)
    variances = (centred**2).sum(axis=0)
    told = variances > _NOTHING
    slopes = (centred * targets).sum(axis=0) / np.where(told, variances, 1)
    return np.asarray(np.where(told, np.clip(slopes, 0, 1), 1), np.float32)


def solve_calibrated(kernel: FloatArray, targets: FloatArray, ridge: float) -> FloatArray:
    """
    (L, D): coefficients of kernel ridge regression on few items, calibrated.

    With A the inverse of the ridged kernel and Y the targets, what all others say of an item is `Y - A Y / diag(A)`, by which the
    slopes are found as in `CalibratedFit`; in single precision.

    Args:
        kernel: (L, L), which is overwritten.
        targets: (L, D).
    """
    kernel[np.diag_indices_from(kernel)] += np.float32(ridge)
    inverse, wide = invert_positive(kernel), with_ones(targets).astype(np.float32)
    coefficients = inverse @ wide
    left_out = centre_anew(wide - coefficients / np.diag(inverse)[:, None], targets)
    return np.asarray(coefficients[:, :-1] * find_slopes(left_out, targets), np.float32)

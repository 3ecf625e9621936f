"""How much each modality weighs in a view, and how careful its experts are: found on warm items alone."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import scipy.linalg
from numpy.typing import NDArray

from model.content import FloatArray
from training.recipes.closed_form import make_folds

_STEP = 3.0
_RANGE = (1e-3, 1e3)


@dataclass(frozen=True, slots=True)
class Tuned:
    """A view's kernel weights and ridge."""

    weights: tuple[float, ...]
    """One a lens."""
    ridge: float
    error: float = float("inf")
    """Squared error out of fold, as a share of the targets' variance."""


def tune(kernels: Sequence[FloatArray], targets: FloatArray, *, folds: int, seed: int) -> Tuned:
    """
    Coordinate descent on the out-of-fold error over the weights and the ridge, by factors of three.

    Args:
        kernels: one (N, N) a lens, among the same items; N of a few thousand at most.
        targets: (N, D) centred, columns scaled by what they count.
    """
    parts = make_folds(len(targets), folds, seed)
    found = _measured(Tuned((1.0,) * len(kernels), 1.0), kernels, targets, parts)
    improved = True
    while improved:
        before = found.error
        for at in range(len(kernels) + 1):
            found = _best_along(at, found, kernels, targets, parts)
        improved = found.error < before - 1e-4
    return found


def _best_along(
    at: int, start: Tuned, kernels: Sequence[FloatArray], targets: FloatArray, parts: Sequence[NDArray[np.intp]]
) -> Tuned:
    """The best found by moving one number, up or down, while that helps; the last `at` is the ridge."""
    if at == 0 and len(kernels) == 1:
        return start  # with one lens its weight and the ridge say the same
    best = start
    for factor in (_STEP, 1 / _STEP):
        while (moved := _move(best, at, factor)) is not None:
            tried = _measured(moved, kernels, targets, parts)
            if tried.error >= best.error:
                break
            best = tried
    return best


def _move(tuned: Tuned, at: int, factor: float) -> Tuned | None:
    low, high = _RANGE
    value = (*tuned.weights, tuned.ridge)[at] * factor
    if not low <= value <= high:
        return None
    if at == len(tuned.weights):
        return replace(tuned, ridge=value)
    return replace(tuned, weights=(*tuned.weights[:at], value, *tuned.weights[at + 1 :]))


def _measured(tuned: Tuned, kernels: Sequence[FloatArray], targets: FloatArray, parts: Sequence[NDArray[np.intp]]) -> Tuned:
    total = sum((w * k for w, k in zip(tuned.weights, kernels, strict=True)), np.zeros_like(kernels[0]))
    squares = 0.0
    for fold in parts:
        others = np.setdiff1d(np.arange(len(targets)), fold)
        inner = total[np.ix_(others, others)]
        inner[np.diag_indices_from(inner)] += tuned.ridge
        mean = targets[others].mean(axis=0)
        solution = scipy.linalg.solve(inner, targets[others] - mean, assume_a="pos", overwrite_a=True, check_finite=False)
        squares += float(np.square(targets[fold] - mean - total[np.ix_(fold, others)] @ solution).sum())
    return replace(tuned, error=squares / float(np.square(targets - targets.mean(axis=0)).sum()))

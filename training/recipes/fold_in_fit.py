"""What a checkpoint needs to place users and to thaw items, fitted on warm items and their users."""

import numpy as np
import scipy.linalg
import scipy.sparse as sp
from numpy.typing import NDArray

from model.content import FloatArray

EXPOSURE_RATE = 0.1
"""How often exposure leads to acting before an item's own exposures say more."""
EXPOSURE_STRENGTH = 20.0
"""How many exposures that guess is worth."""
_FEWEST = 5
"""People in the audience of an item that says something of audiences."""
_SMALLEST_RATIO = 1e-4


def fit_thawing(
    likes: sp.csr_array, tastes: FloatArray, held_out: NDArray[np.intp], foreseen: FloatArray
) -> dict[str, FloatArray]:
    """
    How far content errs about an audience's mean taste, and how far a few people do.

    Args:
        likes: (U, I).
        tastes: (U, F) of the users.
        held_out: (H,) rows of items that were held out.
        foreseen: (H, F): where their content put them, in the space of taste.
    """
    counts = np.asarray(likes.sum(axis=0), np.float64).ravel()
    told = counts[held_out] >= _FEWEST
    rows = held_out[told]
    means = (likes.T @ tastes)[rows] / counts[rows, None]  # (R, F)
    within = _within(likes, tastes, counts)
    errors = means - foreseen[told]
    between = errors.T @ errors / max(1, len(errors)) - within * np.mean(1 / counts[rows]) if len(rows) else within * 0
    ratio, basis = scipy.linalg.eigh(between, within)  # basis' W basis = I, basis' P basis = diag(ratio)
    forward = basis.astype(np.float32)
    return {
        "thaw_reading": forward,
        "thaw_into": forward,
        "thaw_back": np.linalg.inv(basis).astype(np.float32),
        "thaw_ratio": np.maximum(ratio, _SMALLEST_RATIO).astype(np.float32),
        "thaw_everyone": tastes.mean(axis=0),
        "thaw_rate": np.array([EXPOSURE_RATE, EXPOSURE_STRENGTH], np.float32),
    }


def fit_from_embeddings(likes: sp.csr_array, users: FloatArray, items: FloatArray) -> dict[str, FloatArray]:
    """
    The same for a recipe that learned users and items freely: by ridge regressions between the two.

    One event moves a user as far as one of an average user's. Items are foreseen by the content that they were
    trained on, which makes content look surer than it is.

    Args:
        users, items: (U, D) and (I, D) trained embeddings.
    """
    deeds = np.asarray(likes.sum(axis=1), np.float32).reshape(-1, 1)
    prior = users.mean(axis=0)
    step = _ridge((likes @ items) / np.maximum(deeds, 1), users - prior) / max(1.0, float(deeds.mean()))
    counts = np.asarray(likes.sum(axis=0), np.float32).reshape(-1, 1)
    reading = _ridge((likes.T @ users) / np.maximum(counts, 1), items)
    thawing = fit_thawing(likes, users @ reading, np.arange(len(items)), items)
    nothing = np.zeros(users.shape[1], np.float32)
    return {
        **thawing,
        "prior": prior,
        "centre": nothing,
        "step": step,
        "rarity": nothing[:1],
        "thaw_growth": nothing[:2],
        "thaw_reading": reading @ thawing["thaw_reading"],
        "thaw_everyone": prior,
    }


def _ridge(inputs: FloatArray, outputs: FloatArray) -> FloatArray:
    """(D, D): from inputs to outputs, shrunk by a hundredth of the inputs' mean square."""
    gram = inputs.T @ inputs
    shrinkage = 0.01 * np.trace(gram) / len(gram) + 1e-9
    return np.asarray(np.linalg.solve(gram + shrinkage * np.eye(len(gram)), inputs.T @ outputs), np.float32)


def _within(likes: sp.csr_array, tastes: FloatArray, counts: NDArray[np.float64]) -> NDArray[np.float64]:
    """(F, F): the covariance of taste within an audience, pooled over all likes."""
    deeds = np.asarray(likes.sum(axis=1), np.float64).ravel()
    around = (tastes * deeds[:, None]).T @ tastes
    sums = (likes.T @ tastes).astype(np.float64)
    middle = (sums / np.maximum(counts, 1)[:, None]).T @ sums
    free = max(1.0, counts.sum() - (counts > 0).sum())
    pooled = (around - middle) / free
    floor = 1e-6 * max(np.trace(pooled) / len(pooled), 1e-12)
    covariance: NDArray[np.float64] = pooled + floor * np.eye(len(pooled))
    return covariance

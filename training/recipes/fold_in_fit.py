"""What a checkpoint needs to place users and to thaw items, fitted on warm items and their users."""

from dataclasses import dataclass

import numpy as np
import scipy.linalg
import scipy.sparse as sp
from numpy.typing import NDArray

from model.content import FloatArray
from model.fold_in import FoldIn
from training.errors import Diverged

EXPOSURE_RATE = 0.1
"""How often exposure leads to acting before an item's own exposures say more."""
EXPOSURE_STRENGTH = 20.0
"""How many exposures that guess is worth."""
CAUTION = 1.5
"""How much more an audience's tastes are taken to vary than they do: few people are trusted a little less."""
_FEWEST = 5
"""People in the audience of an item that says something of audiences."""
_SMALLEST_RATIO = 1e-6
_SHRINKAGE = 1e-3


@dataclass(frozen=True, slots=True)
class HeldOut:
    """Warm items that were held out as if cold."""

    rows: NDArray[np.intp]
    """(H,)."""
    foreseen: FloatArray
    """(H, D): where their content put them."""
    learned: FloatArray
    """(H, D): where their likes put them."""


def fit_thawing(likes: sp.csr_array, readings: FloatArray, held: HeldOut) -> dict[str, FloatArray]:
    """
    How content errs, and what an audience's taste tells of it.

    Args:
        likes: (U, I).
        readings: (U, F) of the users.

    Raises:
        Diverged: training left numbers that are none.
    """
    if not all(np.isfinite(values).all() for values in (readings, held.foreseen, held.learned)):
        raise Diverged("embeddings")
    counts = np.asarray(likes.sum(axis=0), np.float64).ravel()
    told = counts[held.rows] >= _FEWEST
    told = told if told.sum() > 1 else counts[held.rows] > 0
    rows, foreseen = held.rows[told], held.foreseen[told].astype(np.float64)
    means = (likes.T @ readings)[rows] / counts[rows, None]  # (R, F)
    offset, slopes = _regress(foreseen, means)
    surprise = means - offset - foreseen @ slopes
    errors = (held.learned[told] - foreseen)[:, : readings.shape[1]]
    within = _within(likes, readings, counts)
    alike = surprise.T @ surprise / max(1, len(rows)) - within * (np.mean(1 / counts[rows]) if len(rows) else 0)
    ratio, basis = scipy.linalg.eigh(alike, CAUTION * within)  # basis' W basis = I, basis' C_rr basis = diag(ratio)
    back = basis.T @ (surprise.T @ errors / max(1, len(rows)))
    arrays = {
        "thaw_reading": basis,
        "thaw_foretold": slopes @ basis,
        "thaw_offset": offset @ basis,
        "thaw_ratio": np.maximum(ratio, _SMALLEST_RATIO),
        "thaw_back": back,
        "thaw_everyone": readings.mean(axis=0),
        "thaw_rate": np.array([EXPOSURE_RATE, EXPOSURE_STRENGTH]),
    }
    return {name: np.asarray(value, np.float32) for name, value in arrays.items()}


def _regress(inputs: NDArray[np.floating], outputs: NDArray[np.floating]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Offset (F,) and slopes (D, F) of a ridge regression."""
    if not len(inputs):
        return np.zeros(outputs.shape[1]), np.zeros((inputs.shape[1], outputs.shape[1]))
    middle, centre = inputs.mean(axis=0), outputs.mean(axis=0)
    slopes = _ridge(inputs - middle, outputs - centre, _SHRINKAGE)
    return centre - middle @ slopes, slopes


def fit_from_embeddings(likes: sp.csr_array, users: FloatArray, items: FloatArray) -> dict[str, FloatArray]:
    """
    The same for a recipe that learned users and items freely: by ridge regressions between the two.

    One event moves a user as far as one of an average user's. Items are foreseen by the content that they were
    trained on, which makes content look surer than it is.

    Args:
        users, items: (U, D) and (I, D) trained embeddings.

    Raises:
        Diverged: some are no numbers.
    """
    if not (np.isfinite(users).all() and np.isfinite(items).all()):
        raise Diverged("embeddings")
    deeds = np.asarray(likes.sum(axis=1), np.float32).reshape(-1, 1)
    prior = users.mean(axis=0)
    step = _ridge((likes @ items) / np.maximum(deeds, 1), users - prior, 0.01) / max(1.0, float(deeds.mean()))
    arrays = {
        "prior": prior,
        "centre": np.zeros_like(prior),
        "step": np.asarray(step, np.float32),
        "rarity": np.zeros(1, np.float32),
    }
    held = HeldOut(np.arange(len(items)), items, _where_likes_put(likes, users, items))
    return {**arrays, **fit_thawing(likes, FoldIn(arrays).readings(users), held)}


def _where_likes_put(likes: sp.csr_array, users: FloatArray, items: FloatArray) -> FloatArray:
    """(I, D): items where the mean of those who like them foretells them."""
    counts = np.asarray(likes.sum(axis=0), np.float32).reshape(-1, 1)
    offset, slopes = _regress((likes.T @ users) / np.maximum(counts, 1), items)
    return np.asarray(offset + (likes.T @ users) / np.maximum(counts, 1) @ slopes, np.float32)


def _ridge(inputs: NDArray[np.floating], outputs: NDArray[np.floating], shrinkage: float) -> NDArray[np.float64]:
    """Slopes, shrunk by a share of the inputs' mean square."""
    gram = inputs.T.astype(np.float64) @ inputs
    gram[np.diag_indices_from(gram)] += shrinkage * np.trace(gram) / len(gram) + 1e-9
    slopes: NDArray[np.float64] = np.linalg.solve(gram, inputs.T @ outputs)
    return slopes


def _within(likes: sp.csr_array, tastes: FloatArray, counts: NDArray[np.float64]) -> NDArray[np.float64]:
    """(F, F): the covariance of taste within an audience, pooled over all likes."""
    tastes = tastes.astype(np.float64)  # rounding less finely is more than what little some directions have
    deeds = np.asarray(likes.sum(axis=1), np.float64).ravel()
    around = (tastes * deeds[:, None]).T @ tastes
    sums = likes.T @ tastes
    middle = (sums / np.maximum(counts, 1)[:, None]).T @ sums
    free = max(1.0, counts.sum() - (counts > 0).sum())
    pooled = (around - middle) / free
    floor = 1e-6 * max(np.trace(around) / free / len(pooled), 1e-12)  # above what rounding takes off where all taste alike
    covariance: NDArray[np.float64] = pooled + floor * np.eye(len(pooled))
    return covariance

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
    Estimates the arrays of `model.thawing` from held-out warm items: a ridge regression from predicted embedding to audience
    mean, and the generalised eigenbasis in which W is the identity and C_rr diagonal.

    W is taken `CAUTION` times as large as it is measured, and C_rr is the covariance of the regression's residuals less what
    of it is chance: W times the mean of 1 / n over the audiences of n people.

    Args:
        likes: (U, I).
        readings: (U, F) of the users: `FoldIn.readings`.
        held: what content predicted of each item, and what its likes made of it.

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
    The arrays of `model.fold_in` and `model.thawing` for a recipe that learned users and items freely.

    A ridge regression from the mean embedding of what a user likes to the user, less the prior, divided by the mean number of
    likes of a user, is the step of one event. Content's error cannot be measured, since the items' embeddings are those that
    content gives: its place is taken by what a regression from the mean of an item's audience to its embedding says.
    Training saw these items, which makes content look surer than it is.

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
    """(I, D): what a ridge regression from the mean embedding of those who like an item to the item's own predicts."""
    counts = np.asarray(likes.sum(axis=0), np.float32).reshape(-1, 1)
    offset, slopes = _regress((likes.T @ users) / np.maximum(counts, 1), items)
    return np.asarray(offset + (likes.T @ users) / np.maximum(counts, 1) @ slopes, np.float32)


def _ridge(inputs: NDArray[np.floating], outputs: NDArray[np.floating], shrinkage: float) -> NDArray[np.float64]:
    """(D, F) slopes of a ridge regression without offset; the ridge is a share of the Gram matrix's mean diagonal."""
    gram = inputs.T.astype(np.float64) @ inputs
    gram[np.diag_indices_from(gram)] += shrinkage * np.trace(gram) / len(gram) + 1e-9
    slopes: NDArray[np.float64] = np.linalg.solve(gram, inputs.T @ outputs)
    return slopes


def _within(likes: sp.csr_array, tastes: FloatArray, counts: NDArray[np.float64]) -> NDArray[np.float64]:
    """(F, F) W: the covariance of tastes around their audience's mean, pooled over all likes; a floor keeps it invertible."""
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

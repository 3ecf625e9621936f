"""Collaborative factors of warm items, which content is then taught to predict: SVD, damped SVD, implicit ALS."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import scipy.linalg
import scipy.sparse as sp

from model.content import FloatArray
from training.recipes.teacher import fit_teacher

WIDTH = 64
ALS_SETTINGS = ((2.0, 15.0), (5.0, 30.0), (10.0, 60.0))
"""Confidence and regularisation."""
DAMPINGS = ((0.15, 0.075), (0.25, 0.125), (0.25, 0.25))
"""Powers of popularity: divided out, and given back."""
_ROUNDS = 8


@dataclass(frozen=True, slots=True)
class Factors:
    """Users and items whose inner products say who likes what."""

    users: FloatArray
    """(U, F)."""
    items: FloatArray
    """(I, F) centred: a user's constant does not change its ranking."""


def svd_factors(likes: sp.csr_array) -> Iterator[tuple[str, Factors]]:
    """The truncated SVD as it is."""
    yield "svd", of_teacher(likes, 0.0, 0.0)


def damped_factors(likes: sp.csr_array) -> Iterator[tuple[str, Factors]]:
    """The SVD of likes divided by a power of popularity."""
    for damping, restore in DAMPINGS:
        yield f"damping {damping}, restored {restore}", of_teacher(likes, damping, restore)


def als_factors(likes: sp.csr_array) -> Iterator[tuple[str, Factors]]:
    """Implicit ALS at each of the settings."""
    for confidence, regularisation in ALS_SETTINGS:
        yield f"confidence {confidence}, regularisation {regularisation}", fit_als(likes, confidence, regularisation)


def fit_als(likes: sp.csr_array, confidence: float, regularisation: float) -> Factors:
    """
    Weighted least squares on the whole matrix, likes weighing 1 + confidence and everything else 1.

    Source: Hu, Koren and Volinsky, "Collaborative Filtering for Implicit Feedback Datasets", ICDM 2008.
    """
    forward = sp.csr_array(likes)
    back = sp.csr_array(likes.T)
    items = 0.1 * np.random.default_rng(0).standard_normal((likes.shape[1], WIDTH)).astype(np.float32)
    for _ in range(_ROUNDS):
        users = _solve_rows(forward, items, confidence, regularisation)
        items = _solve_rows(back, users, confidence, regularisation)
    return Factors(users, items - items.mean(axis=0))


def _solve_rows(likes: sp.csr_array, known: FloatArray, confidence: float, regularisation: float) -> FloatArray:
    gram = known.T @ known + regularisation * np.eye(known.shape[1], dtype=np.float32)
    solved = np.zeros((likes.shape[0], known.shape[1]), np.float32)
    for row in range(likes.shape[0]):
        liked = known[likes.indices[likes.indptr[row] : likes.indptr[row + 1]]]
        if len(liked):
            inner = gram + confidence * liked.T @ liked
            right = (1 + confidence) * liked.sum(axis=0)
            solved[row] = scipy.linalg.solve(inner, right, assume_a="pos", check_finite=False, overwrite_a=True)
    return solved


def of_teacher(likes: sp.csr_array, damping: float, restore: float) -> Factors:
    """The truncated SVD of damped likes."""
    teacher = fit_teacher(likes, factors=WIDTH, damping=damping, restore=restore)
    return Factors(teacher.users, teacher.items)

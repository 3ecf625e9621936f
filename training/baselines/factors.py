"""Collaborative factors of warm items, which content is then taught to predict: SVD, damped SVD, implicit ALS."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import scipy.linalg
import scipy.sparse as sp

from model.content import FloatArray
from training.baselines.method import Axis, Setting
from training.recipes.teacher import fit_teacher

WIDTH = 64
"""Of the damped SVD and of implicit ALS."""
RESTORED = {0.15: 0.075, 0.25: 0.125, 0.3: 0.0}
"""The power of popularity that is given back, by the one that was divided out; the last are those of `thaw`."""
REGULARISATION = {2.0: 15.0, 5.0: 30.0, 10.0: 60.0}
"""Of implicit ALS by its confidence, with which the best one grows."""
_ROUNDS = 8


@dataclass(frozen=True, slots=True)
class Factors:
    """Users and items whose inner products say who likes what."""

    users: FloatArray
    """(U, F)."""
    items: FloatArray
    """(I, F) centred: a user's constant does not change its ranking."""


@dataclass(frozen=True, slots=True)
class Factoring:
    """A way to factor likes."""

    name: str
    axes: Mapping[str, Axis]
    fit: Callable[[sp.csr_array, Setting], Factors]


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


def of_teacher(likes: sp.csr_array, damping: float, restore: float, width: int = WIDTH) -> Factors:
    """The truncated SVD of damped likes."""
    teacher = fit_teacher(likes, factors=width, damping=damping, restore=restore)
    return Factors(teacher.users, teacher.items)


SVD = Factoring("SVD", {"width": Axis((32, 64, 128), 64)}, lambda likes, setting: of_teacher(likes, 0.0, 0.0, setting["width"]))
"""The truncated SVD as it is."""
DAMPED = Factoring(
    "damped SVD",
    {"damping": Axis((0.15, 0.25, 0.3), 0.25)},
    lambda likes, setting: of_teacher(likes, setting["damping"], RESTORED[setting["damping"]]),
)
"""The SVD of likes divided by a power of popularity, of which some is given back."""
IALS = Factoring(
    "iALS",
    {"confidence": Axis((2.0, 5.0, 10.0), 5.0)},
    lambda likes, setting: fit_als(likes, setting["confidence"], REGULARISATION[setting["confidence"]]),
)
"""Implicit ALS."""

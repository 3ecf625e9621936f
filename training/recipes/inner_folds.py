"""
The warm items in parts, each as the rest would rank it if it were new: by what the recipe decides how to read a catalogue.

Nothing of a part's likes is known to what ranks it: the teacher is fitted without them. A teacher that has seen them, with the
likes that judge taken out of its users alone, makes more of its weaker factors than new items will.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from training.progress import Step
from training.recipes.teacher import Teacher
from training.recipes.view_kernels import make_folds

FOLDS = 4
_SURE, _PLAINER = 3.0, 1.0
"""
Standard errors that a setting must be better by, and one that says less: many are tried, and judges look at the same items.
"""


@dataclass(frozen=True, slots=True)
class InnerFold:
    """One part, and what is known without it."""

    held: NDArray[np.intp]
    """(H,) rising rows of the warm items."""
    kept: NDArray[np.intp]
    """(I - H,) the others."""
    likes: sp.csr_array
    """(U, I - H) of the others."""
    teacher: Teacher
    """Of these likes."""
    liked: sp.csr_array
    """(U, H) of the part, which is for judging alone."""


def draw_folds(likes: sp.csr_array, fit: Callable[[sp.csr_array], Teacher], advance: Step) -> list[InnerFold]:
    """
    Args:
        likes: (U, I).
        fit: from likes to their teacher.
    """
    folds = []
    for held in make_folds(likes.shape[1], FOLDS, np.random.default_rng(0)):
        folds.append(_hold_out(likes, fit, held))
        advance(1)
    return folds


def _hold_out(likes: sp.csr_array, fit: Callable[[sp.csr_array], Teacher], held: NDArray[np.intp]) -> InnerFold:
    kept = np.setdiff1d(np.arange(likes.shape[1]), held).astype(np.intp)
    known = sp.csr_array(likes[:, kept])
    return InnerFold(held, kept, known, fit(known), sp.csr_array(likes[:, held]))


def beats(found: NDArray[np.floating], best: NDArray[np.floating], *, plainer: bool = False) -> bool:
    """
    Whether a setting is better by more than chance brings, both as the same judges have it.

    Args:
        plainer: whether it says less than the one that is best so far.
    """
    if not len(best):
        return False
    more = found - best
    return bool(more.mean() > (_PLAINER if plainer else _SURE) * more.std() / np.sqrt(len(more)))


def join(found: Sequence[NDArray[np.floating]]) -> NDArray[np.floating]:
    """What the judges of all parts have; empty where there is none."""
    return np.concatenate([*found, np.empty(0)])


def mean_of(values: NDArray[np.floating]) -> float:
    """0 where there is none."""
    return float(values.mean()) if len(values) else 0.0

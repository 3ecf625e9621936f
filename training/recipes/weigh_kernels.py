"""
How much each way to read counts in a view, how bold the view's regression is, and how much of a plain sum of their likes
users are: what ranks warm items best, each as all the others predict it.

No item that is held out from training is looked at, and what is found holds for the catalogue at hand: nothing says
beforehand that pictures tell little, or that brands tell much.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from typing import Self, TypeAlias

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from model.content import FloatArray
from model.fold_in import place_users
from training.metrics import rank_metrics
from training.progress import Step
from training.recipes.closed_form import add, invert_positive
from training.recipes.teacher import Teacher
from training.recipes.thaw_numbers import STEPS
from training.recipes.trained import spread_judges
from training.recipes.view_kernels import ViewItems, ViewKernels, make_folds

MARGIN = 0.1
"""NDCG@20 that a setting must be better by, times the root of the number of items: less is chance."""
_USERS = 1500
_FOLDS = 8
POPULARITY = 0.3
"""The weight of promised popularity while settings are tried."""


@dataclass(frozen=True, slots=True)
class Choice:
    """What a view came out with."""

    weights: tuple[float, ...]
    """One a lens."""
    ridge: float
    sums: float
    """As `Teacher.with_sums` takes it."""

    def scale_weight(self, factor: float, *, lens: int) -> Self:
        """One lens's weight multiplied."""
        weights = (weight * factor if at == lens else weight for at, weight in enumerate(self.weights))
        return replace(self, weights=tuple(weights))

    def scale_ridge(self, factor: float) -> Self:
        """The ridge multiplied."""
        return replace(self, ridge=self.ridge * factor)

    def scale_sums(self, factor: float) -> Self:
        """The sums multiplied."""
        return replace(self, sums=self.sums * factor)


Scale: TypeAlias = Callable[[Choice, float], Choice]
"""One number of a choice multiplied by a factor."""


def count_tries(lenses: int, passes: int, *, sums: bool) -> int:
    """How many settings are tried for a view."""
    return 1 + 2 * passes * len(_scales(lenses, sums)) if passes else 0


def weigh_kernels(
    items: ViewItems, teacher: Teacher, likes: sp.csr_array, start: Choice, passes: int, advance: Step, *, sums: bool
) -> Choice:
    """
    Goes from one weight to the next, then to ridge and sums, and takes the larger or the smaller one where it ranks better.

    Args:
        items: their lenses have weight 1.
        teacher: without sums.
        likes: (U, I).
        passes: how often it goes around, each time by smaller steps; 0 stays at the start.
        sums: whether users' sums are moved, too: they are the same for all views.
    """
    if not passes:
        return start
    left_out = LeaveOneOut(items, teacher, likes)
    best, top = start, left_out.ndcg(start)
    advance(1)
    for step in STEPS[:passes]:
        for scale in _scales(len(start.weights), sums):
            for tried in [scale(best, step), scale(best, 1 / step)]:
                found = left_out.ndcg(tried)
                best, top = (tried, found) if found > top + left_out.margin else (best, top)
                advance(1, f"{items.name}, NDCG@20 {top:.4f}")
    return best


def _scales(lenses: int, sums: bool) -> list[Scale]:
    """What is moved, in turn: where there is one lens, its ridge says as much as its weight."""
    weights = [partial(Choice.scale_weight, lens=lens) for lens in range(lenses)] if lenses > 1 else []
    return [*weights, Choice.scale_ridge, *([Choice.scale_sums] if sums else [])]


class LeaveOneOut:
    """
    Leave-one-out NDCG@20 of a view's kernel ridge regression on its landmarks, as a function of kernel weights, ridge and sums.
    """

    def __init__(self, items: ViewItems, teacher: Teacher, likes: sp.csr_array) -> None:
        rows = items.rows[items.landmarks]
        self.margin = MARGIN / np.sqrt(len(rows))
        self._kernels = ViewKernels(items.mixture, items.encodings, items.landmarks).whole(items.landmarks)
        self._targets = teacher.targets[rows]
        self._teacher = teacher
        self._folds = list(_hold_out(teacher, sp.csr_array(likes[:, rows]), teacher.projection[rows]))

    def ndcg(self, choice: Choice) -> float:
        """Mean NDCG@20 over users and folds."""
        predicted = self._predict(choice)
        spread = np.atleast_2d(np.cov(predicted[:, :-1].T, bias=True)).astype(np.float32)
        found = [
            rank_metrics(place_users(moved, POPULARITY, spread), predicted[held], names, liked, cutoffs=(20,)).values["ndcg@20"]
            for held, names, tastes, liked in self._folds
            for moved in [self._teacher.add_sums(tastes, choice.sums)]
        ]
        values = np.concatenate(found)
        return float(values.mean()) if len(values) else 0.0

    def _predict(self, choice: Choice) -> FloatArray:
        """
        (L, F + 1): what the regression on all other landmarks predicts of each.

        With A the inverse of the ridged kernel and Y the targets, `Y - A Y / diag(A)`; see `ViewFit.left_out`.
        """
        inner = add([np.float32(weight) * kernel for weight, kernel in zip(choice.weights, self._kernels, strict=True)])
        inner[np.diag_indices_from(inner)] += np.float32(choice.ridge)
        inverse = invert_positive(inner)
        return np.asarray(self._targets - (inverse @ self._targets) / np.diag(inverse)[:, None], np.float32)


def _hold_out(
    teacher: Teacher, likes: sp.csr_array, projection: FloatArray
) -> Iterator[tuple[NDArray[np.intp], list[str], FloatArray, sp.csr_array]]:
    """
    For each of `_FOLDS` random parts of some items: which they are, names that order ties, the judges' tastes rebuilt without
    their likes of these items, and these likes.
    """
    judges = spread_judges(likes, _USERS)
    for held in make_folds(likes.shape[1], _FOLDS, np.random.default_rng(0)):
        liked = sp.csr_array(likes[judges][:, held])
        yield held, [str(row) for row in held], np.asarray(teacher.users[judges] - liked @ projection[held], np.float32), liked

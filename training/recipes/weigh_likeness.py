"""How much what users like beyond the teacher's factors counts: as new items are ranked best, by the warm ones in parts."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from model.content import FloatArray
from training.progress import Step
from training.recipes.closed_form import add
from training.recipes.inner_folds import InnerFold, beats, join, mean_of
from training.recipes.likeness import SMOOTHING, find_likeness
from training.recipes.view_kernels import KnownKernel, ViewItems, ViewKernels
from training.recipes.weigh_kernels import Choice, FoldedPart

TRIES = 3
_FACTOR = 3.0


def weigh_likeness(
    items: ViewItems,
    kernels: ViewKernels,
    choice: Choice,
    folds: Sequence[InnerFold],
    directions: int,
    start: float,
    advance: Step,
) -> float:
    """
    The start, or more or less of it where that ranks better by more than chance brings.

    Where content tells little of what users like, most of what lies beyond the factors is chance.

    Args:
        items: of the first view.
        kernels: the view's, weighed.
        choice: the view's.
        directions: how many lie beyond.
    """
    kernel = add(kernels.whole(items.landmarks))
    parts = [FoldedPart.of(fold, items.rows[items.landmarks]) for fold in folds]
    judged = [_predict(part, kernel, choice, directions) for part in parts if part.can_judge]

    def look(weight: float) -> NDArray[np.floating]:
        found = join([part.ndcg(weight) for part in judged])
        advance(1, f"NDCG@20 {mean_of(found):.4f}")
        return found

    at_start, less = look(start), look(start / _FACTOR)
    if beats(less, at_start, plainer=True):
        return start / _FACTOR**2 if beats(look(start / _FACTOR**2), less, plainer=True) else start / _FACTOR
    return start * _FACTOR if beats(look(start * _FACTOR), at_start) else start


@dataclass(frozen=True, slots=True)
class _Judged:
    """What one part's judges are, and what is said of its items."""

    part: FoldedPart
    users: FloatArray
    """(P, F + directions)."""
    predicted: FloatArray
    """(held, F + directions + 1), where what lies beyond counts 1."""
    beyond: slice
    """Its coordinates."""

    def ndcg(self, weight: float) -> NDArray[np.floating]:
        """(P,) where it counts so much."""
        scaled = self.predicted.copy()
        scaled[:, self.beyond] *= weight
        return self.part.ndcg(self.users, scaled)


def _predict(part: FoldedPart, kernel: FloatArray, choice: Choice, directions: int) -> _Judged:
    """Finds what lies beyond the factors of what the fold keeps, by the landmarks alone."""
    fold = part.fold
    teacher = fold.teacher.with_sums(choice.sums).of_items(part.kept_at)
    known, rows = KnownKernel(part.between(kernel)), np.arange(len(part.kept))
    smoothing = SMOOTHING * choice.ridge
    likeness = find_likeness(teacher, fold.likes[:, part.kept_at], known, rows, directions=directions, smoothing=smoothing)
    whole = likeness.beside(1.0)
    predicted = part.predict(kernel, choice.ridge, whole.targets)
    return _Judged(part, whole.users[part.judges], predicted, slice(whole.items.shape[1] - whole.beyond, -1))

"""
How much each way to read counts in a view, how bold the view's regression is, and how much of a plain sum of their likes
users are: what ranks warm items best, each part as the others predict it.

No item that is held out from training is looked at, and what is found holds for the catalogue at hand: nothing says
beforehand that pictures tell little, or that brands tell much.
"""

from collections.abc import Callable, Sequence
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
from training.recipes.calibration import solve_calibrated
from training.recipes.closed_form import add
from training.recipes.inner_folds import InnerFold, beats, join, mean_of
from training.recipes.thaw_numbers import STEPS
from training.recipes.trained import spread_judges
from training.recipes.view_kernels import ViewItems, ViewKernels

_JUDGES = 1500
_POPULARITY = 0.3
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
    items: ViewItems, folds: Sequence[InnerFold], start: Choice, passes: int, advance: Step, *, sums: bool
) -> Choice:
    """
    Goes from one weight to the next, then to ridge and sums, and takes the larger or the smaller one where it ranks better.

    Args:
        items: their lenses have weight 1.
        folds: of the warm items.
        passes: how often it goes around, each time by smaller steps; 0 stays at the start.
        sums: whether users' sums are moved, too: they are the same for all views.
    """
    if not passes:
        return start
    folded = FoldedView(items, folds)
    best, top = start, folded.ndcg(start)
    advance(1)
    for step in STEPS[:passes]:
        for scale in _scales(len(start.weights), sums):
            for tried in [scale(best, step), scale(best, 1 / step)]:
                found = folded.ndcg(tried)
                best, top = (tried, found) if beats(found, top, plainer=tried.sums > best.sums) else (best, top)
                advance(1, f"{items.name}, NDCG@20 {mean_of(top):.4f}")
    return best


def _scales(lenses: int, sums: bool) -> list[Scale]:
    """What is moved, in turn: where there is one lens, its ridge says as much as its weight."""
    weights = [partial(Choice.scale_weight, lens=lens) for lens in range(lenses)] if lenses > 1 else []
    return [*weights, Choice.scale_ridge, *([Choice.scale_sums] if sums else [])]


class FoldedView:
    """A view's landmarks in parts, each as the others predict it: NDCG@20 as a function of kernel weights, ridge and sums."""

    def __init__(self, items: ViewItems, folds: Sequence[InnerFold]) -> None:
        """
        Args:
            items: their lenses have weight 1.
        """
        self._kernels = ViewKernels(items.mixture, items.encodings, items.landmarks).whole(items.landmarks)
        self._parts = [FoldedPart.of(fold, items.rows[items.landmarks]) for fold in folds]

    def ndcg(self, choice: Choice) -> NDArray[np.floating]:
        """NDCG@20 of each part's judges, one part after the other."""
        kernel = add([np.float32(weight) * kernel for weight, kernel in zip(choice.weights, self._kernels, strict=True)])
        return join([part.weigh(kernel, choice.ridge, choice.sums) for part in self._parts if part.can_judge])


@dataclass(frozen=True, slots=True)
class FoldedPart:
    """What an inner fold has of a view's landmarks, and who judges how they are ranked."""

    fold: InnerFold
    held: NDArray[np.intp]
    """(H,) which landmarks the fold holds out."""
    names: list[str]
    """Of these, in whose order ties are broken."""
    kept: NDArray[np.intp]
    """(K,) the other landmarks."""
    kept_at: NDArray[np.intp]
    """(K,) the same among what the fold keeps."""
    judges: NDArray[np.intp]
    """(P,) rows of users who like some of what is held out."""
    liked: sp.csr_array
    """(P, H)."""

    @classmethod
    def of(cls, fold: InnerFold, rows: NDArray[np.intp]) -> Self:
        """
        Args:
            rows: (L,) rising, the landmarks among the warm items.
        """
        away = np.isin(rows, fold.held)
        held, kept = np.flatnonzero(away), np.flatnonzero(~away)
        liked = sp.csr_array(fold.liked[:, np.searchsorted(fold.held, rows[held])])
        judges = spread_judges(liked, _JUDGES)
        names = [str(row) for row in rows[held]]
        return cls(fold, held, names, kept, np.searchsorted(fold.kept, rows[kept]), judges, sp.csr_array(liked[judges]))

    @property
    def can_judge(self) -> bool:
        """Whether there is something to learn from, and something to rank."""
        return len(self.kept) > 1 and len(self.held) > 1 and len(self.judges) > 0

    def between(self, kernel: FloatArray) -> FloatArray:
        """(K, K) of an (L, L) kernel."""
        return np.asarray(kernel[np.ix_(self.kept, self.kept)])

    def predict(self, kernel: FloatArray, ridge: float, targets: FloatArray) -> FloatArray:
        """
        (H, F + 1): what the kept landmarks say of those that are held out.

        Args:
            kernel: (L, L).
            targets: (K, F + 1) of the kept landmarks.
        """
        coefficients = solve_calibrated(self.between(kernel), targets, ridge)
        return np.asarray(kernel[np.ix_(self.held, self.kept)] @ coefficients, np.float32)

    def weigh(self, kernel: FloatArray, ridge: float, sums: float) -> NDArray[np.floating]:
        """NDCG@20 of each judge by the fold's teacher, with so much of the sums."""
        teacher = self.fold.teacher
        users = teacher.add_sums(teacher.users[self.judges], sums)
        return self.ndcg(users, self.predict(kernel, ridge, teacher.targets[self.kept_at]))

    def ndcg(self, users: FloatArray, predicted: FloatArray) -> NDArray[np.floating]:
        """
        (P,) NDCG@20 of each judge.

        Args:
            users: (P, F) the judges, as a teacher has them.
            predicted: (H, F + 1).
        """
        spread = np.atleast_2d(np.cov(predicted[:, :-1].T, bias=True)).astype(np.float32)
        placed = place_users(users, _POPULARITY, spread)
        return rank_metrics(placed, predicted, self.names, self.liked, cutoffs=(20,)).values["ndcg@20"]

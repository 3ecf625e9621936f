"""How bold a view's regression is, and how much the picture counts in it: what ranks the validation items best."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from model.content import FloatArray
from model.experts import Mixture
from model.features import Encoding
from model.fold_in import place_users
from training.metrics import rank_metrics
from training.progress import Step
from training.recipes.closed_form import add, rows_with_any, solve_positive
from training.recipes.thaw_numbers import ThawNumbers
from training.recipes.trained import Job, spread_judges
from training.recipes.view_kernels import ViewKernels

RIDGES = (2.0, 1.0, 4.0, 0.5, 8.0)
"""In the order in which they are preferred."""
PICTURES = (0.05, 0.25, 0.5, 1.0)
"""How much the picture counts where a view reads words too."""
MARGIN = 0.002
"""NDCG@20 that a bolder setting must be better by: less is the validation items' chance."""
_USERS = 6000
_POPULARITY = 0.3


@dataclass(frozen=True, slots=True)
class ViewItems:
    """What a view can learn from: its lenses, placed, and the warm items that have any of what it reads."""

    mixture: Mixture
    positions: tuple[int, ...]
    """Of its modalities among the network's."""
    rows: NDArray[np.intp]
    """(N,) rising, of the warm items."""
    encodings: tuple[Encoding, ...]
    """Their features, one a lens, zeros where an item lacks the modality."""
    landmarks: NDArray[np.intp]
    """Which of them, by position in `rows`, are landmarks."""
    picture: int | None
    """Which lens reads the picture beside words; None where there is nothing to weigh."""


@dataclass(frozen=True, slots=True)
class Choice:
    """What a view came out with."""

    ridge: float
    picture: float


def settings(items: ViewItems, numbers: ThawNumbers) -> list[Choice]:
    """All that are tried: what is set, and of the rest everything."""
    pictures = [1.0] if items.picture is None else [numbers.picture] if numbers.picture else PICTURES
    ridges = [numbers.ridge] if numbers.ridge else RIDGES
    return [Choice(ridge, picture) for picture in pictures for ridge in ridges]


class Foresight:
    """What a view's closed form says of the validation items, by setting; fitted on the landmarks alone, without heads."""

    def __init__(self, job: Job, items: ViewItems, targets: FloatArray) -> None:
        """
        Args:
            items: the picture's lens has weight 1.
            targets: (N, F + 1) of the view's items.
        """
        self.rows = rows_with_any(job.cold.features, items.positions)
        """Of the validation items, those that the view can read."""
        self._likes = job.cold.likes[:, self.rows]
        self._judges = spread_judges(self._likes, _USERS)
        self._ids = [job.cold.item_ids[int(row)] for row in self.rows]
        kernels = ViewKernels(items.mixture, items.encodings, items.landmarks)
        self._known = kernels.whole(items.landmarks)
        self._new = kernels.between([job.cold.features.values[position][self.rows] for position in items.positions])
        self._targets, self._picture = targets[items.landmarks], items.picture

    def embed(self, choice: Choice) -> FloatArray:
        """(C, F + 1)."""
        inner = _weighted(self._known, self._picture, choice.picture).astype(np.float64)
        inner[np.diag_indices_from(inner)] += choice.ridge
        solution = solve_positive(inner, self._targets)
        return np.asarray(_weighted(self._new, self._picture, choice.picture) @ solution, np.float32)

    def ndcg(self, users: FloatArray, foreseen: FloatArray) -> float:
        """NDCG@20 of some users who like any, evenly spread, by all users' (U, F) tastes and the items' (C, F + 1)."""
        looked = self._judges
        spread = np.cov(foreseen[:, :-1].T, bias=True).reshape(users.shape[1], -1).astype(np.float32)
        placed = place_users(users[looked], _POPULARITY, spread)
        values = rank_metrics(placed, foreseen, self._ids, self._likes[looked]).values["ndcg@20"]
        return float(values.mean()) if len(values) else 0.0


def choose_kernel(choices: Sequence[Choice], foresight: Foresight, users: FloatArray, advance: Step) -> Choice:
    """
    Tries every setting, where there are several; one must be better than those before it by a margin.

    Args:
        users: (U, F) tastes.
    """
    best, top = choices[0], -1.0
    for choice in choices if len(choices) > 1 and len(foresight.rows) else []:
        found = foresight.ndcg(users, foresight.embed(choice))
        if found > top + MARGIN:
            best, top = choice, found
        advance(1, f"ridge {best.ridge}, picture {best.picture}, NDCG@20 {top:.4f}")
    return best


def _weighted(kernels: list[FloatArray], picture: int | None, weight: float) -> FloatArray:
    return add([kernel * np.float32(weight) if at == picture else kernel for at, kernel in enumerate(kernels)])

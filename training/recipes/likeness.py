"""
What users like beyond the teacher's factors, as far as content can predict it.

Few factors tell most of what users have in common and little of what each of them likes for itself. A kernel
regression for every user tells that too, but its users are as wide as there are items. Its scores are `R S`, with R
the likes and S the smoother `K (K + ridge)^-1` of the items' kernel: what a user likes, spread over what is alike.
Here the part of `R S` that lies outside the teacher's users is factored, and its strongest directions stand beside
the teacher's own, so that content learns to predict them and a new like moves them in the same closed form.
"""

from dataclasses import dataclass, replace

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray
from scipy.sparse.linalg import eigsh

from model.content import FloatArray
from training.recipes.closed_form import add, solve_positive
from training.recipes.teacher import Teacher, median_spread, pad
from training.recipes.view_kernels import Kernels

SMOOTHING = 6.0
"""The ridge of the smoother, beside that of the view's regression."""
_SHRINKAGE = 1e-3
_SMALLEST = 1e-9
_NOTHING = 1e-3


@dataclass(frozen=True, slots=True)
class Likeness:
    """Factors beyond the teacher's."""

    teacher: Teacher
    likes: sp.csr_array
    """(U, I)."""
    items: FloatArray
    """(I, directions); those that the likes do not fill are 0."""
    step: FloatArray
    """(F + directions, directions): from an item's factors to what a like of it adds."""

    def beside(self, weight: float) -> Teacher:
        """
        The teacher with these factors, too.

        Users do not depend on the weight, and of the items only these factors do, which grow with it.

        Args:
            weight: how widely users' scores by these factors are spread, beside those by the teacher's own.
        """
        return _join(self, weight)


def find_likeness(
    teacher: Teacher, likes: sp.csr_array, kernels: Kernels, rows: NDArray[np.intp], *, directions: int, smoothing: float
) -> Likeness:
    """
    Args:
        likes: (U, I).
        kernels: of the items that can be read.
        rows: (N,) of these among the I.
        directions: how many factors.
        smoothing: the ridge of the smoother.
    """
    own = teacher.users - teacher.prior
    smoothed = np.zeros((likes.shape[1], directions), np.float32)
    smoothed[rows] = _smooth(likes[:, rows], own, kernels, directions, smoothing)
    outside = _even(smoothed - teacher.projection @ _regress(own, likes @ smoothed), likes, _size(likes @ smoothed).max())
    items = np.asarray(likes.T @ (likes @ outside) / likes.shape[0], np.float32)
    step = _fit_step(teacher, items, outside, np.asarray(likes.sum(axis=0), np.float32).ravel())
    return Likeness(teacher, likes, items, step)


def _smooth(likes: sp.csr_array, own: FloatArray, kernels: Kernels, directions: int, smoothing: float) -> FloatArray:
    """
    (N, directions): the leading eigenvectors of `S (R'R - P) S`, carried from the landmarks to all items by K (K + ridge)^-1.

    R are the likes of the landmarks, S their smoother, and P the part of R'R that a regression on the teacher's users explains.
    """
    known = add(kernels.whole(kernels.landmarks)).astype(np.float64)
    ridged = known + smoothing * np.eye(len(known))
    smoother = solve_positive(ridged.copy(), known)
    seen = sp.csr_array(likes[:, kernels.landmarks].astype(np.float64))
    inside = seen.T @ own
    left = (seen.T @ seen).toarray() - inside @ _regress(own, seen)
    found = _strongest(smoother @ left @ smoother.T, directions)
    spread = solve_positive(ridged, found).astype(np.float32)
    parts = [add(chunk) @ spread for _, chunk in kernels.chunks(np.arange(likes.shape[1]))]
    return pad(np.concatenate(parts), directions)


def _strongest(matrix: NDArray[np.float64], count: int) -> NDArray[np.float64]:
    """(L, count or fewer) leading eigenvectors of a symmetric matrix."""
    if not matrix.any():  # nothing is like anything
        return np.zeros((len(matrix), 0))
    if len(matrix) <= count + 1:
        return np.asarray(np.linalg.eigh(matrix)[1][:, ::-1][:, :count], np.float64)
    values, vectors = eigsh(matrix, k=count, which="LA", v0=np.ones(len(matrix)), rng=np.random.default_rng(0))
    return np.asarray(vectors[:, np.argsort(-values)], np.float64)


def _regress(own: FloatArray, values: sp.csr_array | FloatArray) -> NDArray[np.float64]:
    """(F, columns): what the teacher's users (U, F) foretell of other values of the users, which may be sparse."""
    wide = own.astype(np.float64)
    gram = wide.T @ wide
    gram[np.diag_indices_from(gram)] += _SMALLEST * max(np.trace(gram), 1.0)
    return np.asarray(np.linalg.solve(gram, (values.T @ wide).T), np.float64)


def _even(outside: NDArray[np.floating], likes: sp.csr_array, whole: float) -> FloatArray:
    """Directions in which users are of mean square 1; zeros where next to nothing of the whole is left but rounding."""
    sizes = _size(likes @ outside)
    kept = sizes > _NOTHING * whole
    return np.asarray(np.where(kept, outside / np.where(kept, sizes, 1), 0), np.float32)


def _size(users: NDArray[np.floating]) -> NDArray[np.floating]:
    """The root of each column's mean square."""
    return np.asarray(np.sqrt(np.mean(users**2, axis=0)))


def _fit_step(teacher: Teacher, items: NDArray[np.floating], outside: FloatArray, counts: FloatArray) -> FloatArray:
    """(F + directions, directions): from an item's factors to what a like of it adds, each item weighing as its likes do."""
    anchors = np.column_stack([teacher.items + teacher.closed_form["centre"], items]).astype(np.float64)
    anchors *= np.exp(-teacher.closed_form["rarity"] * teacher.popularity)[:, None]
    weighed = anchors * counts[:, None]
    gram = weighed.T @ anchors
    gram[np.diag_indices_from(gram)] += _SHRINKAGE * np.diag(gram) + _SMALLEST
    return np.asarray(np.linalg.solve(gram, weighed.T @ outside), np.float32)


def _join(likeness: Likeness, weight: float) -> Teacher:
    """Users side by side, and items so large that their products with users are spread as wished: so items compare too."""
    teacher, likes, items, step = likeness.teacher, likeness.likes, likeness.items, likeness.step
    form, own = teacher.closed_form, teacher.items.shape[1]
    anchors = np.column_stack([teacher.items + form["centre"], items])
    added = (anchors @ step) * np.exp(-form["rarity"] * teacher.popularity)[:, None]
    users = likes @ added
    spread = median_spread(users, items)
    size = weight * median_spread(teacher.users, teacher.items) / spread if spread > _SMALLEST else 0.0
    lower = np.column_stack([np.zeros((items.shape[1], own)), step[own:] / size if size else np.zeros_like(step[own:])])
    centre = items.mean(axis=0)
    return replace(
        teacher,
        users=np.column_stack([teacher.users, users]).astype(np.float32),
        prior=np.concatenate([teacher.prior, np.zeros(items.shape[1], np.float32)]),
        items=np.column_stack([teacher.items, size * (items - centre)]).astype(np.float32),
        projection=np.column_stack([teacher.projection, added]).astype(np.float32),
        beyond=items.shape[1],
        gain=np.concatenate([teacher.gain, np.ones(items.shape[1], np.float32)]),
        scales=np.column_stack([teacher.scales, np.full(items.shape, size / likes.shape[0], np.float32)]),
        closed_form={
            **form,
            "centre": np.concatenate([form["centre"], size * centre]).astype(np.float32),
            "step": np.vstack([np.column_stack([form["step"], step[:own]]), lower]).astype(np.float32),
        },
    )

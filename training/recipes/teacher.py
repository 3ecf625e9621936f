"""Users and warm items as factors of what users liked: what content is taught to predict."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Self

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray
from scipy.sparse.linalg import LinearOperator, eigsh

from model.content import FloatArray
from model.score_deviations import score_deviations
from training.recipes.audiences import Tellers
from training.recipes.thawing_fit import Origin

_LEAST = 1e-3
"""Singular values below this share of the largest one are left out."""
_NOTHING = 1e-12
_ROUNDING = 1e-6
"""Users whose scores are spread less than this share of the most widely spread user's count as having none."""


@dataclass(frozen=True, slots=True)
class Teacher:
    """
    A popularity-damped truncated SVD of the likes, and each item's popularity.

    With R the likes and pop its column sums + 1: `R diag(pop^-b) ~ U S V'`. A user is its row of U, an item its
    row of `diag(pop^a) V S`, centred: damping keeps the factors from spending themselves on a few blockbusters.
    """

    users: FloatArray
    """(U, F): the prior, and what each user's likes add to it."""
    prior: FloatArray
    """(F,): the taste of a user without likes."""
    items: FloatArray
    """(I, F) centred."""
    popularity: FloatArray
    """(I,) centred log of pop."""
    projection: FloatArray
    """(I, F): a user's row of U is the sum of its items' rows here (`diag(pop^-b) V S^-1`)."""
    closed_form: Mapping[str, FloatArray]
    """What `model.fold_in` needs to do the same from embeddings: `centre`, `step`, `rarity`."""
    energy: FloatArray
    """(F,): squared singular values, in such units that users times it have scores as widely spread as users have."""
    gain: FloatArray
    """(F,): what `with_sums` multiplied each coordinate of the users by."""
    scales: FloatArray
    """(I, F): an item is these times the sum of the users who like it, prior and gain apart, less the centre."""
    beyond: int = 0
    """How many of the F, the last ones, were added to the factorisation's (`training.recipes.likeness`)."""

    @property
    def targets(self) -> FloatArray:
        """(I, F + 1): what content is taught to predict of each item, popularity last."""
        return np.column_stack([self.items, self.popularity])

    def with_sums(self, weight: float) -> Self:
        """
        The teacher whose users have something of a plain sum of what they like in them.

        A projection divides each factor of that sum by its energy: it takes what little the likes tell of the weak
        factors for as sure as what they tell of the strong ones, and is the better the more likes there are.

        Args:
            weight: how widely scores by the sum are spread, beside those by the projection; 0 changes nothing.
        """
        gain = self._gain(weight)
        step = self.closed_form["step"] * gain
        return replace(
            self,
            gain=self.gain * gain,
            users=self.add_sums(self.users, weight),
            projection=self.projection * gain,
            closed_form={**self.closed_form, "step": step},
        )

    def add_sums(self, users: FloatArray, weight: float) -> FloatArray:
        """(U, F) users of this teacher, made of other likes, perhaps, to those of `with_sums`."""
        return np.asarray((users - self.prior) * self._gain(weight) + self.prior, np.float32)

    def of_items(self, rows: NDArray[np.intp]) -> Self:
        """The same users, and some of the items."""
        return replace(
            self,
            items=self.items[rows],
            popularity=self.popularity[rows],
            projection=self.projection[rows],
            scales=self.scales[rows],
        )

    @property
    def origin(self) -> Origin:
        """How the items came of the users who like them; beyond the factorisation's factors, nearly so."""
        users = (self.users - self.prior) / self.gain
        return Origin(Tellers(users, self.projection / self.gain, np.ones(len(users))), self.scales)

    def _gain(self, weight: float) -> FloatArray:
        return np.asarray(1 + weight * self.energy, np.float32)


def fit_teacher(likes: sp.csr_array, *, factors: int, damping: float, restore: float, prior_weight: float = 0.0) -> Teacher:
    """
    Args:
        likes: (U, I) float32.
        factors: F; fewer where the matrix has not so many, the rest zeros.
        damping: b, the power of popularity that is divided out before the factorisation.
        restore: a, the power that items get back after it.
        prior_weight: how much of the mean user each user's taste starts from.

    Source: Cremonesi, Koren and Turrin, "Performance of Recommender Algorithms on Top-N Recommendation Tasks", RecSys 2010,
        for the undamped form (PureSVD); the damping is ours.
    """
    popularity = np.asarray(likes.sum(axis=0), np.float64).ravel() + 1
    damped = likes @ sp.diags_array(popularity**-damping)
    left, sizes, right = _truncated_svd(damped.astype(np.float64), factors)
    sign = np.sign(right.sum(axis=1) + 1e-12)  # ARPACK leaves the signs open
    left, right = left * sign, right * sign[:, None]
    scale = np.sqrt(len(left))  # users' coordinates of mean square 1, whatever their number
    items = popularity[:, None] ** restore * right.T * sizes / scale
    typical = np.log(popularity).mean()
    steps = scale**2 / sizes**2 * np.exp(-(restore + damping) * typical)
    users = pad(left * scale, factors)
    prior = prior_weight * users.mean(axis=0)
    return Teacher(
        users=users + prior,
        prior=prior,
        items=pad(items - items.mean(axis=0), factors),
        popularity=(np.log(popularity) - np.log(popularity).mean()).astype(np.float32),
        projection=pad(popularity[:, None] ** -damping * right.T / sizes * scale, factors),
        closed_form={
            "centre": pad(items.mean(axis=0)[None], factors)[0],
            "step": np.diag(pad(steps[None], factors)[0]),
            "rarity": np.array([restore + damping], np.float32),
        },
        energy=pad(_even_energy(left, items, sizes**2)[None], factors)[0],
        gain=np.ones(factors, np.float32),
        scales=np.tile((popularity[:, None] ** (restore - damping) / scale**2).astype(np.float32), (1, factors)),
    )


def _even_energy(users: NDArray[np.float64], items: NDArray[np.float64], energy: NDArray[np.float64]) -> FloatArray:
    """(F,): energy, times what makes the users' scores of the items as widely spread with it as without, in the median."""
    even = energy * median_spread(users, items) / max(median_spread(users * energy, items), _NOTHING)
    return np.asarray(even, np.float32)


def median_spread(users: NDArray[np.floating], items: NDArray[np.floating]) -> float:
    """
    The median deviation of (U, F) users' scores of (I, F) items, over the users whose scores differ by more than rounding;
    0 where nobody's do.
    """
    covariance = np.atleast_2d(np.cov(items.T, bias=True))
    spreads = score_deviations(users, covariance, smallest_variance=0)
    some = spreads[spreads > _ROUNDING * spreads.max(initial=0)]
    return float(np.median(some)) if len(some) else 0.0


def _truncated_svd(matrix: sp.csr_array, factors: int) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """
    The largest singular vectors and values, in falling order: as many as asked for, or as say anything.

    A like moves a user by a value's inverse, so that what is next to nothing would drown all else.
    """
    if min(matrix.shape) <= factors + 1:  # ARPACK finds only fewer than all
        left, sizes, right = np.linalg.svd(matrix.toarray(), full_matrices=False)
    elif matrix.shape[0] >= matrix.shape[1]:
        left, sizes, right = _leading(matrix, factors)
    else:
        turned, sizes, other = _leading(sp.csr_array(matrix.T), factors)
        left, right = other.T, turned.T
    order = np.argsort(-sizes, kind="stable")[:factors]
    kept = order[sizes[order] > _LEAST * sizes.max()]
    return left[:, kept], sizes[kept], right[kept]


def _leading(tall: sp.csr_array, count: int) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """
    (N, count), (count,) and (count, M): singular vectors and values of the largest ones.

    As `scipy.sparse.linalg.svds` finds them, which leaves to chance where likes are so few or so alike that one start does
    not reach all directions: the same likes must give the same factors.
    """
    other = tall.T.tocsr()
    gram = LinearOperator((tall.shape[1],) * 2, matvec=lambda x: other @ (tall @ x), dtype=np.float64)
    _, found = eigsh(gram, k=count, v0=np.ones(tall.shape[1]), rng=np.random.default_rng(0))
    basis, _ = np.linalg.qr(found)  # not quite orthogonal where values are alike
    left, sizes, inner = np.linalg.svd(tall @ basis, full_matrices=False)
    return left, sizes, inner @ basis.T


def pad(columns: FloatArray, width: int) -> FloatArray:
    """(N, width): some columns, and zeros."""
    padded = np.zeros((len(columns), width), np.float32)
    padded[:, : columns.shape[1]] = columns
    return padded

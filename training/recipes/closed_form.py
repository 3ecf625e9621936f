"""Experts in closed form: one kernel ridge regression over the sum of a view's kernels, a lens an expert."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
import scipy.linalg
import scipy.sparse as sp
import torch
from numpy.typing import NDArray

from model.content import BoolArray, FloatArray
from model.encoders.spec import Kind
from model.experts import LandmarkLens, Lens, Mixture, VocabularyLens
from model.features import Encoding, Features
from training.recipes.view_kernels import CHUNK, ViewKernels, has_content, see

Real = TypeVar("Real", np.float32, np.float64)
_JITTER = 1e-6
_RARITY = 0.25
"""The power of the inverse document frequency in a term's weight."""
_SMALLEST_REST = 1e-6
"""Lower bound of 1 - leverage, so that an item that determines its own prediction does not divide by zero."""


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """The places of a sparse modality that are read."""

    places: NDArray[np.int64]
    """(R,) rising."""
    rarity: FloatArray
    """(R,): rare terms count a little more."""
    shared: BoolArray
    """(R,): those that two rows or more have."""


def take_vocabulary(encoding: Encoding, kind: Kind, *, limit: int) -> Vocabulary:
    """
    Places that are not zero in enough rows, the most frequent ones where there are more than the limit.

    One row is enough for an attribute, which a shop chose to tell: the next item of a brand is like its first. A word
    that one text alone has is mostly chance.
    """
    places, counts = np.unique(encoding.indices, return_counts=True)
    told = np.flatnonzero(counts >= (1 if kind is Kind.ATTRIBUTES else 2))
    best = np.sort(told[np.argsort(-counts[told], kind="stable")[:limit]])
    rarity = np.log((1 + encoding.shape[0]) / (1 + counts[best]))
    return Vocabulary(places[best].astype(np.int64), np.maximum(rarity, 1e-3).astype(np.float32) ** _RARITY, counts[best] > 1)


@torch.inference_mode()
def place_lens(lens: Lens, encoding: Encoding, kind: Kind, landmarks: NDArray[np.intp]) -> None:
    """
    Sets a lens's centre and landmarks, or its vocabulary, from warm items.

    Args:
        encoding: (I, d) of warm items, zeros where the modality is missing; some have it.
        kind: of content that it was made of.
        landmarks: rows of the items that are landmarks.
    """
    if isinstance(lens, LandmarkLens):
        lens.centre.copy_(torch.from_numpy(encoding[has_content(encoding)].mean(axis=0)))
        lens.points.copy_(lens.place(torch.from_numpy(encoding[landmarks])))
    elif isinstance(lens, VocabularyLens):
        vocabulary = take_vocabulary(encoding, kind, limit=lens.width)
        lens.places[: len(vocabulary.places)] = torch.from_numpy(vocabulary.places)
        lens.rarity[: len(vocabulary.places)] = torch.from_numpy(vocabulary.rarity)
        lens.shared[: len(vocabulary.places)] = torch.from_numpy(vocabulary.shared)


class ViewFit:
    """
    A view's kernel machines over some warm items: one ridge regression on the sum of its lenses' kernels.

    Expert v's output is its own kernel times the common coefficients, so that the experts' outputs add up to the
    regression's. With no more items than landmarks this is kernel ridge regression itself, its kernels kept; with
    more, its Nystrom form `(K_ln K_nl + ridge K_ll)^-1 K_ln Y`, kernels made anew a chunk at a time, so that cost
    grows with the items and memory with the landmarks.
    """

    def __init__(self, kernels: ViewKernels, targets: FloatArray, ridge: float) -> None:
        """
        Args:
            targets: (N, D) centred, of the items that the kernels are of.
        """
        self.targets = targets
        self._kernels, self._ridge = kernels, ridge
        self._wide = with_ones(targets)
        self._exact = len(kernels.landmarks) == len(targets)
        self._kept = kernels.whole(np.arange(len(targets))) if self._exact else []
        self._inner, self._right = self._normal_equations()

    def solve(self) -> NDArray[np.float64]:
        """Coefficients (L, D) of the landmarks, learned from all items."""
        return solve_positive(self._inner.copy(), self._right[:, :-1])

    def left_out(self) -> FloatArray:
        """
        (N, K, D): what each expert says of every item, had it learned from all others.

        In closed form: without item i the coefficients are `b - g_i (y_i - f_i) / (1 - k_i g_i)`, with b those of all items,
        k_i the item's kernels and g_i the inner matrix's inverse times k_i, or, where every item is a landmark, the
        inverse's row i. The targets are centred anew each time.

        Source: the leave-one-out residual of a linear smoother (Allen, "The Relationship Between Variable Selection and Data
            Augmentation and a Method for Prediction", Technometrics 1974), taken apart by kernels.
        """
        inverse = invert_positive(self._inner.copy())
        coefficients = inverse @ self._right
        parts = [_leave_out(kernels, gains, coefficients, self._wide[part]) for part, kernels, gains in self._gains(inverse)]
        return centre_anew(np.concatenate(parts), self.targets[:, None])

    def _gains(self, inverse: NDArray[np.float64]) -> Iterator[tuple[slice, list[FloatArray], NDArray[np.float64]]]:
        """
        For each chunk of C items: their places, one kernel (C, L) a lens, and the rows (C, L) by which the coefficients grow with
        an item's target: the total kernel times the inverse, or, where every item is a landmark, the inverse's own rows.
        """
        if not self._exact:
            for part, found in self._kernels.chunks(np.arange(len(self._wide))):
                yield part, found, add(found).astype(np.float64) @ inverse
            return
        for start in range(0, len(self._wide), CHUNK):
            part = slice(start, start + CHUNK)
            yield part, [kernel[part] for kernel in self._kept], inverse[part]

    def _normal_equations(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """The matrix (L, L) whose inverse times the right side (L, D + 1) are the coefficients, those of the ones last."""
        between = add(self._kept or self._kernels.whole(self._kernels.landmarks)).astype(np.float64)
        if self._exact:
            between[np.diag_indices_from(between)] += self._ridge
            return between, self._wide
        inner, right = self._ridge * between, np.zeros((len(between), self._wide.shape[1]))
        for part, found in self._kernels.chunks(np.arange(len(self._wide))):
            total = add(found).astype(np.float64)
            inner += total.T @ total
            right += total.T @ self._wide[part]
        inner[np.diag_indices_from(inner)] += _JITTER * (np.trace(inner) / len(inner) or 1.0)  # nothing may be like anything
        return inner, right


def _leave_out(
    kernels: Sequence[FloatArray], gains: NDArray[np.float64], coefficients: NDArray[np.float64], targets: NDArray[np.float64]
) -> FloatArray:
    """(C, K, D + 1) of some items, as `ViewFit.left_out` before it centres, what is said of ones last."""
    said = np.stack([kernel @ coefficients for kernel in kernels], axis=1)  # (C, K, D)
    own = np.stack([np.einsum("cl,cl->c", kernel, gains) for kernel in kernels], axis=1)  # (C, K)
    others = np.maximum(1 - own.sum(axis=1), _SMALLEST_REST)
    surprise = (targets - said.sum(axis=1)) / others[:, None]
    return np.asarray(said - own[:, :, None] * surprise[:, None, :], np.float32)


def write_expert(
    mixture: Mixture, at: int, encoding: Encoding, landmarks: NDArray[np.intp], coefficients: NDArray[np.float64]
) -> None:
    """
    Writes ridge coefficients into an expert.

    Behind a `LandmarkLens` they are its weights; behind a linear lens the weights are `X' coefficients`, X the landmarks'
    features as the lens shows them. A landmark that lacks the lens's modality counts as 0.

    Args:
        at: the expert, and the lens that it reads.
        encoding: of the view's items, for this lens.
        coefficients: (L, D).
    """
    lens = mixture.typed_lenses()[at]
    block = coefficients * has_content(encoding[landmarks])[:, None]
    if not isinstance(lens, LandmarkLens):
        parts = np.array_split(np.arange(len(landmarks)), -(-len(landmarks) // CHUNK))
        sums = (np.asarray(sp.csr_array(see(lens, encoding[landmarks[part]])).T @ block[part]) for part in parts)
        block = sum(sums, np.zeros((lens.width, coefficients.shape[1])))
    expert = mixture.expert(at)
    with torch.no_grad():
        expert.weight.copy_(torch.from_numpy(block.T.astype(np.float32)))
        expert.bias.zero_()


def rows_with_any(features: Features, positions: Sequence[int]) -> NDArray[np.intp]:
    """Rows of the items that have one or more of some modalities."""
    return np.flatnonzero(features.present[:, list(positions)].any(axis=1)).astype(np.intp)


def with_ones(targets: FloatArray) -> NDArray[np.float64]:
    """(N, D + 1): targets, and a last one that is 1 for every item."""
    return np.column_stack([targets, np.ones(len(targets))]).astype(np.float64)


def centre_anew(said: NDArray[np.floating], targets: FloatArray) -> FloatArray:
    """
    What would be said of items that were left out, had the others been centred without them.

    Without an item the mean of all others lies a little on the other side of the mean than the item does. A regression that
    leaves it in tells where an item lies, turned around: enough to matter where content tells no more.

    Args:
        said: (N, ..., D + 1) of items that were left out, what is said of a target of ones last.
        targets: (N, ..., D).
    """
    away = (targets - targets.mean(axis=0)) / max(len(targets) - 1, 1)
    return np.asarray(said[..., :-1] + said[..., -1:] * away, np.float32)


def add(kernels: Sequence[FloatArray]) -> FloatArray:
    """The sum of some kernels."""
    return np.asarray(np.sum(kernels, axis=0), np.float32)


def invert_positive(matrix: NDArray[Real]) -> NDArray[Real]:
    """The inverse of a symmetric positive matrix, which is overwritten."""
    inverse: NDArray[Real] = scipy.linalg.inv(matrix, overwrite_a=True, assume_a="pos", check_finite=False)
    return inverse


def solve_positive(inner: NDArray[np.float64], right: NDArray[np.floating]) -> NDArray[np.float64]:
    """Solves `inner x = right` for a symmetric positive matrix, which is overwritten."""
    wide = right.astype(np.float64)
    solution: NDArray[np.float64] = scipy.linalg.solve(inner, wide, assume_a="pos", overwrite_a=True, check_finite=False)
    return solution

"""Experts in closed form: one kernel ridge regression over the sum of a view's kernels, a lens an expert."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import scipy.linalg
import scipy.sparse as sp
import torch
from numpy.typing import NDArray

from model.content import FloatArray
from model.experts import LandmarkLens, Lens, Mixture, VocabularyLens
from model.features import Encoding, Features
from training.recipes.view_kernels import CHUNK, ViewKernels, has_content, see

_JITTER = 1e-6


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """The places of a sparse modality that items share."""

    places: NDArray[np.int64]
    """(R,) rising."""
    rarity: FloatArray
    """(R,): rare terms count a little more."""


def take_vocabulary(encoding: Encoding, *, limit: int, power: float = 0.25) -> Vocabulary:
    """
    Places that are not zero in at least two rows, the most frequent ones where there are more than the limit.

    Args:
        power: of the inverse document frequency in the weights.
    """
    places, counts = np.unique(encoding.indices, return_counts=True)
    shared = np.flatnonzero(counts >= 2)
    best = np.sort(shared[np.argsort(-counts[shared], kind="stable")[:limit]])
    rarity = np.log((1 + encoding.shape[0]) / (1 + counts[best]))
    return Vocabulary(places[best].astype(np.int64), np.maximum(rarity, 1e-3).astype(np.float32) ** power)


@torch.inference_mode()
def place_lens(lens: Lens, encoding: Encoding, landmarks: NDArray[np.intp], weight: float) -> None:
    """
    Sets a lens's weight, and its centre and landmarks or its vocabulary, from warm items.

    Args:
        encoding: (I, d) of warm items, zeros where the modality is missing; some have it.
        landmarks: rows of the items that are landmarks.
    """
    lens.weight.fill_(weight)
    if isinstance(lens, LandmarkLens):
        lens.centre.copy_(torch.from_numpy(encoding[has_content(encoding)].mean(axis=0)))
        lens.points.copy_(lens.place(torch.from_numpy(encoding[landmarks])))
    elif isinstance(lens, VocabularyLens):
        vocabulary = take_vocabulary(encoding, limit=lens.width)
        lens.places[: len(vocabulary.places)] = torch.from_numpy(vocabulary.places)
        lens.rarity[: len(vocabulary.places)] = torch.from_numpy(vocabulary.rarity)


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
        self._kernels, self._targets, self._ridge = kernels, targets.astype(np.float64), ridge
        everything = np.arange(len(targets))
        self._exact = len(kernels.landmarks) == len(targets)
        self._kept = kernels.whole(everything) if self._exact else []
        self._between = add(self._kept or kernels.whole(kernels.landmarks))
        self._sums = (np.zeros((0, 0)), np.zeros((0, 0))) if self._exact else self._products(everything)

    def solve(self, rows: NDArray[np.intp] | None = None) -> NDArray[np.float64]:
        """
        Coefficients (L, D) learned from all items, or from these rows alone.

        Where every item is a landmark, those outside `rows` get coefficient 0.
        """
        if rows is None:
            rows = np.arange(len(self._targets))
        if self._exact:
            solution = np.zeros((len(self._kernels.landmarks), self._targets.shape[1]))
            inner = self._between[np.ix_(rows, rows)].astype(np.float64)
            inner[np.diag_indices_from(inner)] += self._ridge
            solution[rows] = solve_positive(inner, self._targets[rows])
            return solution
        squares, products = self._products(np.setdiff1d(np.arange(len(self._targets)), rows))
        inner = self._sums[0] - squares + self._ridge * self._between
        inner[np.diag_indices_from(inner)] += _JITTER * np.trace(inner) / len(inner)
        return solve_positive(inner, self._sums[1] - products)

    def outputs(self, coefficients: NDArray[np.float64], rows: NDArray[np.intp]) -> FloatArray:
        """(rows, K, D): what each expert says of some items."""
        narrow = coefficients.astype(np.float32)
        if self._exact:
            return np.stack([kernel[rows] @ narrow for kernel in self._kept], axis=1)
        parts = [np.stack([kernel @ narrow for kernel in found], axis=1) for _, found in self._kernels.chunks(rows)]
        return np.concatenate(parts)

    def _products(self, rows: NDArray[np.intp]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """(L, L) and (L, D): the kernels of some items with themselves, and with their targets."""
        size = len(self._kernels.landmarks)
        squares, products = np.zeros((size, size)), np.zeros((size, self._targets.shape[1]))
        for part, found in self._kernels.chunks(rows):
            total = add(found).astype(np.float64)
            squares += total.T @ total
            products += total.T @ self._targets[rows[part]]
        return squares, products


def write_expert(
    mixture: Mixture, at: int, encoding: Encoding, landmarks: NDArray[np.intp], coefficients: NDArray[np.float64]
) -> None:
    """
    Makes coefficients of landmarks one expert's weights: a landmark keeps its own, an inner product gets their sum.

    A landmark that the expert's lens can see nothing of has none.

    Args:
        at: the expert, and the lens that it reads.
        encoding: of the view's items, for this lens.
        coefficients: (L, D).
    """
    lens = mixture.plain_lenses()[at]
    block = coefficients * has_content(encoding[landmarks])[:, None]
    if not isinstance(lens, LandmarkLens):
        parts = np.array_split(np.arange(len(landmarks)), -(-len(landmarks) // CHUNK))
        sums = (sp.csr_array(see(lens, encoding[landmarks[part]])).T @ block[part] for part in parts)
        block = sum(sums, np.zeros((lens.width, coefficients.shape[1])))
    expert = mixture.expert(at)
    with torch.no_grad():
        expert.weight.copy_(torch.from_numpy(block.T.astype(np.float32)))
        expert.bias.zero_()


def make_folds(count: int, folds: int, random: np.random.Generator) -> list[NDArray[np.intp]]:
    """Rows split into parts of about equal size, at random."""
    return [np.sort(part).astype(np.intp) for part in np.array_split(random.permutation(count), min(folds, count))]


def rows_with_any(features: Features, positions: Sequence[int]) -> NDArray[np.intp]:
    """Rows of the items that have one or more of some modalities."""
    return np.flatnonzero(features.present[:, list(positions)].any(axis=1)).astype(np.intp)


def add(kernels: Sequence[FloatArray]) -> FloatArray:
    """The sum of some kernels."""
    return np.asarray(np.sum(kernels, axis=0), np.float32)


def solve_positive(inner: NDArray[np.float64], right: NDArray[np.floating]) -> NDArray[np.float64]:
    """Solves `inner x = right` for a symmetric positive matrix, which is overwritten."""
    wide = right.astype(np.float64)
    solution: NDArray[np.float64] = scipy.linalg.solve(inner, wide, assume_a="pos", overwrite_a=True, check_finite=False)
    return solution

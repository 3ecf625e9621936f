"""Kernels between items, and the ridge regression that every closed form here is."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import scipy.linalg
import scipy.sparse as sp
from numpy.typing import NDArray

from model.content import FloatArray
from model.features import Features
from training.baselines.content import Content
from training.recipes.closed_form import take_vocabulary
from training.recipes.trained import Job

Kernel: TypeAlias = Callable[[Features], FloatArray]
"""Features of B items to (B, I): how alike each is to every warm item."""
_VOCABULARY = 32768


@dataclass(frozen=True)
class Smoother:
    """A ridge regression on a kernel, its matrix factored once for whatever is to be predicted."""

    kernel: Kernel
    factored: tuple[NDArray[np.float32], bool]

    def coefficients(self, targets: NDArray[np.floating]) -> FloatArray:
        """(I, F) targets to (I, F) weights of the warm items."""
        return np.asarray(scipy.linalg.cho_solve(self.factored, targets, check_finite=False), np.float32)

    def predict(self, targets: NDArray[np.floating]) -> Callable[[Features], FloatArray]:
        """A map from content to what the targets would be."""
        weights = self.coefficients(targets)
        return lambda features: self.kernel(features) @ weights


def smooth(job: Job, kernel: Kernel, ridge: float) -> Smoother:
    """Prepares the regression on warm items."""
    matrix = np.array(kernel(job.warm.features), np.float32)
    matrix[np.diag_indices_from(matrix)] += ridge
    return Smoother(kernel, scipy.linalg.cho_factor(matrix, lower=True, overwrite_a=True, check_finite=False))


def linear_kernel(place: Callable[[Features], FloatArray], warm: FloatArray) -> Kernel:
    return lambda features: place(features) @ warm.T


def gaussian_kernel(place: Callable[[Features], FloatArray], warm: FloatArray, bandwidth: float = 1.0) -> Kernel:
    """exp(-bandwidth |x - x'|^2)."""
    sizes = (warm**2).sum(axis=1)

    def kernel(features: Features) -> FloatArray:
        placed = place(features)
        squares = (placed**2).sum(axis=1)[:, None] + sizes - 2 * placed @ warm.T
        return np.asarray(np.exp(-bandwidth * np.maximum(squares, 0)), np.float32)

    return kernel


def content_of(job: Job, modality: int) -> tuple[Callable[[Features], FloatArray], FloatArray]:
    """One modality's content alone, of any items and of the warm ones."""
    content = Content(job, [1.0] * len(job.specs))

    def place(features: Features) -> FloatArray:
        return content.modality(features, modality)

    return place, place(job.warm.features)


def vocabulary_kernel(job: Job, modality: int) -> Kernel:
    """Inner products of a sparse modality's rows of length 1, over the terms that `thaw` reads, rare ones a little heavier."""
    encoding = job.warm.features.values[modality]
    vocabulary = take_vocabulary(encoding, list(job.specs.values())[modality].kind, limit=_VOCABULARY)

    def place(features: Features) -> sp.csr_array:
        weighed = sp.csr_array(features.values[modality][:, vocabulary.places] @ sp.diags_array(vocabulary.rarity))
        squares = weighed.multiply(weighed)
        lengths = np.sqrt(np.asarray(squares @ vocabulary.shared.astype(np.float32)))
        lengths = np.where(lengths > 0, lengths, np.sqrt(np.asarray(squares.sum(axis=1)).ravel()))
        return sp.csr_array(sp.diags_array(1 / np.maximum(lengths, 1e-9)) @ weighed)

    warm = sp.csr_array(place(job.warm.features).T)
    return lambda features: np.asarray((place(features) @ warm).toarray(), np.float32)

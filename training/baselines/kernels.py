"""Kernels between items, and the ridge regression that every closed form here is."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import scipy.linalg
import scipy.sparse as sp
from numpy.typing import NDArray

from model.content import FloatArray
from model.features import Features
from training.baselines.content import Content, weighted_contents
from training.baselines.factors import Factors
from training.baselines.method import Tried
from training.ranking import by_factors
from training.recipes.closed_form import take_vocabulary
from training.recipes.trained import Job

Kernel: TypeAlias = Callable[[Features], FloatArray]
"""Features of B items to (B, I): how alike each is to every warm item."""
FactorSettings: TypeAlias = Callable[..., Iterator[tuple[str, Factors]]]
BANDWIDTHS = (0.5, 1.0, 2.0)
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


def linear_kernels(job: Job) -> Iterator[tuple[str, Kernel]]:
    """Inner products of contents: ridge regression as such."""
    for label, content in weighted_contents(job):
        yield label, linear_kernel(content.of, content.of(job.warm.features))


def gaussian_kernels(job: Job) -> Iterator[tuple[str, Kernel]]:
    """Gaussian kernels of contents, at each of the bandwidths."""
    for label, content in weighted_contents(job):
        for bandwidth in BANDWIDTHS:
            yield f"{label}, bandwidth {bandwidth}", gaussian_kernel(content.of, content.of(job.warm.features), bandwidth)


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


def fit_to_factors(job: Job, kernels: Iterator[tuple[str, Kernel]], ridges: tuple[float, ...], settings: FactorSettings) -> Tried:
    """Every kernel with every ridge towards every setting of the factors."""
    known = list(settings(job.warm.likes))
    for kernel_label, kernel in kernels:
        for ridge in ridges:
            smoother = smooth(job, kernel, ridge)
            for label, factors in known:
                yield f"{kernel_label}, ridge {ridge}, {label}", by_factors(factors.users, smoother.predict(factors.items))


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

"""
Closed forms over several ways to read an item: separate ones added up, and one over the sum of their kernels.

A sum of separately fitted maps is the ceiling of what per-modality closed forms reach; one regression over the summed
kernel is that of a joint one.
"""

from collections.abc import Callable, Iterator

import numpy as np

from model.content import FloatArray
from model.features import Features
from training.baselines.factors import Factors, als_factors, damped_factors
from training.baselines.kernels import FactorSettings, Kernel, content_of, gaussian_kernel, smooth, vocabulary_kernel
from training.baselines.method import Method, Tried
from training.ranking import Ranker, Scores
from training.recipes.thaw import FIRST_WEIGHTS
from training.recipes.trained import Job

RIDGES = (1.0, 2.0, 4.0)
IMAGE_WEIGHTS = (0.05, 0.25)
POPULARITIES = (0.0, 0.1, 0.2)
_STACK_RIDGE = 0.7
_HAND = {name: weight for name, weight in FIRST_WEIGHTS.items() if name != "image"}


def joint(name: str, settings: FactorSettings, reads: tuple[str, ...]) -> Method:
    """One regression over the weighted sum of all modalities' kernels."""
    return Method(name, lambda job: _fit_joint(job, settings), reads)


def stacked(name: str, settings: FactorSettings, reads: tuple[str, ...]) -> Method:
    """A regression for each modality, their outputs weighted and added."""
    return Method(name, lambda job: _fit_stacked(job, settings), reads)


def _fit_joint(job: Job, settings: FactorSettings) -> Tried:
    known = list(settings(job.warm.likes))
    kernels = [_kernel(job, at) for at in range(len(job.specs))]
    for label, weights in _weightings(job):
        kernel = _summed(kernels, weights)
        for ridge in RIDGES:
            smoother = smooth(job, kernel, ridge)
            popular = smoother.predict(_log_popularity(job))
            for factor_label, factors in known:
                items = smoother.predict(factors.items)
                for popularity in POPULARITIES:
                    words = f"{label}, ridge {ridge}, {factor_label}, popularity {popularity}"
                    yield words, with_popularity(factors, items, popular, popularity)


def _fit_stacked(job: Job, settings: FactorSettings) -> Tried:
    known = list(settings(job.warm.likes))
    smoothers = [smooth(job, _kernel(job, at), _STACK_RIDGE) for at in range(len(job.specs))]
    for factor_label, factors in known:
        maps = [smoother.predict(factors.items) for smoother in smoothers]
        popular = [smoother.predict(_log_popularity(job)) for smoother in smoothers]
        for label, weights in _weightings(job):
            for popularity in POPULARITIES:
                words = f"{label}, {factor_label}, popularity {popularity}"
                yield words, with_popularity(factors, _added(maps, weights), _added(popular, weights), popularity)


def with_popularity(
    factors: Factors, items: Callable[[Features], FloatArray], popular: Callable[[Features], FloatArray], weight: float
) -> Ranker:
    """Inner products, and predicted popularity in deviations of each user's scores."""

    def rank(features: Features) -> Scores:
        embedded, liked = items(features), popular(features)[:, 0]

        def scores(rows: np.ndarray[tuple[int], np.dtype[np.intp]]) -> FloatArray:
            found = factors.users[rows] @ embedded.T
            return np.asarray(found + weight * found.std(axis=1, keepdims=True) * liked, np.float32)

        return scores

    return rank


def _weightings(job: Job) -> Iterator[tuple[str, list[float]]]:
    """All alike, and as we found them by hand; each with the picture little or more."""
    names = list(job.specs)
    for label, chosen in (("even", {}), ("by hand", _HAND)):
        if label == "by hand" and not set(names) & set(_HAND):
            continue
        for image in IMAGE_WEIGHTS:
            yield f"{label}, image {image}", [image if name == "image" else chosen.get(name, 1.0) for name in names]


def _kernel(job: Job, at: int) -> Kernel:
    sparse = list(job.specs.values())[at].sparse
    kernel = vocabulary_kernel(job, at) if sparse else gaussian_kernel(*content_of(job, at))
    there = job.warm.features.present[:, at]

    def masked(features: Features) -> FloatArray:
        return np.asarray(kernel(features) * features.present[:, at : at + 1] * there, np.float32)

    return _remembering(masked)


def _remembering(kernel: Kernel) -> Kernel:
    """The same kernel; the last few answers are kept, since every setting asks for the same ones."""
    kept: dict[int, tuple[Features, FloatArray]] = {}

    def remember(features: Features) -> FloatArray:
        if id(features) not in kept:
            if len(kept) > 3:
                kept.pop(next(iter(kept)))
            kept[id(features)] = (features, kernel(features))
        return kept[id(features)][1]

    return remember


def _summed(kernels: list[Kernel], weights: list[float]) -> Kernel:
    def total(features: Features) -> FloatArray:
        parts = [weight * kernel(features) for kernel, weight in zip(kernels, weights, strict=True)]
        return np.asarray(np.sum(parts, axis=0), np.float32)

    return _remembering(total)


def _added(maps: list[Callable[[Features], FloatArray]], weights: list[float]) -> Callable[[Features], FloatArray]:
    def total(features: Features) -> FloatArray:
        parts = [weight * predict(features) for predict, weight in zip(maps, weights, strict=True)]
        return np.asarray(np.sum(parts, axis=0), np.float32)

    return total


def _log_popularity(job: Job) -> FloatArray:
    """(I, 1) centred."""
    popularity = np.log(np.asarray(job.warm.likes.sum(axis=0)).ravel() + 1)
    return np.asarray((popularity - popularity.mean())[:, None], np.float32)


SUM_OF_MODALITIES = [
    stacked("sum of per-modality closed forms to iALS", als_factors, ("text", "image")),
    joint("joint kernel to iALS", als_factors, ("text", "image")),
    joint("joint kernel to damped SVD", damped_factors, ("text", "image")),
]
ALL_WAYS = [
    stacked("all ways to read: sum of closed forms to iALS", als_factors, ()),
    joint("all ways to read: joint kernel to iALS", als_factors, ()),
    joint("all ways to read: joint kernel to damped SVD", damped_factors, ()),
]

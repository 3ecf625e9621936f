"""
Closed forms over several ways to read an item: separate ones added up, and one over the sum of their kernels.

A sum of separately fitted maps is the ceiling of what per-modality closed forms reach; one regression over the summed
kernel is that of a joint one. Modalities count alike, or as the recipe's own weighing begins: freer weights were tried, each
modality's by itself, and those that the validation items liked best were worse on the test items.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import partial

import numpy as np

from model.content import FloatArray
from model.features import Features
from training.baselines.factors import DAMPED, IALS, Factoring, Factors
from training.baselines.kernels import Kernel, Smoother, content_of, gaussian_kernel, smooth, vocabulary_kernel
from training.baselines.method import STANDARD, Axis, Method, Setting, Space, remembering
from training.ranking import Ranker, Scores
from training.recipes.thaw import FIRST_WEIGHTS
from training.recipes.trained import Job

IMAGES = {1: Axis((0.05, 0.25, 0.5, 1.0), 0.25), 2: Axis((0.05, 0.25), 0.25)}
"""How much the picture counts, by the number of ways to weigh the rest."""
RIDGES = Axis((1.0, 2.0, 4.0), 1.0)
STACK_RIDGES = Axis((0.35, 0.7, 1.4), 0.7)
POPULARITIES = Axis((0.0, 0.1, 0.2), 0.1)
"""How much the popularity that content promises counts, in deviations of a user's scores."""
_HAND = {name: weight for name, weight in FIRST_WEIGHTS.items() if name != "image"}


def joint(name: str, factoring: Factoring, reads: tuple[str, ...]) -> Method:
    """One regression over the weighted sum of all modalities' kernels."""
    return Method(name, lambda job: _prepare_joint(job, factoring), reads)


def stacked(name: str, factoring: Factoring, reads: tuple[str, ...]) -> Method:
    """A regression for each modality, their outputs weighted and added."""
    return Method(name, lambda job: _prepare_stacked(job, factoring), reads)


def _prepare_joint(job: Job, factoring: Factoring) -> Space:
    weights, kernels = weight_axes(job), [_kernel(job, at) for at in range(len(job.specs))]
    smoothed = {**weights, "ridge": RIDGES}

    def make(setting: Setting) -> Smoother:
        return smooth(job, _summed(kernels, read_weights(job, setting)), setting["ridge"])

    smoother_of = remembering(make, smoothed)
    factors_of = remembering(partial(factoring.fit, job.warm.likes), factoring.axes, kept=16)
    items_of = remembering(
        lambda setting: smoother_of(setting).predict(factors_of(setting).items), {**smoothed, **factoring.axes}
    )
    popular_of = remembering(lambda setting: smoother_of(setting).predict(_log_popularity(job)), smoothed)

    def fit(setting: Setting) -> Ranker:
        return with_popularity(factors_of(setting), items_of(setting), popular_of(setting), setting["popularity"])

    return Space(fit, {**smoothed, **factoring.axes, "popularity": POPULARITIES})


def _prepare_stacked(job: Job, factoring: Factoring) -> Space:
    weights, kernels = weight_axes(job), [_kernel(job, at) for at in range(len(job.specs))]
    smoothed = {"ridge": STACK_RIDGES}
    smoothers_of = remembering(lambda setting: [smooth(job, kernel, setting["ridge"]) for kernel in kernels], smoothed)
    factors_of = remembering(partial(factoring.fit, job.warm.likes), factoring.axes, kept=16)

    def fit(setting: Setting) -> Ranker:
        smoothers, factors, counts = smoothers_of(setting), factors_of(setting), read_weights(job, setting)
        items = _added([smoother.predict(factors.items) for smoother in smoothers], counts)
        popular = _added([smoother.predict(_log_popularity(job)) for smoother in smoothers], counts)
        return with_popularity(factors, items, popular, setting["popularity"])

    return Space(fit, {**weights, **smoothed, **factoring.axes, "popularity": POPULARITIES})


def weight_axes(job: Job) -> Mapping[str, Axis]:
    """How the modalities are weighed; where that is all that there is to choose, the picture's weight has more values."""
    weighings = {"weighing": Axis(("by hand", "even"), "by hand")} if set(job.specs) & set(_HAND) else {}
    images = {"image": IMAGES[1 + len(weighings)]} if "image" in job.specs else {}
    return {**weighings, **images}


def read_weights(job: Job, setting: Setting) -> list[float]:
    """Of each modality, in the job's order."""
    chosen = _HAND if setting.get("weighing") == "by hand" else {}
    return [setting["image"] if name == "image" else chosen.get(name, 1.0) for name in job.specs]


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


def _summed(kernels: Sequence[Kernel], weights: Sequence[float]) -> Kernel:
    def total(features: Features) -> FloatArray:
        found = np.zeros((len(features), 1), np.float32)
        for kernel, weight in zip(kernels, weights, strict=True):
            found = found + np.float32(weight) * kernel(features) if weight else found
        return np.asarray(found, np.float32)

    return total


def _added(maps: Sequence[Callable[[Features], FloatArray]], weights: Sequence[float]) -> Callable[[Features], FloatArray]:
    def total(features: Features) -> FloatArray:
        parts = [weight * predict(features) for predict, weight in zip(maps, weights, strict=True) if weight]
        return np.asarray(np.sum(parts, axis=0), np.float32)

    return total


def _log_popularity(job: Job) -> FloatArray:
    """(I, 1) centred."""
    popularity = np.log(np.asarray(job.warm.likes.sum(axis=0)).ravel() + 1)
    return np.asarray((popularity - popularity.mean())[:, None], np.float32)


SUM_OF_MODALITIES = [
    stacked("sum of per-modality closed forms to iALS", IALS, STANDARD),
    joint("joint kernel to iALS", IALS, STANDARD),
    joint("joint kernel to damped SVD", DAMPED, STANDARD),
]
ALL_WAYS = [
    stacked("all ways to read: sum of closed forms to iALS", IALS, ()),
    joint("all ways to read: joint kernel to iALS", IALS, ()),
    joint("all ways to read: joint kernel to damped SVD", DAMPED, ()),
]

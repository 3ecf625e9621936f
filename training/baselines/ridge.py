"""Ridge regression from content: to each user's likes, or to collaborative factors."""

from collections.abc import Callable, Iterator

from model.content import FloatArray
from model.features import Features
from training.baselines.factors import als_factors, damped_factors, svd_factors
from training.baselines.kernels import FactorSettings, Kernel, fit_to_factors, gaussian_kernels, linear_kernels, smooth
from training.baselines.method import Method, Tried
from training.ranking import Ranker, Scores
from training.recipes.trained import Job

LINEAR_RIDGES = (1.0, 3.0, 10.0)
GAUSSIAN_RIDGES = (0.3, 0.7, 1.5)


def fit_user_ridge(job: Job) -> Tried:
    """A regression for each user, from content to what it liked; linear, and with Gaussian kernels."""
    for kernels, ridges in ((linear_kernels, LINEAR_RIDGES), (gaussian_kernels, GAUSSIAN_RIDGES)):
        yield from _to_users(job, kernels(job), ridges)


def _to_users(job: Job, kernels: Iterator[tuple[str, Kernel]], ridges: tuple[float, ...]) -> Tried:
    likes = job.warm.likes.toarray().T - job.warm.likes.mean(axis=1)
    for label, kernel in kernels:
        for ridge in ridges:
            yield f"{label}, ridge {ridge}", _of_everyone(smooth(job, kernel, ridge).predict(likes))


def _of_everyone(predict: Callable[[Features], FloatArray]) -> Ranker:
    """A ranker by predicted likes: from features to (C, U)."""

    def rank(features: Features) -> Scores:
        found = predict(features).T
        return lambda rows: found[rows]

    return rank


def _linear(settings: FactorSettings) -> Method:
    return Method(f"ridge to {_NAMES[settings]}", lambda job: fit_to_factors(job, linear_kernels(job), LINEAR_RIDGES, settings))


def _gaussian(settings: FactorSettings) -> Method:
    return Method(
        f"RBF ridge to {_NAMES[settings]}", lambda job: fit_to_factors(job, gaussian_kernels(job), GAUSSIAN_RIDGES, settings)
    )


_NAMES = {svd_factors: "SVD", damped_factors: "damped SVD", als_factors: "iALS"}
TO_FACTORS = [make(settings) for make in (_linear, _gaussian) for settings in _NAMES]

"""Ridge regression from content: to each user's likes, or to collaborative factors."""

from collections.abc import Mapping
from functools import partial

from model.content import FloatArray
from model.features import Features
from training.baselines.content import FEW_IMAGES, content_axes, read_content
from training.baselines.factors import DAMPED, IALS, SVD, Factoring
from training.baselines.kernels import Kernel, gaussian_kernel, linear_kernel, smooth
from training.baselines.method import Axis, Method, Setting, Space, remembering
from training.ranking import Ranker, Scores, by_factors
from training.recipes.trained import Job

RIDGES = (0.1, 0.3, 0.7, 1.5, 3.0, 6.0, 10.0, 30.0, 100.0)
LINEAR = {"ridge": Axis(RIDGES, 3.0)}
GAUSSIAN = {"bandwidth": Axis((0.5, 1.0, 2.0), 1.0), "ridge": Axis((0.3, 0.7, 1.5), 0.7)}
EITHER = {"bandwidth": Axis((0.0, 0.25, 0.5, 1.0, 2.0, 4.0), 1.0), "ridge": Axis(RIDGES, 1.5)}
"""A bandwidth of 0 is a linear kernel."""


def prepare_user_ridge(job: Job) -> Space:
    """A regression for each user, from content to what it liked; linear, or with a Gaussian kernel."""
    likes = job.warm.likes.toarray().T - job.warm.likes.mean(axis=1)

    def fit(setting: Setting) -> Ranker:
        predict = smooth(job, read_kernel(job, setting), setting["ridge"]).predict(likes)

        def rank(features: Features) -> Scores:
            found: FloatArray = predict(features).T
            return lambda rows: found[rows]

        return rank

    return Space(fit, {**content_axes(job, FEW_IMAGES), **EITHER})


def to_factors(name: str, kernel: Mapping[str, Axis], factoring: Factoring) -> Method:
    """One regression from content to the items' factors."""

    def prepare(job: Job) -> Space:
        content = {**content_axes(job, FEW_IMAGES), **kernel}
        factors_of = remembering(partial(factoring.fit, job.warm.likes), factoring.axes, kept=16)
        smoother_of = remembering(lambda setting: smooth(job, read_kernel(job, setting), setting["ridge"]), content)

        def fit(setting: Setting) -> Ranker:
            factors = factors_of(setting)
            return by_factors(factors.users, smoother_of(setting).predict(factors.items))

        return Space(fit, {**content, **factoring.axes})

    return Method(name, prepare)


def read_kernel(job: Job, setting: Setting) -> Kernel:
    """Gaussian where the setting has a bandwidth above 0, else inner products."""
    content = read_content(job, setting)
    warm = content.of(job.warm.features)
    bandwidth = setting.get("bandwidth", 0.0)
    return gaussian_kernel(content.of, warm, bandwidth) if bandwidth else linear_kernel(content.of, warm)


TO_FACTORS = [
    to_factors(f"{name} to {factoring.name}", kernel, factoring)
    for name, kernel in (("ridge", LINEAR), ("RBF ridge", GAUSSIAN))
    for factoring in (SVD, DAMPED, IALS)
]

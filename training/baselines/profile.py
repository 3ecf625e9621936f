"""Cosine between an item's content and a user's history: to its mean profile, to its best match, to its nearest."""

from collections.abc import Callable

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from model.content import FloatArray
from model.features import Features
from training.baselines.content import Content, unit_rows, weighted_contents
from training.baselines.method import Tried
from training.ranking import Ranker, Scores, by_factors
from training.recipes.trained import Job

NEIGHBOURS = (10, 30, 100)


def fit_mean_profile(job: Job) -> Tried:
    """Cosine to the mean content of what a user liked."""
    for label, content in weighted_contents(job):
        yield label, by_factors(unit_rows(job.warm.likes @ content.of(job.warm.features)), content.of)


def fit_best_match(job: Job) -> Tried:
    """The highest cosine to anything that a user liked."""
    for label, content in weighted_contents(job):
        yield label, _by_similarity(job, content, _best)


def fit_content_knn(job: Job) -> Tried:
    """The sum of the cosines to those of an item's nearest warm items that a user liked."""
    for label, content in weighted_contents(job):
        for count in NEIGHBOURS:
            yield f"{label}, {count} neighbours", _by_similarity(job, content, _summed, count)


def _by_similarity(
    job: Job, content: Content, score: Callable[[sp.csr_array, FloatArray], FloatArray], count: int | None = None
) -> Ranker:
    warm = content.of(job.warm.features)

    def rank(features: Features) -> Scores:
        similar = content.of(features) @ warm.T  # (C, I)
        if count is not None:
            least = -np.partition(-similar, min(count, len(warm)) - 1, axis=1)[:, min(count, len(warm)) - 1, None]
            similar = np.where(similar >= least, np.maximum(similar, 0), 0)

        def scores(rows: NDArray[np.intp]) -> FloatArray:
            return score(job.warm.likes[rows], similar)

        return scores

    return rank


def _summed(likes: sp.csr_array, similar: FloatArray) -> FloatArray:
    return np.asarray(likes @ similar.T, np.float32)


def _best(likes: sp.csr_array, similar: FloatArray) -> FloatArray:
    found = np.zeros((likes.shape[0], len(similar)), np.float32)
    for row in range(likes.shape[0]):
        liked = likes.indices[likes.indptr[row] : likes.indptr[row + 1]]
        if len(liked):
            found[row] = similar[:, liked].max(axis=1)
    return found

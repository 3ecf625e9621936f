"""Cosine between an item's content and a user's history: to its mean profile, to its best matches, to an item's nearest."""

from collections.abc import Callable

import numpy as np
import scipy.sparse as sp

from model.content import FloatArray
from model.features import Features
from training.baselines.content import content_axes, read_content, unit_rows
from training.baselines.method import Axis, Setting, Space
from training.ranking import Ranker, Scores, by_factors
from training.recipes.trained import Job

RARITIES = Axis((0.0, 0.125, 0.25, 0.375, 0.5, 0.625, 0.75, 0.875, 1.0), 0.0)
"""The power of an item's popularity that a like of it is divided by."""
MATCHES = Axis((1, 2, 3, 5, 10, 20, 50, 100, 200), 1)
"""Over how many of the highest cosines the mean is taken; 1 is the best match as such."""
NEIGHBOURS = Axis((1, 2, 3, 5, 10, 20, 30, 50, 100, 200, 400), 30)


def prepare_mean_profile(job: Job) -> Space:
    """Cosine to the mean content of what a user liked."""

    def fit(setting: Setting) -> Ranker:
        content = read_content(job, setting)
        likes = rare_first(job.warm.likes, setting["rarity"])
        return by_factors(unit_rows(likes @ content.of(job.warm.features)), content.of)

    return Space(fit, {**content_axes(job), "rarity": RARITIES})


def prepare_best_match(job: Job) -> Space:
    """The highest cosine to anything that a user liked, or the mean of the highest ones."""

    def fit(setting: Setting) -> Ranker:
        similar = similarities(job, setting)
        return _by_similarity(job.warm.likes, similar, lambda likes, near: _best(likes, near, setting["matches"]))

    return Space(fit, {**content_axes(job), "matches": MATCHES})


def prepare_content_knn(job: Job) -> Space:
    """The sum of the cosines to those of an item's nearest warm items that a user liked."""

    def fit(setting: Setting) -> Ranker:
        similar = similarities(job, setting)
        likes = rare_first(job.warm.likes, setting["rarity"])
        return _by_similarity(likes, lambda features: nearest(similar(features), setting["neighbours"]), _summed)

    return Space(fit, {**content_axes(job), "neighbours": NEIGHBOURS, "rarity": RARITIES})


def rare_first(likes: sp.csr_array, power: float) -> sp.csr_array:
    """The likes, each divided by a power of how many the item has."""
    popularity = np.maximum(np.asarray(likes.sum(axis=0)).ravel(), 1)
    return sp.csr_array(likes @ sp.diags_array((popularity**-power).astype(np.float32)))


def similarities(job: Job, setting: Setting) -> Callable[[Features], FloatArray]:
    """From features to their (C, I) cosines to the warm items."""
    content = read_content(job, setting)
    warm = content.of(job.warm.features)
    return lambda features: content.of(features) @ warm.T


def nearest(similar: FloatArray, count: int) -> FloatArray:
    """(C, I) with the highest cosines of each row alone, those above 0; the rest is 0."""
    place = min(count, similar.shape[1]) - 1
    least = -np.partition(-similar, place, axis=1)[:, place, None]
    return np.where(similar >= least, np.maximum(similar, 0), 0)


def _by_similarity(
    likes: sp.csr_array, similar: Callable[[Features], FloatArray], score: Callable[[sp.csr_array, FloatArray], FloatArray]
) -> Ranker:
    def rank(features: Features) -> Scores:
        near = similar(features)
        return lambda rows: score(likes[rows], near)

    return rank


def _summed(likes: sp.csr_array, similar: FloatArray) -> FloatArray:
    return np.asarray(likes @ similar.T, np.float32)


def _best(likes: sp.csr_array, similar: FloatArray, matches: int) -> FloatArray:
    found = np.zeros((likes.shape[0], len(similar)), np.float32)
    for row in range(likes.shape[0]):
        liked = likes.indices[likes.indptr[row] : likes.indptr[row + 1]]
        if len(liked):
            place = max(0, len(liked) - matches)
            found[row] = np.partition(similar[:, liked], place, axis=1)[:, place:].mean(axis=1)
    return found

"""A random order: the floor."""

import numpy as np
from numpy.typing import NDArray

from model.content import FloatArray
from model.features import Features
from training.baselines.method import Space
from training.ranking import Scores
from training.recipes.trained import Job


def prepare_chance(job: Job) -> Space:
    """The same order for every user of a seed would be luck; each user gets one of its own."""

    def rank(features: Features) -> Scores:
        def scores(rows: NDArray[np.intp]) -> FloatArray:
            return np.stack([np.random.default_rng([job.seed, int(row)]).random(len(features), np.float32) for row in rows])

        return scores

    return Space(lambda _: rank)

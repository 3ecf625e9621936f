"""How much what users like beyond the teacher's factors counts: as the items held out for validation are ranked best."""

from collections.abc import Iterator

import numpy as np

from model.content import FloatArray
from model.fold_in import place_users
from training.progress import Step
from training.recipes.closed_form import add, solve_positive, write_expert
from training.recipes.embed import expert_outputs
from training.recipes.likeness import Likeness
from training.recipes.trained import Job
from training.recipes.view_kernels import ViewItems, ViewKernels
from training.recipes.weigh_kernels import MARGIN, POPULARITY

FACTORS = (2.0, 4.0)
"""
What the weight is multiplied by. Where users have much in common it is small at its best, and where each likes something of its
own it is larger. (The warm items, each as the others predict it, cannot tell: these factors were made of likes of them.)
"""
_FOUND = 0.3
"""NDCG@20 from which on chance brings the whole margin; where less is found, it brings less in proportion."""


def weigh_likeness(
    job: Job, items: ViewItems, kernels: ViewKernels, ridge: float, likeness: Likeness, start: float, advance: Step
) -> float:
    """
    The start, or a multiple of it that ranks better by more than chance brings.

    Args:
        items: of the first view, whose experts are written over, and its kernels, weighed.
        ridge: of the view's regression, here on its landmarks.
    """
    weights = [start, *(start * factor for factor in FACTORS)]
    qualities = []
    for quality in _judge(job, items, kernels, ridge, likeness, weights):
        qualities.append(quality)
        advance(1, f"NDCG@20 {max(qualities):.4f}")
    best = 0
    for at in range(1, len(weights)):
        best = at if qualities[at] > qualities[best] + _margin(job, qualities[best]) else best
    return weights[best]


def _margin(job: Job, found: float) -> float:
    return float(MARGIN / np.sqrt(len(job.cold.item_ids)) * min(1.0, found / _FOUND))


def _judge(
    job: Job, items: ViewItems, kernels: ViewKernels, ridge: float, likeness: Likeness, weights: list[float]
) -> Iterator[float]:
    """NDCG@20 of the closed form on the validation items by each weight."""
    whole = likeness.beside(1.0)
    _write(items, kernels, ridge, whole.targets)
    predicted = expert_outputs(items.mixture, job.cold.features).sum(dim=1).numpy()
    own = whole.items.shape[1] - whole.beyond
    for weight in weights:
        scaled = predicted.copy()
        scaled[:, own:-1] *= weight
        spread = np.atleast_2d(np.cov(scaled[:, :-1].T, bias=True)).astype(np.float32)
        yield job.ndcg(place_users(whole.users, POPULARITY, spread), scaled)


def _write(items: ViewItems, kernels: ViewKernels, ridge: float, targets: FloatArray) -> None:
    known = add(kernels.whole(items.landmarks)).astype(np.float64)
    known[np.diag_indices_from(known)] += ridge
    solution = solve_positive(known, targets[items.rows[items.landmarks]].astype(np.float64))
    for expert, encoding in enumerate(items.encodings):
        write_expert(items.mixture, expert, encoding, items.landmarks, solution)

"""Content as most people would prepare it: centred on warm items, rows of length 1, pictures beside words."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import scipy.sparse as sp

from model.content import FloatArray
from model.features import Features
from training.baselines.method import Axis, Setting
from training.recipes.trained import Job

IMAGE = Axis((0.0, 0.05, 0.1, 0.15, 0.25, 0.35, 0.5, 0.7, 1.0, 1.4, 2.0, 4.0), 0.25)
"""How much the picture counts beside the words."""
FEW_IMAGES = Axis((0.0, 0.25, 0.5, 1.0), 0.25)
"""The same where there is more to choose."""


class Content:
    """Features of all modalities in one row each, prepared on warm items; what is missing is zeros, the centre."""

    def __init__(self, job: Job, weights: Sequence[float]) -> None:
        """
        Args:
            weights: of the modalities, in the job's order.
        """
        self._weights = weights
        self._centres = [_centre(job.warm.features, at) for at in range(len(weights))]

    def of(self, features: Features) -> FloatArray:
        """(B, d): rows of length 1."""
        parts = [self.modality(features, at) * weight for at, weight in enumerate(self._weights) if weight]
        return unit_rows(np.concatenate(parts, axis=1))

    def modality(self, features: Features, at: int) -> FloatArray:
        """(B, d_m): one modality's, rows of length 1, zeros where it is missing."""
        return unit_rows((features.values[at] - self._centres[at]) * features.present[:, at : at + 1])


def content_axes(job: Job, image: Axis = IMAGE) -> Mapping[str, Axis]:
    """The picture's weight, where there is something beside it."""
    return {"image": image} if len(job.specs) > 1 and "image" in job.specs else {}


def read_content(job: Job, setting: Setting) -> Content:
    """The content of a setting of these axes, everything but the picture counting 1."""
    weights: Mapping[str, Any] = {"image": setting.get("image", 1.0)}
    return Content(job, [weights.get(name, 1.0) for name in job.specs])


def unit_rows(values: FloatArray) -> FloatArray:
    """Rows scaled to length 1; zeros stay."""
    return np.asarray(values / np.maximum(np.linalg.norm(values, axis=1, keepdims=True), 1e-9), np.float32)


def _centre(features: Features, at: int) -> FloatArray:
    value, there = features.values[at], features.present[:, at]
    if isinstance(value, sp.csr_array) or not there.any():  # nothing here reads terms that way: see `kernels.vocabulary_kernel`
        return np.zeros(value.shape[1], np.float32)
    return np.asarray(value[there].mean(axis=0), np.float32)

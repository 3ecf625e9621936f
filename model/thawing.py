"""
An item from its audience: from where its content puts it to where those who reacted to it are.

In the space of users' taste an item lies where its audience's mean lies. Content foresees that mean with an error
whose covariance P is known from warm items that were held out; n people who acted tell it with the error W / n, W the
covariance of taste within an audience. Both are Gaussian, so the posterior mean is in closed form; in the basis in
which W is the identity and P is diagonal, it moves every coordinate on its own by `n p / (1 + n p)` of the way.

People who were shown the item and did not act count too, through what makes the exposed differ from everybody: their
taste is taken off at the rate at which exposure leads to acting. Who never saw the item says nothing.

Every recipe leaves arrays of these names in the checkpoint (`fold_in.safetensors`):

    thaw_reading (F, F)     from a user's taste to the basis
    thaw_into (F, F)        from an item's place in the space of taste to the basis
    thaw_back (F, F)        and back
    thaw_ratio (F,)         p
    thaw_everyone (F,)      the mean taste of all users
    thaw_growth (2,)        an item of popularity q lies e to the (a + b q) as far out as its audience's mean
    thaw_rate (2,)          how often exposure leads to acting, and how many exposures that guess is worth

Source: Agarwal, Chen and Elango, "Fast Online Learning through Offline Initialization for Time-sensitive
    Recommendation", KDD 2010, start online item factors from content and update them by Gaussian posteriors; here the
    covariances come from held-out items, nothing is sequential, and the update of many items is one product.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from model.content import FloatArray


@dataclass(frozen=True, slots=True)
class Evidence:
    """What N items' events say, summed: the order of events cannot matter."""

    acted: FloatArray
    """(N,): the weights of those who acted, summed."""
    acted_sum: FloatArray
    """(N, F): their tastes, weighted and summed."""
    passed: FloatArray
    """(N,): the weights of those who were shown the item and did not act."""
    passed_sum: FloatArray
    """(N, F)."""
    trained: FloatArray
    """(N,): how many acted in training; 0 for a cold item."""


class Thawing:
    """Moves items from their anchors to where their audience is."""

    def __init__(self, arrays: Mapping[str, FloatArray]) -> None:
        self._arrays = arrays
        self._factors = len(arrays["prior"])

    def move(self, anchors: FloatArray, evidence: Evidence) -> FloatArray:
        """
        Args:
            anchors: (N, D).

        Returns:
            (N, D) float32 served embeddings; an item without events stays exactly where it is.
        """
        kept = self._arrays
        growth, centre = self._growth(anchors), kept["centre"]
        place = (anchors[:, : self._factors] + centre) / growth @ kept["thaw_into"]  # (N, F)
        exposed = (evidence.acted + evidence.passed)[:, None]
        rate, strength = kept["thaw_rate"]
        acting = (evidence.acted[:, None] + strength * rate) / (exposed + strength)  # (N, 1)
        contrast = evidence.acted_sum + evidence.passed_sum - exposed * kept["thaw_everyone"]  # (N, F)
        shown = np.where(evidence.passed[:, None] > 0, acting, 0.0)
        told = (evidence.acted_sum - shown * contrast) @ kept["thaw_reading"]
        moved = self._gain(evidence) * (told - evidence.acted[:, None] * place)  # (N, F)
        served = np.array(anchors, np.float32)
        served[:, : self._factors] += moved @ kept["thaw_back"] * growth
        return served

    def shares(self, evidence: Evidence) -> FloatArray:
        """(N,) in [0, 1): how far each item has come from its content to its audience, the mean over coordinates."""
        came = self._gain(evidence) * evidence.acted[:, None]
        return np.asarray(came.mean(axis=1), np.float32)

    def _gain(self, evidence: Evidence) -> FloatArray:
        """(N, F): how far one person moves each coordinate."""
        ratio = self._arrays["thaw_ratio"]
        known = (evidence.trained + evidence.acted)[:, None]
        return np.asarray(ratio / (1 + known * ratio), np.float32)

    def _growth(self, anchors: FloatArray) -> FloatArray:
        start, power = self._arrays["thaw_growth"]
        popularity = anchors[:, self._factors :]  # (N, 1), or (N, 0) where embeddings have none
        return np.exp(start + power * popularity) if popularity.shape[1] else np.full((len(anchors), 1), np.exp(start))

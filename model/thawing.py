"""
An item from its audience: from where its content puts it to where those who reacted to it are.

Who acts on an item has, in the mean, a taste that the item's embedding foretells; what the mean of n people's tastes
differs from that tells where content erred. On warm items that were held out, content's error, the error of the
foretold taste and how tastes vary within an audience are all known, so that the best linear estimate of the one from
the other is in closed form:

    e' = e + C_re (C_rr + W / n)^-1 (mean taste of the n - foretold taste)

with C_rr the covariance of the foretold taste's error, C_re its covariance with content's error, and W that of tastes
within an audience. In the basis in which W is the identity and C_rr is diagonal, n people go `n p / (1 + n p)` of the
way along each coordinate. Popularity stays: who reacts does not tell how many will.

People who were shown the item and did not act count too, through what makes the exposed differ from everybody: that
is taken off at the rate at which exposure leads to acting. Who never saw the item says nothing.

Every recipe leaves arrays of these names in the checkpoint (`fold_in.safetensors`), for F factors of taste:

    thaw_reading (F, F)     from a user's reading (`FoldIn.readings`) to the basis
    thaw_foretold (D, F)    from an item's embedding to the foretold mean, in the basis
    thaw_offset (F,)        added to it
    thaw_ratio (F,)         p
    thaw_back (F, F)        from the basis to an embedding's taste
    thaw_everyone (F,)      the mean reading of all users
    thaw_rate (2,)          how often exposure leads to acting, and how many exposures that guess is worth

Source: Agarwal, Chen and Elango, "Fast Online Learning through Offline Initialization for Time-sensitive
    Recommendation", KDD 2010, start online item factors from content and update them by Gaussian posteriors. Here the
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
    """(N, F): their readings (`FoldIn.readings`), weighted and summed."""
    passed: FloatArray
    """(N,): the weights of those who were shown the item and did not act."""
    passed_sum: FloatArray
    """(N, F): their readings, likewise."""
    trained: FloatArray
    """(N,): how many acted in training; 0 for a cold item."""


class Thawing:
    """Moves items from their anchors to where their audience is."""

    def __init__(self, arrays: Mapping[str, FloatArray]) -> None:
        self._arrays = arrays
        self._factors = len(arrays["thaw_ratio"])

    def move(self, anchors: FloatArray, evidence: Evidence) -> FloatArray:
        """
        Args:
            anchors: (N, D).

        Returns:
            (N, D) float32 served embeddings; an item without events stays exactly where it is.
        """
        kept = self._arrays
        foretold = anchors @ kept["thaw_foretold"] + kept["thaw_offset"]  # (N, F)
        told = self._without_exposure(evidence) @ kept["thaw_reading"]
        surprise = (told - evidence.acted[:, None] * foretold) / self._certainty(evidence)
        served = np.array(anchors, np.float32)
        served[:, : self._factors] += surprise @ kept["thaw_back"]
        return served

    def shares(self, evidence: Evidence) -> FloatArray:
        """(N,) in [0, 1): how far each item has come from its content to its audience, the mean over coordinates."""
        came = evidence.acted[:, None] * self._arrays["thaw_ratio"] / self._certainty(evidence)
        return np.asarray(came.mean(axis=1), np.float32)

    def _without_exposure(self, evidence: Evidence) -> FloatArray:
        """(N, F): the summed readings of those who acted, less what comes of having been shown the item."""
        rate, strength = self._arrays["thaw_rate"]
        exposed = evidence.acted + evidence.passed
        acting = (evidence.acted + strength * rate) / (exposed + strength)
        counted = np.where(evidence.passed > 0, acting, 0.0)[:, None]
        contrast = evidence.acted_sum + evidence.passed_sum - exposed[:, None] * self._arrays["thaw_everyone"]
        return np.asarray(evidence.acted_sum - counted * contrast, np.float32)

    def _certainty(self, evidence: Evidence) -> FloatArray:
        """(N, F): 1 + n p."""
        known = (evidence.trained + evidence.acted)[:, None]
        return np.asarray(1 + known * self._arrays["thaw_ratio"], np.float32)

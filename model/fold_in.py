"""
A user from events, in closed form: what it did moves it, starting from where training left it.

Every recipe leaves arrays of these names in the checkpoint (`fold_in.safetensors`), F factors of taste:

    prior (F,)            the taste of a user of whom nothing is known
    step (F, F)           from an anchor's taste to what one event adds to a user
    centre (F,)           added to an anchor's taste before it
    rarity (1,)           what an anchor's popularity takes from its step: the power of e to the minus rarity x popularity
    spread (F, F)         covariance of items' taste; not there where embeddings have no popularity
    popularity (1,)       the weight of the popularity coordinate, in deviations of a user's scores; likewise
    cold_shares (S,)      shares of cold items in the first 20 of a list that training reached; not there where it reached none
    cold_taus (S,)        what a cold item's score must be helped by for them, in deviations of a user's scores; likewise

Source: for SVD factors a user is the projection of its likes on the items' singular vectors (Cremonesi, Koren and
    Turrin, RecSys 2010), here with something of the plain sum of what it likes, shrunk towards the prior user, and
    taken from items' embeddings, so that an item that no training saw adds to a user like any other.
"""

from collections.abc import Mapping

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from model.content import FloatArray
from model.score_deviations import score_deviations


class FoldIn:
    """
    Places users from weighted events on anchors.

    A user's taste is a sum: the taste it starts from (`base`, or `prior` for a stranger) plus weight times step of
    each event. So it depends on the set of events and not on their order, and an event can be taken back.
    """

    def __init__(self, arrays: Mapping[str, FloatArray]) -> None:
        self._arrays = arrays
        self.prior: FloatArray = arrays["prior"]
        """(F,) float32: the taste that a stranger starts from."""
        self._has_popularity = "popularity" in arrays

    @property
    def factors(self) -> int:
        """F, the width of taste."""
        return len(self.prior)

    def base(self, users: FloatArray) -> FloatArray:
        """(B, D) trained user embeddings to (B, F): the taste that users of the checkpoint start from."""
        return users[:, : self.factors]

    def steps(self, anchors: FloatArray) -> FloatArray:
        """
        What one event of weight 1 on each item adds to a user's taste.

        Args:
            anchors: (N, D).

        Returns:
            (N, F) float32.
        """
        taste = (anchors[:, : self.factors] + self._arrays["centre"]) @ self._arrays["step"]
        if not self._has_popularity:
            return np.asarray(taste, np.float32)
        rarity = np.exp(-self._arrays["rarity"] * anchors[:, self.factors :])  # (N, 1)
        return np.asarray(taste * rarity, np.float32)

    def fold(self, bases: FloatArray, weights: NDArray[np.float64] | sp.csr_array, steps: NDArray[np.floating]) -> FloatArray:
        """
        The tastes of users who did something.

        Args:
            bases: (U, F) the tastes that they start from, or (F,) one for all of them.
            weights: (U, N) how much each of N events counts for each of them.
            steps: (N, F) what each event adds at weight 1, as `steps` has it.

        Returns:
            (U, F) float32, summed in float64.
        """
        return np.asarray(bases + weights @ np.asarray(steps, np.float64), np.float32)

    def place(self, tastes: FloatArray) -> FloatArray:
        """
        Tastes to user embeddings.

        Where embeddings have a popularity coordinate, a user's is popularity's weight times the spread of the user's
        scores, so that popularity moves every ranking alike, however much a user did.

        Args:
            tastes: (B, F).

        Returns:
            (B, D) float32.
        """
        if not self._has_popularity:
            return np.asarray(tastes, np.float32)
        return place_users(tastes, float(self._arrays["popularity"][0]), self._arrays["spread"])

    def readings(self, tastes: FloatArray) -> FloatArray:
        """
        What users say of an item that they act on (`model.thawing`): their tastes in units of `deviations`, so that
        those who did much do not drown the others.

        Args:
            tastes: (B, F).

        Returns:
            (B, F) float32.
        """
        return np.asarray(tastes / self.deviations(tastes)[:, None], np.float32)

    def deviations(self, tastes: FloatArray) -> FloatArray:
        """(B, F) tastes to (B,): the spread of each user's scores, or the taste's length where that is not known."""
        spread = self._arrays["spread"] if self._has_popularity else np.eye(self.factors, dtype=np.float32)
        return np.asarray(score_deviations(tastes, spread), np.float32)


def place_users(tastes: FloatArray, popularity: float, spread: FloatArray) -> FloatArray:
    """
    (B, F) tastes to (B, F + 1) user embeddings; the last coordinate is the weight of popularity for each user.

    Args:
        popularity: its weight, in deviations of a user's scores.
        spread: (F, F) covariance of items' taste.
    """
    deviations = score_deviations(tastes, spread).astype(np.float32)
    return np.column_stack([tastes, popularity * deviations]).astype(np.float32)

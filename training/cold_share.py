"""How much a cold item must be helped for lists to hold a wanted share of cold items."""

from collections.abc import Sequence

import numpy as np

from model.content import BoolArray, FloatArray
from training.dataset import WarmData, entries

SHARES = (0.02, 0.05, 0.1, 0.2, 0.3, 0.5)
_REACH = 8.0
_STEPS = 16
_USERS = 1000
_CHUNK = 64
"""Users whose scores of all items are held at once."""


def find_taus(
    users: FloatArray,
    warm: WarmData,
    warm_items: FloatArray,
    cold_items: FloatArray,
    *,
    shares: Sequence[float] = SHARES,
    k: int = 20,
) -> dict[float, float]:
    """
    The tau at which cold items fill each share of the first k, on average over users.

    A cold item's score is `u . e + tau x sigma_u`, with sigma_u the deviation of the user's scores of warm items; what
    a user had in training is no candidate. The share rises with tau, so bisection finds it.

    Args:
        users: (U, D), rows as in the warm data; a thousand of them are looked at.
        warm_items, cold_items: (I, D) and (C, D) embeddings.

    Returns:
        By share, in their order, those that some tau reaches: three cold items never fill half of twenty places.
    """
    looked = np.linspace(0, len(users) - 1, min(len(users), _USERS)).astype(np.intp)
    parts = [
        _look_at(users[rows], entries(warm.seen[rows]), warm_items, cold_items, k)
        for rows in np.split(looked, range(_CHUNK, len(looked), _CHUNK))
    ]
    best_warm, best_cold, deviations = (np.concatenate(part) for part in zip(*parts, strict=True))
    least, most = (cold_share(best_warm, best_cold + np.float32(tau) * deviations, k) for tau in (-_REACH, _REACH))
    return {share: _bisect(best_warm, best_cold, deviations, share, k) for share in shares if least < share <= most}


def _look_at(
    users: FloatArray, seen: BoolArray, warm_items: FloatArray, cold_items: FloatArray, k: int
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Of some users: the (U, k) best scores of warm and of cold items, and the (U, 1) deviations of those of warm items."""
    scores = users @ warm_items.T  # (U, I)
    best_warm = _best(np.where(seen, -np.inf, scores), k)
    return best_warm, _best(users @ cold_items.T, k), scores.std(axis=1, keepdims=True)


def cold_share(best_warm: FloatArray, best_cold: FloatArray, k: int) -> float:
    """The share of cold items in the first k, of (U, k) best scores on either side."""
    both = np.concatenate([best_warm, best_cold], axis=1)
    last = -np.partition(-both, k - 1, axis=1)[:, k - 1, None]
    listed = (best_cold >= last) & np.isfinite(best_cold)  # with fewer candidates than places, the last is -inf
    return float(np.minimum(listed.sum(axis=1), k).mean() / k)


def _bisect(best_warm: FloatArray, best_cold: FloatArray, deviations: FloatArray, share: float, k: int) -> float:
    low, high = -_REACH, _REACH
    for _ in range(_STEPS):
        middle = (low + high) / 2
        if cold_share(best_warm, best_cold + middle * deviations, k) < share:
            low = middle
        else:
            high = middle
    return (low + high) / 2


def _best(scores: FloatArray, k: int) -> FloatArray:
    """(U, k): the k best scores, -inf where there are fewer."""
    padded = np.concatenate([scores, np.full((len(scores), k), -np.inf, scores.dtype)], axis=1)
    return np.asarray(-np.partition(-padded, k - 1, axis=1)[:, :k], np.float32)

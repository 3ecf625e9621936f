"""A list whose items differ: maximal marginal relevance."""

from collections.abc import Sequence

import numpy as np

from model.content import FloatArray

_LEAST, _MOST = 100, 2000
_SMALLEST = 1e-12


def candidates_for(k: int, diversity: float) -> int:
    """How many candidates a list of k is chosen from; k itself where nothing is to be diversified."""
    return k if diversity == 0 else max(k, min(max(4 * k, _LEAST), _MOST))


def choose_diverse(relevances: Sequence[float], embeddings: FloatArray, k: int, diversity: float) -> list[int]:
    """
    Chooses one after another the candidate of the highest `(1 - δ) r - δ s`.

    r is its relevance, moved and scaled so that the candidates' span [0, 1]; s the cosine to the chosen item that it
    is most like, 0 for the first. The first is therefore the most relevant one, whatever δ; with δ = 0 all come in order.

    Args:
        relevances: (N,) best first.
        embeddings: (N, F).
        diversity: δ in [0, 1].

    Returns:
        Places of up to k candidates, in the order chosen.

    Source: Carbonell and Goldstein, "The Use of MMR, Diversity-Based Reranking", SIGIR 1998, with relevance scaled so
        that δ means the same for every user.
    """
    if not len(relevances):
        return []
    scaled = np.asarray(relevances, np.float64)
    scaled = (scaled - scaled.min()) / max(float(np.ptp(scaled)), _SMALLEST)
    unit = embeddings / np.maximum(np.linalg.norm(embeddings, axis=1, keepdims=True), _SMALLEST)
    chosen = [0]
    nearest = unit @ unit[0]  # (N,) cosine to the chosen item that each is most like
    while len(chosen) < min(k, len(scaled)):
        worth = (1 - diversity) * scaled - diversity * nearest
        worth[chosen] = -np.inf
        chosen.append(int(worth.argmax()))
        nearest = np.maximum(nearest, unit @ unit[chosen[-1]])
    return chosen

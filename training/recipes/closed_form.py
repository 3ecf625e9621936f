"""Experts in closed form: kernel ridge regression on landmarks, written into a network's weights."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import scipy.linalg
import scipy.sparse as sp
import torch
from numpy.typing import NDArray

from model.content import FloatArray
from model.experts import LandmarkLens, Lens, Mixture, VocabularyLens
from model.features import Encoding, Features, to_tensor

_CHUNK = 512
_JITTER = 1e-6


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """The places of a sparse modality that items share."""

    places: NDArray[np.int64]
    """(R,) rising."""
    rarity: FloatArray
    """(R,): rare terms count a little more."""


def take_vocabulary(encoding: Encoding, *, limit: int, power: float = 0.25) -> Vocabulary:
    """
    Places that are not zero in at least two rows, the most frequent ones where there are more than the limit.

    Args:
        power: of the inverse document frequency in the weights.
    """
    places, counts = np.unique(encoding.indices, return_counts=True)
    shared = np.flatnonzero(counts >= 2)
    best = np.sort(shared[np.argsort(-counts[shared], kind="stable")[:limit]])
    rarity = np.log((1 + encoding.shape[0]) / (1 + counts[best]))
    return Vocabulary(places[best].astype(np.int64), np.maximum(rarity, 1e-3).astype(np.float32) ** power)


@torch.inference_mode()
def place_lens(lens: Lens, encoding: Encoding, landmarks: NDArray[np.intp]) -> None:
    """
    Sets a lens's centre and landmarks, or its vocabulary, from warm items.

    Args:
        encoding: (I, d) of warm items that have the modality.
        landmarks: rows of the items that are landmarks.
    """
    if isinstance(lens, LandmarkLens):
        lens.centre.copy_(torch.from_numpy(encoding.mean(axis=0)))
        lens.points.copy_(lens.place(torch.from_numpy(encoding[landmarks])))
    elif isinstance(lens, VocabularyLens):
        vocabulary = take_vocabulary(encoding, limit=lens.width)
        lens.places[: len(vocabulary.places)] = torch.from_numpy(vocabulary.places)
        lens.rarity[: len(vocabulary.places)] = torch.from_numpy(vocabulary.rarity)


def lens_kernel(lens: Lens, encoding: Encoding, landmarks: NDArray[np.intp]) -> FloatArray:
    """
    The kernel that a lens of weight 1 stands for, between items and landmarks: Gaussian, or an inner product.

    Returns:
        (I, L) float32.
    """
    chunks = [through(lens, encoding[at : at + _CHUNK]) for at in range(0, encoding.shape[0], _CHUNK)]
    if isinstance(lens, LandmarkLens):
        return np.concatenate(chunks)
    seen = sp.vstack([sp.csr_array(chunk) for chunk in chunks], "csr")
    return np.asarray((seen @ seen[landmarks].T).toarray(), np.float32)


@torch.inference_mode()
def through(lens: Lens, encoding: Encoding) -> FloatArray:
    """(B, R): what experts see through a lens."""
    seen: FloatArray = lens(to_tensor(encoding)).numpy()
    return seen


def solve_ridge(kernel: FloatArray, between: FloatArray, targets: NDArray[np.floating], ridge: float) -> NDArray[np.float64]:
    """
    Coefficients of the landmarks, (L, D): `(K_ln K_nl + ridge K_ll)^-1 K_ln Y`.

    Where every item is a landmark, and no other is, this is kernel ridge regression itself and is solved as such.

    Args:
        kernel: (N, L) between the items to learn from and the landmarks.
        between: (L, L) among the landmarks.
        targets: (N, D).
    """
    wide = targets.astype(np.float64)
    if kernel.shape == between.shape and np.array_equal(kernel, between):
        gram, right = between.astype(np.float64), wide
        gram[np.diag_indices_from(gram)] += ridge
    else:
        seen = kernel.astype(np.float64)
        gram, right = seen.T @ seen + ridge * between, seen.T @ wide
        gram[np.diag_indices_from(gram)] += _JITTER * np.trace(gram) / len(gram)
    solution: NDArray[np.float64] = scipy.linalg.solve(gram, right, assume_a="pos", overwrite_a=True, check_finite=False)
    return solution


def write_expert(
    mixture: Mixture,
    expert: int,
    encodings: Sequence[Encoding],
    landmarks: NDArray[np.intp],
    coefficients: NDArray[np.float64],
    bias: FloatArray,
) -> None:
    """
    Makes a solution one expert's weights: landmarks keep their coefficients, an inner product gets their sum.

    Args:
        encodings: of the items, for each of the mixture's lenses.
    """
    blocks = []
    for lens, encoding in zip(mixture.plain_lenses(), encodings, strict=True):
        if isinstance(lens, LandmarkLens):
            blocks.append(coefficients)
        else:
            parts = np.array_split(np.arange(len(landmarks)), -(-len(landmarks) // _CHUNK))
            sums = (sp.csr_array(through(lens, encoding[landmarks[part]])).T @ coefficients[part] for part in parts)
            blocks.append(sum(sums, np.zeros((lens.width, coefficients.shape[1]))))
    with torch.no_grad():
        mixture.weight[expert] = torch.from_numpy(np.concatenate(blocks).T.astype(np.float32))
        mixture.bias[expert] = torch.from_numpy(bias)


def make_folds(count: int, folds: int, seed: int) -> list[NDArray[np.intp]]:
    """Rows split into parts of about equal size, at random."""
    order = np.random.default_rng(seed).permutation(count)
    return [np.sort(part).astype(np.intp) for part in np.array_split(order, min(folds, count))]


def complete_rows(features: Features, positions: Sequence[int]) -> NDArray[np.intp]:
    """Rows of the items that have every one of some modalities."""
    return np.flatnonzero(features.present[:, list(positions)].all(axis=1)).astype(np.intp)

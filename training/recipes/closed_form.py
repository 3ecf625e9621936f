"""Experts in closed form: kernel ridge regression on landmarks, written into a network's weights."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import scipy.linalg
import scipy.sparse as sp
import torch
from numpy.typing import NDArray
from torch import Tensor

from model.config import MamexConfig, ModalityConfig, ViewConfig
from model.content import FloatArray
from model.experts import LandmarkLens, Mixture, VocabularyLens
from model.features import Encoding, Features

_CHUNK = 512


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """The places of a sparse modality that items share."""

    places: NDArray[np.int64]
    """(R,) rising."""
    weights: FloatArray
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


def place_lenses(mixture: Mixture, config: MamexConfig, view: ViewConfig, features: Features, landmarks: NDArray[np.intp]) -> None:
    """
    Sets a mixture's centres, landmarks and vocabularies from warm items.

    Args:
        features: of warm items, each with all that the view reads.
        landmarks: rows of the items that are landmarks.
    """
    for lens, position in zip(mixture.lenses, config.positions(view), strict=True):
        encoding = features.values[position]
        if isinstance(lens, LandmarkLens):
            lens.centre = torch.from_numpy(encoding.mean(axis=0))
            lens.points = lens.place(torch.from_numpy(encoding[landmarks]))
        elif isinstance(lens, VocabularyLens):
            vocabulary = take_vocabulary(encoding, limit=lens.width)
            lens.places, lens.weights = torch.from_numpy(vocabulary.places), torch.from_numpy(vocabulary.weights)


@dataclass(frozen=True, slots=True)
class ViewKernel:
    """A view's items and landmarks as kernel values: what ridge regression needs, whatever the lenses."""

    to_landmarks: NDArray[np.float64]
    """(I, L)."""
    between: NDArray[np.float64]
    """(L, L) among the landmarks."""
    linear: dict[int, sp.csr_array]
    """By lens: the landmarks through it, (L, R), where the kernel is an inner product."""


@torch.inference_mode()
def take_kernel(mixture: Mixture, config: MamexConfig, view: ViewConfig, features: Features, landmarks: NDArray[np.intp]) -> ViewKernel:
    """
    Sums the kernels of a view's lenses: a Gaussian one of landmarks, an inner product of others.
    """
    total = np.zeros((len(features), len(landmarks)))
    linear: dict[int, sp.csr_array] = {}
    for at, (lens, position) in enumerate(zip(mixture.lenses, config.positions(view), strict=True)):
        if not isinstance(lens, LandmarkLens):
            chunks = np.array_split(landmarks, -(-len(landmarks) // _CHUNK))
            linear[at] = sp.vstack([sp.csr_array(_through(lens, features.take(rows), position)) for rows in chunks], "csr")
        for start in range(0, len(features), _CHUNK):
            seen = _through(lens, features.take(slice(start, start + _CHUNK)), position)
            values = seen if at not in linear else (sp.csr_array(seen) @ linear[at].T).toarray()
            total[start : start + _CHUNK] += values
    return ViewKernel(total, total[landmarks], linear)


def solve_ridge(kernel: ViewKernel, rows: NDArray[np.intp], targets: FloatArray, ridge: float) -> NDArray[np.float64]:
    """
    Coefficients of the landmarks, (L, D): `(K_ln K_nl + ridge K_ll)^-1 K_ln Y` over some rows.

    With every item a landmark this is kernel ridge regression itself.
    """
    seen = kernel.to_landmarks[rows]
    gram = seen.T @ seen + ridge * kernel.between
    gram[np.diag_indices_from(gram)] += 1e-6 * np.trace(gram) / len(gram)
    solution: NDArray[np.float64] = scipy.linalg.solve(gram, seen.T @ targets.astype(np.float64), assume_a="pos")
    return solution


def write_expert(mixture: Mixture, expert: int, kernel: ViewKernel, coefficients: NDArray[np.float64], bias: FloatArray) -> None:
    """Makes a solution one expert's weights: landmarks keep their coefficients, a linear lens gets their sum."""
    blocks = [
        kernel.linear[at].T @ coefficients if at in kernel.linear else coefficients
        for at in range(len(mixture.lenses))
    ]
    with torch.no_grad():
        mixture.weight[expert] = torch.from_numpy(np.concatenate(blocks).T.astype(np.float32))
        mixture.bias[expert] = torch.from_numpy(bias)


def make_folds(count: int, folds: int, seed: int) -> list[NDArray[np.intp]]:
    """Rows split into parts of about equal size, at random."""
    order = np.random.default_rng(seed).permutation(count)
    return [np.sort(part) for part in np.array_split(order, min(folds, count))]


def _through(lens: torch.nn.Module, features: Features, position: int) -> FloatArray:
    tensors, _ = features.tensors()
    seen: Tensor = lens(tensors[position])
    array: FloatArray = seen.numpy()
    return array


def complete_rows(features: Features, modalities: Sequence[ModalityConfig], reads: Sequence[str]) -> NDArray[np.intp]:
    """Rows of the items that have every one of some modalities."""
    columns = [at for at, modality in enumerate(modalities) if modality.name in reads]
    return np.flatnonzero(features.present[:, columns].all(axis=1))

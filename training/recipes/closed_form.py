"""Experts in closed form: one kernel ridge regression over the sum of a view's kernels, a lens an expert."""

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
def place_lens(lens: Lens, encoding: Encoding, landmarks: NDArray[np.intp], weight: float) -> None:
    """
    Sets a lens's weight, and its centre and landmarks or its vocabulary, from warm items.

    Args:
        encoding: (I, d) of warm items that have the modality.
        landmarks: rows of the items that are landmarks.
    """
    lens.weight.fill_(weight)
    if isinstance(lens, LandmarkLens):
        lens.centre.copy_(torch.from_numpy(encoding.mean(axis=0)))
        lens.points.copy_(lens.place(torch.from_numpy(encoding[landmarks])))
    elif isinstance(lens, VocabularyLens):
        vocabulary = take_vocabulary(encoding, limit=lens.width)
        lens.places[: len(vocabulary.places)] = torch.from_numpy(vocabulary.places)
        lens.rarity[: len(vocabulary.places)] = torch.from_numpy(vocabulary.rarity)


class ViewFit:
    """
    A view's kernel machines over some warm items: one ridge regression on the sum of its lenses' kernels.

    Expert v's output is its own kernel times the common coefficients, so that the experts' outputs add up to the
    regression's. With no more items than landmarks this is kernel ridge regression itself; with more, its Nystrom
    form `(K_ln K_nl + ridge K_ll)^-1 K_ln Y`, whose cost grows with the items and not with their square.
    """

    def __init__(
        self, mixture: Mixture, encodings: Sequence[Encoding], landmarks: NDArray[np.intp], targets: FloatArray, ridge: float
    ) -> None:
        """
        Args:
            mixture: its lenses are placed already.
            encodings: (N, d) of the view's items, one a lens.
            landmarks: rows of the items that are landmarks.
            targets: (N, D) centred.
        """
        self._landmarks, self._targets, self._ridge = landmarks, targets, ridge
        self._kernels = [_kernel(lens, code, landmarks) for lens, code in zip(mixture.plain_lenses(), encodings, strict=True)]
        self._total: FloatArray = np.asarray(np.sum(self._kernels, axis=0), np.float32)
        self._exact = len(landmarks) == len(targets)
        self._gram = np.zeros((0, 0)) if self._exact else self._square(slice(None))

    def solve(self, rows: NDArray[np.intp] | None = None) -> NDArray[np.float64]:
        """
        Coefficients (L, D) learned from all items, or from these rows alone.

        Where every item is a landmark, those outside `rows` get coefficient 0.
        """
        if rows is None:
            rows = np.arange(len(self._targets))
        solution = np.zeros((len(self._landmarks), self._targets.shape[1]))
        if self._exact:
            inner = self._total[np.ix_(rows, rows)].astype(np.float64)
            inner[np.diag_indices_from(inner)] += self._ridge
            solution[rows] = _solve(inner, self._targets[rows])
            return solution
        out = np.setdiff1d(np.arange(len(self._targets)), rows)
        inner = self._gram - self._square(out) + self._ridge * self._total[self._landmarks]
        inner[np.diag_indices_from(inner)] += _JITTER * np.trace(inner) / len(inner)
        return _solve(inner, self._total[rows].T @ self._targets[rows])

    def outputs(self, coefficients: NDArray[np.float64], rows: NDArray[np.intp]) -> FloatArray:
        """(rows, K, D): what each expert says of some items."""
        narrow = coefficients.astype(np.float32)
        return np.stack([kernel[rows] @ narrow for kernel in self._kernels], axis=1)

    def _square(self, rows: NDArray[np.intp] | slice) -> NDArray[np.float64]:
        part = self._total[rows].astype(np.float64)
        square: NDArray[np.float64] = part.T @ part
        return square


def write_expert(
    mixture: Mixture, at: int, encoding: Encoding, landmarks: NDArray[np.intp], coefficients: NDArray[np.float64]
) -> None:
    """
    Makes coefficients of landmarks one expert's weights: a landmark keeps its own, an inner product gets their sum.

    Args:
        at: the expert, and the lens that it reads.
        encoding: of the view's items, for this lens.
        coefficients: (L, D).
    """
    lens = mixture.plain_lenses()[at]
    block = coefficients
    if not isinstance(lens, LandmarkLens):
        parts = np.array_split(np.arange(len(landmarks)), -(-len(landmarks) // _CHUNK))
        sums = (sp.csr_array(_through(lens, encoding[landmarks[part]])).T @ coefficients[part] for part in parts)
        block = sum(sums, np.zeros((lens.width, coefficients.shape[1])))
    expert = mixture.expert(at)
    with torch.no_grad():
        expert.weight.copy_(torch.from_numpy(block.T.astype(np.float32)))
        expert.bias.zero_()


def make_folds(count: int, folds: int, random: np.random.Generator) -> list[NDArray[np.intp]]:
    """Rows split into parts of about equal size, at random."""
    return [np.sort(part).astype(np.intp) for part in np.array_split(random.permutation(count), min(folds, count))]


def complete_rows(features: Features, positions: Sequence[int]) -> NDArray[np.intp]:
    """Rows of the items that have every one of some modalities."""
    return np.flatnonzero(features.present[:, list(positions)].all(axis=1)).astype(np.intp)


def _kernel(lens: Lens, encoding: Encoding, landmarks: NDArray[np.intp]) -> FloatArray:
    """A lens's kernel between items and landmarks, its weight included, (N, L) float32."""
    chunks = [_through(lens, encoding[at : at + _CHUNK]) for at in range(0, encoding.shape[0], _CHUNK)]
    if isinstance(lens, LandmarkLens):
        return np.concatenate(chunks)
    seen = sp.vstack([sp.csr_array(chunk) for chunk in chunks], "csr")
    return np.asarray((seen @ seen[landmarks].T).toarray(), np.float32)


@torch.inference_mode()
def _through(lens: Lens, encoding: Encoding) -> FloatArray:
    """(B, R): what experts see through a lens."""
    seen: FloatArray = lens(to_tensor(encoding)).numpy()
    return seen


def _solve(inner: NDArray[np.float64], right: NDArray[np.floating]) -> NDArray[np.float64]:
    wide = right.astype(np.float64)
    solution: NDArray[np.float64] = scipy.linalg.solve(inner, wide, assume_a="pos", overwrite_a=True, check_finite=False)
    return solution

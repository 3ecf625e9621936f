"""
The recipe `thaw`: experts in closed form over what a damped factorisation knows of warm items.

Where it departs from the paper, and why: experts are kernel ridge regressions towards users' and items' factors
instead of networks under a pairwise loss, which overfit a few thousand items; the view of all modalities together
has experts of its own; the gate is learned on out-of-fold outputs, where an expert cannot flatter itself;
each embedding's last coordinate is the popularity that content promises.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from model.config import LensConfig, MamexConfig, ViewConfig
from model.content import FloatArray
from model.encoders.spec import Kind
from model.features import Encoding
from model.mamex import Mamex
from training.errors import BadConfig
from training.recipes.closed_form import (
    complete_rows,
    lens_kernel,
    make_folds,
    place_lens,
    solve_ridge,
    take_vocabulary,
    write_expert,
)
from training.recipes.gate_fit import ViewOutputs, fit_gate
from training.recipes.health import mixture_health
from training.recipes.teacher import Teacher, fit_teacher
from training.recipes.trained import Job, Trained
from training.recipes.tuning import Tuned, tune


@dataclass(frozen=True, slots=True)
class ThawNumbers:
    """Every number of the recipe."""

    width: int = 64
    damping: float = 0.3
    restore: float = 0.1
    popularity_weight: float = 0.3
    """How far predicted popularity moves a user's scores, in their standard deviations."""
    boldness: tuple[float, ...] = (1.0,)
    """One expert a view for each: its ridge over the view's own."""
    landmarks: int = 3072
    vocabulary: int = 32768
    folds: int = 5
    tuning_items: int = 1500
    gate_epochs: int = 300
    gate_rate: float = 3e-3

    def __post_init__(self) -> None:
        if self.width < 2 or self.folds < 2 or self.landmarks < 2 or self.tuning_items < 2 or not self.boldness:
            raise BadConfig("thaw needs width, folds, landmarks and tuning_items of 2 or more, and one boldness or more")


def train_thaw(job: Job, numbers: ThawNumbers) -> Trained:
    """
    Fits the teacher, then each view's experts, then routers and gate on out-of-fold outputs.

    Everything is fitted on warm items; the held-out ones are only ranked, at the end.
    """
    teacher = fit_teacher(job.warm.likes, factors=numbers.width - 1, damping=numbers.damping, restore=numbers.restore)
    users, items = join_popularity(teacher, numbers.popularity_weight)
    worth = np.sqrt(np.square(users).mean(axis=0))
    torch.manual_seed(job.seed)
    mamex = Mamex(design_network(job, numbers)).eval()
    views = [_fit_view(job, numbers, mamex, at, items, worth) for at in range(len(mamex.config.views))]
    fit_gate(mamex, job, [outputs for outputs, _ in views], items, worth, epochs=numbers.gate_epochs, rate=numbers.gate_rate)
    tuned = {view.name: asdict(result) for view, (_, result) in zip(mamex.config.views, views, strict=True)}
    return Trained(
        mamex=mamex.eval(),
        user_embeddings=users,
        item_embeddings=items,
        prior_user=users.mean(axis=0),
        numbers={**asdict(numbers), "tuned": tuned},
        health=mixture_health(mamex, job.warm.features),
    )


def join_popularity(teacher: Teacher, weight: float) -> tuple[FloatArray, FloatArray]:
    """
    Users (U, F + 1) and items (I, F + 1): the teacher's factors, and popularity as a last coordinate.

    A user's is `weight` times the spread of its scores, so that popularity moves every user's ranking alike.
    """
    centred = teacher.items - teacher.items.mean(axis=0)
    covariance = centred.T @ centred / len(centred)
    spread = np.sqrt(np.einsum("uf,fg,ug->u", teacher.users, covariance, teacher.users, optimize=True))
    users = np.column_stack([teacher.users, weight * spread]).astype(np.float32)
    return users, np.column_stack([teacher.items, teacher.popularity]).astype(np.float32)


def design_network(job: Job, numbers: ThawNumbers) -> MamexConfig:
    """
    A view for each kind of content, and one of all kinds together.

    Raises:
        BadConfig: no view has two warm items to learn from.
    """
    kinds = {kind: [name for name, spec in job.specs.items() if spec.kind is kind] for kind in Kind}
    reads = {str(kind): names for kind, names in kinds.items() if names}
    if len(reads) > 1:
        reads["+".join(reads)] = [name for names in reads.values() for name in names]
    views = tuple(_design_view(job, numbers, name, names) for name, names in reads.items())
    usable = tuple(view for view in views if view is not None)
    if not usable:
        raise BadConfig("no modality is present in two warm items: there is nothing to learn from")
    return MamexConfig(job.modalities, usable, numbers.width)


def _design_view(job: Job, numbers: ThawNumbers, name: str, reads: Sequence[str]) -> ViewConfig | None:
    """None where the warm items are too few to fit the view's experts."""
    positions = [list(job.specs).index(read) for read in reads]
    rows = complete_rows(job.warm.features, positions)
    if len(rows) < 2:
        job.reporter.say(f"the view {name} is left out: only {len(rows)} warm items have all it reads")
        return None
    lenses = tuple(_design_lens(job, numbers, position, rows) for position in positions)
    return ViewConfig(name, lenses, experts=len(numbers.boldness), top_k=len(numbers.boldness))


def _design_lens(job: Job, numbers: ThawNumbers, position: int, rows: NDArray[np.intp]) -> LensConfig:
    name, spec = list(job.specs.items())[position]
    if spec.sparse:
        found = take_vocabulary(job.warm.features.values[position][rows], limit=numbers.vocabulary)
        return LensConfig(name, vocabulary=max(1, len(found.places)))
    return LensConfig(name, landmarks=min(numbers.landmarks, len(rows)))


@torch.no_grad()
def _fit_view(
    job: Job, numbers: ThawNumbers, mamex: Mamex, at: int, items: FloatArray, worth: FloatArray
) -> tuple[ViewOutputs, Tuned]:
    """Tunes and fits one view's experts on its items, and returns what they give out of fold."""
    view, mixture = mamex.config.views[at], mamex.mixture(at)
    rows = complete_rows(job.warm.features, mamex.config.positions(view))
    encodings: list[Encoding] = [job.warm.features.values[position][rows] for position in mamex.config.positions(view)]
    landmarks = _draw(len(rows), numbers.landmarks, job.seed)
    for lens, encoding in zip(mixture.plain_lenses(), encodings, strict=True):
        place_lens(lens, encoding, landmarks)
    folds = make_folds(len(rows), numbers.folds, job.seed)
    with job.reporter.step(f"fitting the view {view.name}", len(folds) + 2) as advance:
        kernels = [lens_kernel(lens, code, landmarks) for lens, code in zip(mixture.plain_lenses(), encodings, strict=True)]
        tuned = _tune_view(numbers, kernels, landmarks, items[rows] * worth, job.seed)
        advance(1, f"error {tuned.error:.3f}")
        total = np.zeros_like(kernels[0])
        for lens, kernel, weight in zip(mixture.plain_lenses(), kernels, tuned.weights, strict=True):
            lens.weight.fill_(weight)
            total += np.float32(weight) * kernel
        ridges = [tuned.ridge * boldness for boldness in numbers.boldness]
        bias = items[rows].mean(axis=0)
        for expert, ridge in enumerate(ridges):
            solution = solve_ridge(total, total[landmarks], items[rows] - bias, ridge)
            write_expert(mixture, expert, encodings, landmarks, solution, bias)
        advance(1)
        outputs = np.zeros((len(rows), len(ridges), items.shape[1]), np.float32)
        for fold in folds:
            outputs[fold] = _out_of_fold(total, landmarks, fold, items[rows], ridges)
            advance(1)
    return ViewOutputs(rows, outputs), tuned


def _tune_view(
    numbers: ThawNumbers, kernels: Sequence[FloatArray], landmarks: NDArray[np.intp], targets: FloatArray, seed: int
) -> Tuned:
    """Tunes on items that are landmarks: their kernel among themselves is at hand."""
    some = _draw(len(landmarks), numbers.tuning_items, seed + 1)
    return tune([kernel[np.ix_(landmarks[some], some)] for kernel in kernels], targets[landmarks[some]], folds=3, seed=seed)


def _out_of_fold(
    kernel: FloatArray, landmarks: NDArray[np.intp], fold: NDArray[np.intp], items: FloatArray, ridges: Sequence[float]
) -> FloatArray:
    """(fold, K, D): what experts fitted on the other folds say of these items; their landmarks are of these folds too."""
    others = np.setdiff1d(np.arange(len(items)), fold)
    columns = np.flatnonzero(~np.isin(landmarks, fold))
    between = kernel[np.ix_(landmarks[columns], columns)]
    mean = items[others].mean(axis=0)
    seen = kernel[np.ix_(others, columns)]
    solutions = [solve_ridge(seen, between, items[others] - mean, ridge) for ridge in ridges]
    return np.stack([kernel[np.ix_(fold, columns)] @ s + mean for s in solutions], axis=1).astype(np.float32)


def _draw(count: int, limit: int, seed: int) -> NDArray[np.intp]:
    drawn = np.random.default_rng(seed).permutation(count)[:limit]
    return np.sort(drawn).astype(np.intp)

"""
The recipe `thaw`: experts in closed form over what a damped factorisation knows of warm items.

Where it departs from the paper, and why: experts are kernel ridge regressions towards users' and items' factors
instead of networks under a pairwise loss, which overfit a few thousand items; the view of all modalities together
has an expert of its own; the gate is learned on out-of-fold outputs, where an expert cannot flatter itself;
each embedding's last coordinate is the popularity that content promises.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
import numpy as np
import torch
from numpy.typing import NDArray

from model.config import LensConfig, MamexConfig, ViewConfig
from model.content import FloatArray
from model.encoders.spec import Kind
from model.mamex import Mamex
from training.errors import BadConfig
from training.recipes.closed_form import (
    ViewKernel,
    complete_rows,
    make_folds,
    place_lenses,
    solve_ridge,
    take_kernel,
    take_vocabulary,
    write_expert,
)
from training.recipes.gate_fit import ViewOutputs, fit_gate
from training.recipes.health import mixture_health
from training.recipes.teacher import Teacher, fit_teacher
from training.recipes.trained import Job, Trained


@dataclass(frozen=True, slots=True)
class ThawNumbers:
    """Every number of the recipe."""

    width: int = 64
    damping: float = 0.3
    restore: float = 0.1
    popularity_weight: float = 0.3
    """How far predicted popularity moves a user's scores, in their standard deviations."""
    ridges: tuple[float, ...] = (1.0,)
    """One expert a view for each."""
    landmarks: int = 3072
    vocabulary: int = 32768
    folds: int = 5
    gate_epochs: int = 300
    gate_rate: float = 3e-3

    def __post_init__(self) -> None:
        if self.width < 2 or self.folds < 2 or self.landmarks < 1 or not self.ridges:
            raise BadConfig("thaw needs width >= 2, folds >= 2, landmarks >= 1 and one ridge or more")


@dataclass(frozen=True, slots=True)
class _View:
    """A view under training: its items, its kernel, what its experts gave out of fold."""

    config: ViewConfig
    rows: NDArray[np.intp]
    """Warm items that have all it reads."""
    kernel: ViewKernel


def train_thaw(job: Job, numbers: ThawNumbers) -> Trained:
    """
    Fits the teacher, then each view's experts, then routers and gate on out-of-fold outputs.

    Everything is fitted on warm items; the held-out ones are only ranked, at the end.
    """
    teacher = fit_teacher(
        job.warm.likes, factors=numbers.width - 1, damping=numbers.damping, restore=numbers.restore
    )
    users, items = join_popularity(teacher, numbers.popularity_weight)
    torch.manual_seed(job.seed)
    mamex = Mamex(design_network(job, numbers)).eval()
    with torch.no_grad():
        outputs = [_fit_view(job, numbers, mamex, at, items) for at in range(len(mamex.config.views))]
    fit_gate(mamex, job, outputs, items, epochs=numbers.gate_epochs, rate=numbers.gate_rate)
    return Trained(
        mamex=mamex.eval(),
        user_embeddings=users,
        item_embeddings=items,
        prior_user=users.mean(axis=0),
        numbers=asdict(numbers),
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
        BadConfig: a view has not two warm items to learn from.
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
    rows = complete_rows(job.warm.features, job.modalities, reads)
    if len(rows) < 2:
        job.reporter.say(f"the view {name} is left out: only {len(rows)} warm items have all it reads")
        return None
    names = list(job.specs)
    lenses = tuple(_design_lens(job, numbers, names.index(read), rows) for read in reads)
    return ViewConfig(name, lenses, experts=len(numbers.ridges), top_k=len(numbers.ridges))


def _design_lens(job: Job, numbers: ThawNumbers, position: int, rows: NDArray[np.intp]) -> LensConfig:
    name, spec = list(job.specs.items())[position]
    scale = _SCALES[spec.kind]
    if spec.sparse:
        found = take_vocabulary(job.warm.features.values[position][rows], limit=numbers.vocabulary)
        return LensConfig(name, vocabulary=max(1, len(found.places)), scale=scale)
    return LensConfig(name, landmarks=min(numbers.landmarks, len(rows)), scale=scale)


_SCALES: Mapping[Kind, float] = {Kind.TEXT: 1.0, Kind.IMAGE: 0.1}


def _fit_view(job: Job, numbers: ThawNumbers, mamex: Mamex, at: int, items: FloatArray) -> ViewOutputs:
    """Fits one view's experts on its items, and returns what they give out of fold."""
    view, mixture = mamex.config.views[at], mamex.mixture(at)
    rows = complete_rows(job.warm.features, job.modalities, view.reads)
    features = job.warm.features.take(rows)
    landmarks = _draw_landmarks(len(rows), numbers.landmarks, job.seed)
    place_lenses(mixture, mamex.config, view, features, landmarks)
    kernel = take_kernel(mixture, mamex.config, view, features, landmarks)
    targets, bias = items[rows] - items[rows].mean(axis=0), items[rows].mean(axis=0)
    for expert, ridge in enumerate(numbers.ridges):
        solution = solve_ridge(kernel, np.arange(len(rows)), targets, ridge)
        write_expert(mixture, expert, kernel, solution, bias)
    folds = make_folds(len(rows), numbers.folds, job.seed)
    with job.reporter.step(f"fitting {view.name}", len(folds)) as advance:
        outputs = np.zeros((len(rows), len(numbers.ridges), items.shape[1]), np.float32)
        for fold in folds:
            outputs[fold] = _out_of_fold(kernel, fold, items[rows], numbers.ridges)
            advance(1)
    return ViewOutputs(rows, outputs)


def _out_of_fold(
    kernel: ViewKernel, fold: NDArray[np.intp], items: FloatArray, ridges: Sequence[float]
) -> NDArray[np.float64]:
    """(fold, K, D): what experts fitted on the other folds say of these items."""
    others = np.setdiff1d(np.arange(len(items)), fold)
    mean = items[others].mean(axis=0)
    solutions = [solve_ridge(kernel, others, items[others] - mean, ridge) for ridge in ridges]
    return np.stack([kernel.to_landmarks[fold] @ solution + mean for solution in solutions], axis=1)


def _draw_landmarks(count: int, limit: int, seed: int) -> NDArray[np.intp]:
    drawn = np.random.default_rng(seed).permutation(count)[:limit]
    return np.sort(drawn).astype(np.intp)

"""
The recipe `thaw`: kernel experts that rank new items as well as old items can teach.

Where it departs from the paper, and why. Experts are kernel ridge regressions towards users' and items' factors, each
with a lens of its own (the whole text, its title, its sentences, its words, its phrases, the picture, the
attributes): networks under a pairwise loss overfit a few thousand items. What is learned by gradient (a linear
correction of each expert, the routers, the gate, the weight of popularity) is learned by a listwise loss over
episodes that hold warm items out as if they were cold. Routers and gate came out best as constants: they weigh
experts and views, and know of an item only which views it lacks. The last coordinate of an embedding is the
popularity that content promises.

Of what an expert predicts, each factor is made as large as items that were left out say that it deserves.

The first view reads everything; where an item lacks something, the rest of what it reads still says its part, and warm
items that lack something teach their part. The views of one kind of content know what that kind tells by itself, and
count most where the other is missing.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from types import MappingProxyType

import numpy as np
import scipy.sparse as sp
import torch
from numpy.typing import NDArray

from model.config import LensConfig, MamexConfig, ViewConfig
from model.content import FloatArray
from model.encoders.spec import EncoderSpec, Kind
from model.features import Encoding
from model.fold_in import FoldIn
from model.mamex import Mamex
from training.errors import NothingLeft
from training.recipes.audiences import Tellers
from training.recipes.calibration import CalibratedFit
from training.recipes.closed_form import ViewFit, place_lens, rows_with_any, take_vocabulary
from training.recipes.episodes import Audience, FittedView, hold_out, leave_out
from training.recipes.health import mixture_health
from training.recipes.inner_folds import FOLDS, InnerFold, draw_folds
from training.recipes.likeness import SMOOTHING, find_likeness
from training.recipes.ranking_fit import Learned, learn_ranking, write_gate, write_view
from training.recipes.teacher import Teacher, fit_teacher
from training.recipes.thaw_numbers import ThawNumbers
from training.recipes.thawing_fit import HeldOut, fit_thawing
from training.recipes.trained import Job, Trained
from training.recipes.view_kernels import ViewItems, ViewKernels, has_content
from training.recipes.weigh_kernels import Choice, count_tries, weigh_kernels
from training.recipes.weigh_likeness import TRIES, weigh_likeness
from training.threads import few_threads

FIRST_WEIGHTS: Mapping[str, float] = MappingProxyType(
    {"image": 0.25, "title": 0.5, "words": 0.7, "phrases": 0.25, "attributes": 0.5}
)
"""How much a modality counts in a view of several before they are weighed; 1 for one that is not named here."""
TOGETHER = "together"
"""The view that reads all kinds of content at once, of an item what it has."""
MANY_LIKES = 200
"""
Likes a warm item from which on regressions begin with the same ridge. With a quarter of them it is twice as much: what an item's
factors are of chance falls as the root of its likes.
"""
_FEWEST = 2
"""Warm items that must have a modality for it to be read."""


@few_threads()
def train_thaw(job: Job, numbers: ThawNumbers) -> Trained:
    """
    Fits the teacher, then the experts in closed form, then heads, routers and gate on episodes.

    Everything is fitted on warm items; those held out for validation say which epoch is kept.
    """
    torch.manual_seed(job.seed)
    random = np.random.default_rng(job.seed)
    teacher = _fit_teacher(job.warm.likes, numbers)
    mamex = Mamex(design_network(job, numbers)).eval()
    placed = [_place_view(job, mamex, at, numbers, random) for at in range(len(mamex.config.views))]
    folds = _draw_folds(job, numbers) if numbers.passes else []
    choices = _choose_kernels(job, placed, folds, numbers)
    teacher = teacher.with_sums(choices[0].sums)
    kernels = [_weigh(items, choice) for items, choice in zip(placed, choices, strict=True)]
    teacher, likeness_weight = _widen(job, placed[0], kernels[0], choices[0], teacher, folds, numbers)
    targets = teacher.targets
    views = _fit_views(job, placed, kernels, choices, targets)
    episodes = hold_out(leave_out(views, job.warm.is_cold), parts=numbers.parts, folds=numbers.folds, random=random)
    learned = learn_ranking(job, mamex, views, episodes, Audience(job.warm.likes, teacher), numbers, random)
    _write(mamex, views, learned)
    fold_in = _fit_fold_in(job, teacher, learned)
    users = FoldIn(fold_in).place(teacher.users)
    return Trained(
        mamex=mamex,
        user_embeddings=users,
        item_embeddings=targets,
        prior_user=FoldIn(fold_in).place(fold_in["prior"][None])[0],
        fold_in=fold_in,
        numbers={
            **asdict(numbers),
            "chosen": {
                view.name: {"weights": dict(zip(view.reads, choice.weights, strict=True)), "ridge": choice.ridge}
                for view, choice in zip(mamex.config.views, choices, strict=True)
            },
            "chosen_sums": choices[0].sums,
            "chosen_likeness_weight": likeness_weight,
            "popularity_weight": learned.popularity,
        },
        health=mixture_health(mamex, job.warm.features),
        origin=teacher.origin,
    )


def design_network(job: Job, numbers: ThawNumbers) -> MamexConfig:
    """
    A view of everything where there are several kinds of content, and one for each kind; in each an expert for each of
    its modalities.

    Raises:
        NothingLeft: no modality has two warm items to learn from.
    """
    counts = _count_items(job, numbers)
    _tell_of_unread(job, counts)
    views = []
    for name, positions in _readings(job, counts):
        rows = rows_with_any(job.warm.features, positions)
        lenses = tuple(_design_lens(job, numbers, position, rows) for position in positions)
        views.append(ViewConfig(name, lenses, tuple((at,) for at in range(len(lenses))), top_k=len(lenses)))
    return MamexConfig(job.modalities, tuple(views), numbers.width)


def count_settings(job: Job, numbers: ThawNumbers) -> int:
    """How many settings training tries."""
    readings = _readings(job, _count_items(job, numbers))
    weighed = sum(count_tries(len(reads), numbers.passes, sums=not at) for at, (_, reads) in enumerate(readings))
    return weighed + (TRIES - 1 if numbers.beyond and numbers.passes else 0)


def _readings(job: Job, counts: Sequence[int]) -> list[tuple[str, list[int]]]:
    """What each view reads: everything together, then each kind of content alone; of modalities with so many items each."""
    kinds: dict[str, list[int]] = {str(kind): [] for kind in (Kind.TEXT, Kind.IMAGE, Kind.ATTRIBUTES)}
    for at, (name, spec) in _readable(job, counts).items():
        kinds.setdefault(spec.content(name), []).append(at)
    alone = [(kind, positions) for kind, positions in kinds.items() if positions]
    together = sorted(position for _, positions in alone for position in positions)
    return [(TOGETHER, together), *alone] if len(alone) > 1 else alone


def _readable(job: Job, counts: Sequence[int]) -> dict[int, tuple[str, EncoderSpec]]:
    """
    Positions, names and encoders of the modalities that two warm items have: fewer teach nothing.

    Raises:
        NothingLeft: there is none.
    """
    found = {at: named for at, named in enumerate(job.specs.items()) if counts[at] >= _FEWEST}
    if not found:
        raise NothingLeft("no modality is present in two warm items: there is nothing to learn from")
    return found


def _tell_of_unread(job: Job, counts: Sequence[int]) -> None:
    for name, count in zip(job.specs, counts, strict=True):
        if count < _FEWEST:
            job.reporter.say(f"{name} is not read: {count} of the warm items have it, and two are needed")


def _count_items(job: Job, numbers: ThawNumbers) -> list[int]:
    """How many warm items have each modality; of a sparse one, how many have a term that its vocabulary knows."""
    pairs = zip(job.specs.values(), job.warm.features.values, strict=True)
    return [_count_known(value, spec.kind, numbers) if spec.sparse else int(has_content(value).sum()) for spec, value in pairs]


def _count_known(encoding: Encoding, kind: Kind, numbers: ThawNumbers) -> int:
    known = np.isin(encoding.indices, take_vocabulary(encoding, kind, limit=numbers.vocabulary).places)
    return len(np.unique(np.repeat(np.arange(encoding.shape[0]), np.diff(encoding.indptr))[known]))


def _design_lens(job: Job, numbers: ThawNumbers, position: int, rows: NDArray[np.intp]) -> LensConfig:
    name, spec = list(job.specs.items())[position]
    if spec.sparse:
        found = take_vocabulary(job.warm.features.values[position][rows], spec.kind, limit=numbers.vocabulary)
        return LensConfig(name, vocabulary=max(1, len(found.places)))
    return LensConfig(name, landmarks=min(numbers.landmarks, len(rows)))


def _place_view(job: Job, mamex: Mamex, at: int, numbers: ThawNumbers, random: np.random.Generator) -> ViewItems:
    """Places a view's lenses on warm items."""
    view, mixture = mamex.config.views[at], mamex.mixture(at)
    positions = mamex.config.positions(view)
    rows = rows_with_any(job.warm.features, positions)
    encodings = tuple(job.warm.features.values[position][rows] for position in positions)
    landmarks = np.sort(random.permutation(len(rows))[: numbers.landmarks]).astype(np.intp)
    kinds = [list(job.specs.values())[position].kind for position in positions]
    for lens, encoding, kind in zip(mixture.typed_lenses(), encodings, kinds, strict=True):
        place_lens(lens, encoding, kind, landmarks)
    return ViewItems(view.name, mixture, tuple(positions), rows, encodings, landmarks)


def _fit_teacher(likes: sp.csr_array, numbers: ThawNumbers) -> Teacher:
    """The factors of the likes, as many as leave room for popularity and for what lies beyond them."""
    return fit_teacher(
        likes,
        factors=numbers.width - 1 - numbers.beyond,
        damping=numbers.damping,
        restore=numbers.restore,
        prior_weight=numbers.prior_weight,
    )


def _draw_folds(job: Job, numbers: ThawNumbers) -> list[InnerFold]:
    with job.reporter.step("learning the likes in parts", FOLDS) as advance:
        return draw_folds(job.warm.likes, lambda likes: _fit_teacher(likes, numbers), advance)


def _choose_kernels(job: Job, placed: list[ViewItems], folds: Sequence[InnerFold], numbers: ThawNumbers) -> list[Choice]:
    """Each view's weights and ridge, and the sums that the first one finds."""
    choices: list[Choice] = []
    tries = sum(count_tries(len(items.positions), numbers.passes, sums=not at) for at, items in enumerate(placed))
    with job.reporter.step("weighing ways to read", tries) as advance:
        for items in placed:
            start = _start(job, items, numbers, choices[0].sums if choices else numbers.sums)
            choices.append(weigh_kernels(items, folds, start, numbers.passes, advance, sums=not choices))
    return choices


def _start(job: Job, items: ViewItems, numbers: ThawNumbers, sums: float) -> Choice:
    """Where the weighing of a view begins; a modality by itself counts 1."""
    names = [list(job.specs)[position] for position in items.positions]
    weights = [FIRST_WEIGHTS.get(name, 1.0) if len(names) > 1 else 1.0 for name in names]
    return Choice(tuple(weights), numbers.ridge * _scarcity(job.warm.likes) * sum(weights), sums)


def _scarcity(likes: sp.csr_array) -> float:
    """How much more a ridge must be than where likes are many."""
    return max(1.0, float(np.sqrt(MANY_LIKES * likes.shape[1] / max(likes.nnz, 1))))


def _weigh(items: ViewItems, choice: Choice) -> ViewKernels:
    """A view's kernels, each counting as it was chosen to."""
    for lens, weight in zip(items.mixture.typed_lenses(), choice.weights, strict=True):
        lens.weight.fill_(weight)
    return ViewKernels(items.mixture, items.encodings, items.landmarks)


def _widen(
    job: Job,
    items: ViewItems,
    kernels: ViewKernels,
    choice: Choice,
    teacher: Teacher,
    folds: Sequence[InnerFold],
    numbers: ThawNumbers,
) -> tuple[Teacher, float]:
    """The teacher with what lies beyond its factors, and how much that counts."""
    if not numbers.beyond:
        return teacher, 0.0
    weight = numbers.likeness_weight
    if folds:
        with job.reporter.step("weighing what lies beyond the factors", TRIES) as advance:
            weight = weigh_likeness(items, kernels, choice, folds, numbers.beyond, weight, advance)
    smoothing = SMOOTHING * choice.ridge
    likeness = find_likeness(teacher, job.warm.likes, kernels, items.rows, directions=numbers.beyond, smoothing=smoothing)
    return likeness.beside(weight), weight


def _fit_views(
    job: Job, placed: list[ViewItems], kernels: list[ViewKernels], choices: list[Choice], targets: FloatArray
) -> list[FittedView]:
    """Each view's regression, which also tells what it would have said of each item that it knows."""
    views = []
    with job.reporter.step("holding items out", len(placed)) as advance:
        for items, seen, choice in zip(placed, kernels, choices, strict=True):
            fit = ViewFit(seen, targets[items.rows], choice.ridge)
            views.append(FittedView(CalibratedFit.of(fit), items))
            advance(1)
    return views


def _fit_fold_in(job: Job, teacher: Teacher, learned: Learned) -> dict[str, FloatArray]:
    users = {
        **teacher.closed_form,
        "prior": teacher.prior,
        "spread": learned.spread,
        "popularity": np.array([learned.popularity], np.float32),
    }
    readings = Tellers(teacher.users, teacher.projection, 1 / FoldIn(users).deviations(teacher.users))
    held = HeldOut(learned.held_out, learned.predicted, teacher.targets[learned.held_out])
    return {**users, **fit_thawing(job.warm.likes, readings, held, teacher.origin)}


def _write(mamex: Mamex, views: list[FittedView], learned: Learned) -> None:
    for at, view in enumerate(views):
        write_view(mamex.mixture(at), view, learned.heads[at], learned.factors[at])
    write_gate(mamex, learned.gate, learned.lacking)

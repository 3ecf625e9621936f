"""`missing`: what a ranking is worth when items lack a modality."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

from model.content import FloatArray
from model.features import Features, spread_rows
from model.mamex import Mamex
from training.progress import Reporter
from training.protocols.cold_only import judge
from training.protocols.intervals import Interval, Pair, difference
from training.protocols.methods import embed_present, of_trained
from training.protocols.ranking import Ranking, by_factors, metrics
from training.protocols.trial import Trial
from training.recipes.thaw import train_thaw
from training.recipes.thaw_numbers import ThawNumbers
from training.recipes.trained import Trained


@dataclass(frozen=True, slots=True)
class Row:
    """One way of missing."""

    case: str
    ndcg: float
    compared_with: str
    other: float
    difference: Interval


def compare(trials: Sequence[Trial], reporter: Reporter) -> list[Row]:
    """Each view removed, against the recipe without it; half of the items losing one, against imputing its mean."""
    found: dict[str, list[tuple[Ranking, Ranking]]] = {}
    for trial in trials:
        for case, pair in _cases(trial):
            found.setdefault(case, []).append(pair)
            reporter.say(f"split {trial.seed}, {case}: {_mean(pair[0]):.4f} against {_mean(pair[1]):.4f}")
    ratio = float(np.mean([trial.ratio for trial in trials]))
    return [_row(case, pairs, ratio) for case, pairs in found.items()]


def _cases(trial: Trial) -> list[tuple[str, tuple[Ranking, Ranking]]]:
    trained = train_thaw(trial.job, ThawNumbers())
    views = [view.reads for view in trained.mamex.config.views]
    cases = []
    for at, lost in enumerate(views):
        others = tuple(name for place, names in enumerate(views) if place != at for name in names)
        alone = trial.reading(others)
        small = train_thaw(alone.job, ThawNumbers())
        without = _judge_without(trial, trained, lost)
        name = trained.mamex.config.views[at].name
        cases.append((f"{name} removed, against the recipe trained without it", (without, judge(of_trained(small), alone.test))))
    masked = _lose_one(trial, views)
    gated = by_factors(trained.user_embeddings, lambda features: embed_present(trained, features))
    imputed = by_factors(trained.user_embeddings, lambda features: impute(trained, trial.job.warm.features, features))
    test = trial.test
    half = type(test)(test.item_ids, masked, test.likes)
    cases.append(("half of the items lose one, against mean imputation", (judge(gated, half), judge(imputed, half))))
    return cases


def _judge_without(trial: Trial, trained: Trained, lost: tuple[str, ...]) -> Ranking:
    gone = np.array([name in lost for name in trial.job.specs])

    def embed(features: Features) -> FloatArray:
        return embed_present(trained, _mask(features, features.present & ~gone))

    return judge(by_factors(trained.user_embeddings, embed), trial.test)


def _lose_one(trial: Trial, views: Sequence[tuple[str, ...]]) -> Features:
    """Half of the test items that have all views lose one of them, drawn at random."""
    features = trial.test.features
    random = np.random.default_rng([trial.seed, 2])
    complete = features.present.all(axis=1) & (random.random(len(features)) < 0.5)
    which = random.integers(len(views), size=len(features))
    names = list(trial.job.specs)
    gone = np.array([[name in views[view] for name in names] for view in which])
    return _mask(features, features.present & ~(gone & complete[:, None]))


def _mask(features: Features, present: np.ndarray[tuple[int, int], np.dtype[np.bool_]]) -> Features:
    values = []
    for at, value in enumerate(features.values):
        rows = np.flatnonzero(present[:, at])
        values.append(spread_rows(value[rows], rows, len(features)))
    return Features(tuple(values), present)


@torch.inference_mode()
def impute(trained: Trained, warm: Features, features: Features) -> FloatArray:
    """
    (C, D): embeddings with the mean view of warm items in the place of a missing one, and the gate as if all were there.
    """
    means = _views(trained.mamex, warm)
    has_view = trained.mamex.views_present(torch.from_numpy(warm.present))
    typical = torch.stack([means[has_view[:, at], at].mean(dim=0) for at in range(means.shape[1])])
    views = _views(trained.mamex, features)
    there = trained.mamex.views_present(torch.from_numpy(features.present))
    filled = torch.where(there[:, :, None], views, typical)
    weights = trained.mamex.gate(filled, torch.ones_like(there)).exp()
    embedded: FloatArray = (weights[:, :, None] * filled).sum(dim=1).numpy()
    return embedded


@torch.inference_mode()
def _views(mamex: Mamex, features: Features) -> torch.Tensor:
    """(B, V, D), zeros where a view is missing or an item has none."""
    some = mamex.views_present(torch.from_numpy(features.present)).any(dim=1).numpy()
    output = mamex(*features.take(np.flatnonzero(some)).tensors())
    views = torch.zeros(len(features), *output.views.shape[1:])
    views[torch.from_numpy(some)] = output.views
    return views


def _mean(ranking: Ranking) -> float:
    return float(metrics(ranking)["ndcg@20"].mean())


def _row(case: str, pairs: Sequence[tuple[Ranking, Ranking]], ratio: float) -> Row:
    name, other = case.split(", against ")
    ours, theirs = (float(np.mean([_mean(pair[at]) for pair in pairs])) for at in (0, 1))
    return Row(name, ours, other, theirs, difference([Pair(*pair) for pair in pairs], ratio=ratio))

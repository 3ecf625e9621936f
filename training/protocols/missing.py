"""`missing`: what a ranking is worth when items lack a modality."""

import copy
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial

import numpy as np
import scipy.sparse as sp
import torch
from numpy.typing import ArrayLike, NDArray

from model.features import Features, spread_rows
from training.errors import NothingLeft
from training.progress import Reporter
from training.protocols.cold_only import judge
from training.protocols.intervals import Pair
from training.protocols.methods import of_trained
from training.protocols.pairs import Cases, Row, compare_pairs
from training.protocols.trial import Trial
from training.recipes.fusion import Lacking
from training.recipes.ranking_fit import write_gate
from training.recipes.thaw import train_thaw
from training.recipes.thaw_numbers import ThawNumbers
from training.recipes.trained import Trained


def compare(trials: Sequence[Trial], reporter: Reporter) -> list[Row]:
    """
    Each kind of content removed from the test items, against the recipe trained without it; and half of the items losing
    one, of the test or of all, against imputing the mean. And against gates that do not know what is missing.

    Raises:
        NothingLeft: the items have one kind of content alone.
    """
    return compare_pairs(trials, _cases, reporter)


def _cases(trial: Trial) -> Cases:
    kinds = _kinds(trial)
    trial = trial.reading(tuple(name for names in kinds.values() for name in names))
    trained = train_thaw(trial.job, ThawNumbers())
    even = _even_gates(trained)
    cases = {}
    for kind, lost in kinds.items():
        alone = trial.reading(tuple(name for name in trial.job.specs if name not in lost))
        small = judge(of_trained(train_thaw(alone.job, ThawNumbers())), alone.test)
        without = _change(trial, partial(_remove, lost=[name in lost for name in trial.job.specs])).test
        ours = judge(of_trained(trained), without)
        cases[f"{kind} removed", "the recipe trained without it"] = Pair(ours, small)
        cases[f"{kind} removed", "even gates"] = Pair(ours, judge(of_trained(even), without))
    some = _lose_one(trial, list(kinds.values()))
    ours = judge(of_trained(trained), some.test)
    imputed = replace(some.test, features=impute(some.test.features, trial.job.warm.features))
    cases["half of the new items lose one", "even gates"] = Pair(ours, judge(of_trained(even), some.test))
    cases["half of the new items lose one", "mean imputation"] = Pair(ours, judge(of_trained(trained), imputed))
    filled = _change(some, lambda features: impute(features, some.job.warm.features))
    learned, taught = (judge(of_trained(train_thaw(one.job, ThawNumbers())), one.test) for one in (some, filled))
    cases["half of all items lose one", "mean imputation"] = Pair(learned, taught)
    return cases


def _even_gates(trained: Trained) -> Trained:
    """The same views, each that is there counting alike."""
    mamex = copy.deepcopy(trained.mamex)
    views = len(mamex.config.views)
    write_gate(mamex, torch.zeros(views), Lacking(torch.zeros(views, views), torch.ones(views)))
    return replace(trained, mamex=mamex)


def _kinds(trial: Trial) -> dict[str, tuple[str, ...]]:
    """
    The modalities of each kind of content.

    Raises:
        NothingLeft: there is but one kind, and nothing left when it is removed.
    """
    present = trial.job.warm.features.present
    specs = {name: spec for at, (name, spec) in enumerate(trial.job.specs.items()) if present[:, at].any()}
    kinds = sorted({spec.content(name) for name, spec in specs.items()})
    if len(kinds) < 2:
        raise NothingLeft(f"`missing` removes a kind of content, and these items have {' and '.join(kinds) or 'none'} alone")
    return {kind: tuple(name for name, spec in specs.items() if spec.content(name) == kind) for kind in kinds}


def _lose_one(trial: Trial, kinds: Sequence[tuple[str, ...]]) -> Trial:
    """Half of the items that have all kinds of content lose one of them, drawn at random."""
    random = np.random.default_rng([trial.seed, 2])
    names = list(trial.job.specs)

    def lose(features: Features) -> Features:
        drawn = features.present.all(axis=1) & (random.random(len(features)) < 0.5)
        which = random.integers(len(kinds), size=len(features))
        return _remove(features, np.array([[name in kinds[kind] for name in names] for kind in which]) & drawn[:, None])

    return _change(trial, lose)


def _change(trial: Trial, change: Callable[[Features], Features]) -> Trial:
    """The trial, the features of its test, warm and validation items changed in this order."""
    test = replace(trial.test, features=change(trial.test.features))
    warm = replace(trial.job.warm, features=change(trial.job.warm.features))
    cold = replace(trial.job.cold, features=change(trial.job.cold.features))
    return replace(trial, job=replace(trial.job, warm=warm, cold=cold), test=test)


def _remove(features: Features, lost: ArrayLike) -> Features:
    """The features without those that are lost, (B, M) or (M,) bool."""
    present = features.present & ~np.asarray(lost, np.bool_)
    values = []
    for at, value in enumerate(features.values):
        rows = np.flatnonzero(present[:, at])
        values.append(spread_rows(value[rows], rows, len(features)))
    return Features(tuple(values), present)


def impute(features: Features, warm: Features) -> Features:
    """As if nothing were missing: the mean of the warm items' features where something is."""
    values = []
    for at, value in enumerate(features.values):
        typical = warm.values[at][warm.present[:, at]].mean(axis=0)
        if isinstance(value, sp.csr_array):
            values.append(_add_row(value, ~features.present[:, at], np.asarray(typical).ravel()))
            continue
        values.append(np.where(features.present[:, at : at + 1], value, typical).astype(np.float32))
    return Features(tuple(values), np.ones_like(features.present))


def _add_row(value: sp.csr_array, rows: NDArray[np.bool_], row: NDArray[np.floating]) -> sp.csr_array:
    """Sparse features with one row added to some of theirs."""
    column = sp.csr_array(rows[:, None].astype(np.float32))
    return sp.csr_array(value + column @ sp.csr_array(row[None].astype(np.float32)))

"""`missing`: what a ranking is worth when items lack a modality."""

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
import scipy.sparse as sp

from model.content import FloatArray
from model.features import Features, spread_rows
from training.errors import BadConfig
from training.progress import Reporter
from training.protocols.cold_only import judge
from training.protocols.intervals import Pair
from training.protocols.methods import of_trained
from training.protocols.pairs import Cases, Row, compare_pairs
from training.protocols.ranking import Ranking, by_factors
from training.protocols.trial import Trial
from training.recipes.embed import embed_all
from training.recipes.thaw import train_thaw
from training.recipes.thaw_numbers import ThawNumbers
from training.recipes.trained import Trained


def compare(trials: Sequence[Trial], reporter: Reporter) -> list[Row]:
    """
    Each kind of content removed from the test items, against the recipe trained without it; and half of the items losing
    one, of the test or of all, against imputing the mean.
    """
    return compare_pairs(trials, _cases, reporter)


def _cases(trial: Trial) -> Cases:
    kinds = _kinds(trial)
    trained = train_thaw(trial.job, ThawNumbers())
    cases = {}
    for kind, lost in kinds.items():
        alone = trial.reading(tuple(name for name in trial.job.specs if name not in lost))
        small = judge(of_trained(train_thaw(alone.job, ThawNumbers())), alone.test)
        cases[f"{kind} removed", "the recipe trained without it"] = Pair(_judge_without(trial, trained, lost), small)
    some = _lose_one(trial, list(kinds.values()))
    imputed = embed_all(trained.mamex, impute(some.test.features, trial.job.warm.features))
    cases["half of the new items lose one", "mean imputation"] = Pair(
        judge(of_trained(trained), some.test), judge(by_factors(trained.user_embeddings, lambda _: imputed), some.test)
    )
    filled = _change(some, lambda features: impute(features, some.job.warm.features))
    ours, theirs = (judge(of_trained(train_thaw(one.job, ThawNumbers())), one.test) for one in (some, filled))
    cases["half of all items lose one", "mean imputation"] = Pair(ours, theirs)
    return cases


def _judge_without(trial: Trial, trained: Trained, lost: tuple[str, ...]) -> Ranking:
    gone = np.array([name in lost for name in trial.job.specs])

    def embed(features: Features) -> FloatArray:
        return embed_all(trained.mamex, _mask(features, features.present & ~gone))

    return judge(by_factors(trained.user_embeddings, embed), trial.test)


def _kinds(trial: Trial) -> dict[str, tuple[str, ...]]:
    """
    The modalities of each kind of content.

    Raises:
        BadConfig: there is but one kind, and nothing left when it is removed.
    """
    present = trial.job.warm.features.present
    specs = {name: spec for at, (name, spec) in enumerate(trial.job.specs.items()) if present[:, at].any()}
    kinds = sorted({str(spec.kind) for spec in specs.values()})
    if len(kinds) < 2:
        raise BadConfig(f"`missing` removes words or pictures, and these items have {' and '.join(kinds) or 'neither'} alone")
    return {kind: tuple(name for name, spec in specs.items() if str(spec.kind) == kind) for kind in kinds}


def _lose_one(trial: Trial, kinds: Sequence[tuple[str, ...]]) -> Trial:
    """Half of the items that have all kinds of content lose one of them, drawn at random."""
    random = np.random.default_rng([trial.seed, 2])
    names = list(trial.job.specs)

    def lose(features: Features) -> Features:
        drawn = features.present.all(axis=1) & (random.random(len(features)) < 0.5)
        which = random.integers(len(kinds), size=len(features))
        gone = np.array([[name in kinds[kind] for name in names] for kind in which])
        return _mask(features, features.present & ~(gone & drawn[:, None]))

    return _change(trial, lose)


def _change(trial: Trial, change: Callable[[Features], Features]) -> Trial:
    """The trial, the features of its test, warm and validation items changed in this order."""
    test = replace(trial.test, features=change(trial.test.features))
    warm = replace(trial.job.warm, features=change(trial.job.warm.features))
    cold = replace(trial.job.cold, features=change(trial.job.cold.features))
    return replace(trial, job=replace(trial.job, warm=warm, cold=cold), test=test)


def _mask(features: Features, present: np.ndarray[tuple[int, int], np.dtype[np.bool_]]) -> Features:
    values = []
    for at, value in enumerate(features.values):
        rows = np.flatnonzero(present[:, at])
        values.append(spread_rows(value[rows], rows, len(features)))
    return Features(tuple(values), present)


def impute(features: Features, warm: Features) -> Features:
    """As if nothing were missing: the mean of the warm items' features where something is."""
    values = []
    for at, value in enumerate(features.values):
        if sp.issparse(value):  # hashed terms: their mean is next to nothing everywhere
            values.append(value)
            continue
        typical = warm.values[at][warm.present[:, at]].mean(axis=0)
        values.append(np.where(features.present[:, at : at + 1], value, typical).astype(np.float32))
    return Features(tuple(values), np.ones_like(features.present))

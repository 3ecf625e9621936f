"""
`cold-only`: who ranks items that nobody has touched best, every method chosen by the same validation items, and what `thaw`
tries by itself by the warm ones.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from training.baselines.method import Method, in_words
from training.baselines.search import search
from training.dataset import ColdData, keep_entries
from training.errors import NotApplicable, NothingLeft
from training.metrics import coverage, mean_ndcg, metrics
from training.progress import Reporter
from training.protocols.intervals import Interval, Pair, difference
from training.protocols.trial import Trial
from training.ranking import Ranker, Ranking, rank
from training.recipes.trained import spread_judges

JUDGES = 1500
"""How many users look at each setting that is tried: as many as look at each that `thaw` tries on the warm items."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one method came to on one split."""

    setting: str
    """The one that was best on the validation items."""
    tried: int
    """Settings, those among which a recipe chooses by itself included."""
    validation: float
    """NDCG@20 of that setting there."""
    test: Ranking
    seconds: float


@dataclass(frozen=True, slots=True)
class Row:
    """A method over all splits."""

    name: str
    metrics: dict[str, float]
    """Means over users, then over splits."""
    by_split: list[float]
    """NDCG@20 on the test items."""
    validation: float
    coverage: float
    tried: int
    """Settings that were tried in each split."""
    seconds: float
    settings: list[str]
    """The one that was chosen, by split."""
    less_than_ours: Interval | None
    """The first method's NDCG@20 less this one's."""


def judge(ranker: Ranker, cold: ColdData) -> Ranking:
    """The lists of all users over held-out items."""
    return rank(ranker(cold.features), cold.item_ids, cold.likes, cold.user_ids)


def tune(method: Method, trial: Trial) -> Outcome:
    """Tries settings, chooses by the validation items, and ranks the test items with the chosen one alone."""
    start = time.monotonic()
    seen = trial.reading(method.modalities(trial.job.specs))
    if method.takes_away and seen.job.specs.keys() == trial.job.specs.keys():
        raise NotApplicable("this run reads nothing of what it leaves away")
    looked = judged_by_few(seen.job.cold)
    found = search(method.prepare(seen.job), lambda ranker: mean_ndcg(judge(ranker, looked)), trial.seed)
    return Outcome(
        setting=in_words(found.setting),
        tried=found.tried * method.inside(seen.job),
        validation=mean_ndcg(judge(found.ranker, seen.job.cold)),
        test=judge(found.ranker, seen.test),
        seconds=time.monotonic() - start,
    )


def judged_by_few(cold: ColdData) -> ColdData:
    """The same items, and the likes of `JUDGES` of the users who like any."""
    users = np.zeros(cold.likes.shape[0], np.bool_)
    users[spread_judges(cold.likes, JUDGES)] = True
    return replace(cold, likes=keep_entries(cold.likes, np.repeat(users, np.diff(cold.likes.indptr))))


def compare(trials: Sequence[Trial], methods: Sequence[Method], reporter: Reporter) -> list[Row]:
    """
    Every method on every split; differences are to the first method.

    A method that cannot learn from this data is left out, and it is said why.

    Raises:
        NothingLeft, NotApplicable: the first cannot.
    """
    outcomes: dict[str, list[Outcome]] = {}
    for method in methods:
        try:
            outcomes[method.name] = [_tell(method, trial, reporter) for trial in trials]
        except (NothingLeft, NotApplicable) as error:
            if method is methods[0]:
                raise
            reporter.say(f"{method.name} is left out: {error}")
    ratio = float(np.mean([trial.ratio for trial in trials]))
    first = outcomes[methods[0].name]
    found = [(method, outcomes[method.name]) for method in methods if method.name in outcomes]
    return [_row(method, own, None if own is first else first, ratio) for method, own in found]


def _tell(method: Method, trial: Trial, reporter: Reporter) -> Outcome:
    outcome = tune(method, trial)
    value = mean_ndcg(outcome.test)
    reporter.say(f"{method.name}, split {trial.seed}: {value:.4f} ({outcome.setting}; {outcome.seconds:.0f} s)")
    return outcome


def _row(method: Method, outcomes: Sequence[Outcome], first: Sequence[Outcome] | None, ratio: float) -> Row:
    found = [metrics(outcome.test) for outcome in outcomes]
    pairs = [Pair(one.test, other.test) for one, other in zip(first or outcomes, outcomes, strict=True)]
    return Row(
        name=method.name,
        metrics={key: float(np.mean([values[key].mean() for values in found])) for key in found[0]},
        by_split=[mean_ndcg(outcome.test) for outcome in outcomes],
        validation=float(np.mean([outcome.validation for outcome in outcomes])),
        coverage=float(np.mean([coverage(outcome.test) for outcome in outcomes])),
        tried=max(outcome.tried for outcome in outcomes),
        seconds=float(np.mean([outcome.seconds for outcome in outcomes])),
        settings=[outcome.setting for outcome in outcomes],
        less_than_ours=difference(pairs, ratio=ratio) if first else None,
    )

"""`thaw try`: whether Thaw is worth it on somebody's data, in sentences, from a comparison that takes minutes."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from training.protocols.cold_only import Row
from training.protocols.intervals import Interval
from training.protocols.methods import OURS
from training.protocols.trial import Trial

CHANCE = "random"
READS_ALL = "all ways to read: joint kernel to iALS"
METHODS = (OURS, CHANCE, "content kNN", "mean profile", "ridge to iALS", "joint kernel to iALS", READS_ALL)
"""Of the simple methods those that were the best ones, or among them, wherever we measured, and take seconds."""
FEW_ITEMS, FEW_JUDGES = 30, 200
"""A comparison on less says little, whatever its interval."""
MANY_SPLITS = 10
_K = 20


@dataclass(frozen=True, slots=True)
class Size:
    """What a split had, in the mean."""

    warm_items: int
    candidates: int
    judges: int
    """Users who like any of the new items."""
    likes_a_user: float

    @classmethod
    def of(cls, trials: Sequence[Trial]) -> "Size":
        """The mean over splits."""
        count = len(trials)
        warm = [trial.job.warm for trial in trials]
        return cls(
            warm_items=sum(len(one.item_ids) for one in warm) // count,
            candidates=sum(len(trial.test.item_ids) for trial in trials) // count,
            judges=sum(int(np.count_nonzero(np.diff(trial.test.likes.indptr))) for trial in trials) // count,
            likes_a_user=sum(one.likes.nnz / max(1, len(one.user_ids)) for one in warm) / count,
        )


def tell(rows: Sequence[Row], size: Size) -> list[str]:
    """
    What a comparison says, the verdict first.

    Args:
        rows: of `METHODS`, `thaw` first; others may be missing.
    """
    ours, others = rows[0], {row.name: row for row in rows[1:]}
    reads_all = others.get(READS_ALL)
    usual = [row for name, row in others.items() if name not in (CHANCE, READS_ALL)]
    simple = [row for name, row in others.items() if name != CHANCE]
    sentences = []
    if simple:
        best = max(simple, key=_ndcg)
        sentences += [_verdict(ours, best), *_doubts(best, size)]
    if CHANCE in others and _difference(others[CHANCE]).low <= 0:
        sentences.append("Nor can Thaw be told from chance here.")
    if size.candidates > _K:
        sentences.append(_hits(ours, others.get(CHANCE), size))
    if usual and reads_all:
        sentences.append(_reading(reads_all, max(usual, key=_ndcg)))
    return sentences


def _verdict(ours: Row, best: Row) -> str:
    found = _difference(best)
    numbers = f"NDCG@{_K} {_ndcg(ours):.3f} against {_ndcg(best):.3f}; difference {found.low:+.3f} to {found.high:+.3f}"
    if found.low > 0:
        return f"Worth it: Thaw ranks new items better than the best simple method here, {best.name} ({numbers})."
    if found.high < 0:
        return f"Not worth it: {best.name}, a simple method, ranks new items better than Thaw here ({numbers})."
    return f"Not to be told: Thaw and the best simple method here, {best.name}, may be as good as each other ({numbers})."


def _doubts(best: Row, size: Size) -> list[str]:
    if size.candidates < FEW_ITEMS or size.judges < FEW_JUDGES:
        seen = f"{size.candidates:,} new items and {size.judges:,} users who like any of them"
        return [f"Do not rely on that: {seen} are few; {FEW_ITEMS:,} and {FEW_JUDGES:,} would begin to mean something."]
    found = _difference(best)
    if found.low <= 0 <= found.high and len(best.by_split) < MANY_SPLITS:
        return [f"More splits tell more: --seeds {MANY_SPLITS}."]
    return []


def _hits(ours: Row, chance: Row | None, size: Size) -> str:
    recall = f"recall@{_K}"
    by_chance = "" if chance is None else f" (by chance {chance.metrics[recall]:.0%})"
    return (
        f"Of the new items that a user likes, Thaw has {ours.metrics[recall]:.0%} among the first {_K} of "
        f"{size.candidates:,}{by_chance}; it learned from {size.warm_items:,} items and {size.likes_a_user:.0f} likes a user."
    )


def _reading(reads_all: Row, best: Row) -> str:
    """How much of the difference is what is read, and how much how it is put together."""
    found = _difference(reads_all)
    told = "more than chance" if found.low > 0 or found.high < 0 else "within chance"
    return (
        f"One kernel regression on all that Thaw reads is {_ndcg(reads_all) - _ndcg(best):+.3f} from the best of those that read "
        f"whole texts and pictures, and Thaw {found.mean:+.3f} from it ({told})."
    )


def _ndcg(row: Row) -> float:
    return row.metrics[f"ndcg@{_K}"]


def _difference(row: Row) -> Interval:
    """`thaw` less this one."""
    if row.less_than_ours is None:
        raise ValueError(f"{row.name} is compared with nothing")
    return row.less_than_ours

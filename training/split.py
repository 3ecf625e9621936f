"""Hold items out of training as if they were cold."""

import numpy as np

from model.plain.items import COLD_TEST, COLD_VAL, SPLITS, WARM, CatalogueItem
from training.data.folder import DataFolder
from training.errors import BadConfig

UNLIKED = "unliked"
"""The label of items that are neither learned from nor held out, as nobody liked them: a service has them cold."""


def split_items(items: list[CatalogueItem], *, seed: int | None, cold_val: float = 0.1) -> list[str]:
    """
    A split label for each item.

    Args:
        seed: draw at random with it; None takes the items' own column `split`, or seed 0 where there is none.
        cold_val: the share that is held out by a random draw.

    Raises:
        BadConfig: the column holds something else than the labels, or leaves out one of warm and cold_val.
    """
    if has_split(items, seed):
        own = [item.split for item in items]
        _require_labels(own)
        return own
    return draw_labels(len(items), seed or 0, cold_val, cold_test=0.0)


def set_unliked_apart(labels: list[str], folder: DataFolder) -> list[str]:
    """
    The labels, those of warm items that nobody liked replaced by `UNLIKED`.

    Nothing tells what such an item is but its content: by what was learned of it, which is nothing, all of them would be alike.
    """
    table = folder.interactions
    liked = np.zeros(len(labels), np.bool_)
    liked[table.items[table.positive]] = True
    return [UNLIKED if label == WARM and not liked[row] else label for row, label in enumerate(labels)]


def has_split(items: list[CatalogueItem], seed: int | None) -> bool:
    """Whether the items' own column says which are held out."""
    return seed is None and any(item.split for item in items)


def draw_labels(count: int, seed: int, cold_val: float, cold_test: float) -> list[str]:
    """A random split of so many items, in these shares; the rest is warm."""
    order = np.random.default_rng(seed).permutation(count)
    validation, test = max(1, round(count * cold_val)), round(count * cold_test)
    labels = np.full(count, WARM, dtype=object)
    labels[order[:validation]] = COLD_VAL
    labels[order[validation : validation + test]] = COLD_TEST
    return [str(label) for label in labels]


def _require_labels(own: list[str]) -> None:
    unknown = sorted(set(own) - set(SPLITS))
    if unknown:
        raise BadConfig(f"the column split holds {unknown[0]!r}: it must be one of {', '.join(SPLITS)} in every row")
    for label in (WARM, COLD_VAL):
        if label not in own:
            raise BadConfig(f"the column split names no item {label}: use --split-seed to draw a split at random")

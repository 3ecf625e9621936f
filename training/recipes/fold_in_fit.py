"""What a checkpoint needs to place users (`model.fold_in`), where a recipe learned them freely."""

import numpy as np
import scipy.sparse as sp

from model.content import FloatArray
from model.fold_in import FoldIn
from training.errors import Diverged
from training.recipes.audiences import Tellers
from training.recipes.regression import regress, ridge
from training.recipes.thawing_fit import HeldOut, fit_thawing


def fit_from_embeddings(likes: sp.csr_array, users: FloatArray, items: FloatArray) -> dict[str, FloatArray]:
    """
    The arrays of `model.fold_in` and `model.thawing` for a recipe that learned users and items freely.

    A ridge regression from the mean embedding of what a user likes to the user, less the prior, divided by the mean number of
    likes of a user, is the step of one event. Content's error cannot be measured, since the items' embeddings are those that
    content gives: its place is taken by what a regression from the mean of an item's audience to its embedding says.
    Training saw these items, which makes content look surer than it is.

    Args:
        users, items: (U, D) and (I, D) trained embeddings.

    Raises:
        Diverged: some are no numbers.
    """
    if not (np.isfinite(users).all() and np.isfinite(items).all()):
        raise Diverged("embeddings")
    deeds = np.asarray(likes.sum(axis=1), np.float32).reshape(-1, 1)
    prior = users.mean(axis=0)
    step = ridge((likes @ items) / np.maximum(deeds, 1), users - prior, 0.01) / max(1.0, float(deeds.mean()))
    arrays = {
        "prior": prior,
        "centre": np.zeros_like(prior),
        "step": np.asarray(step, np.float32),
        "rarity": np.zeros(1, np.float32),
    }
    held = HeldOut(np.arange(len(items)), items, _where_likes_put(likes, users, items))
    return {**arrays, **fit_thawing(likes, read_users(FoldIn(arrays), users, items), held)}


def read_users(fold_in: FoldIn, tastes: FloatArray, anchors: FloatArray) -> Tellers:
    """
    What users tell of the items that they like.

    Args:
        tastes: (U, F).
        anchors: (I, D) learned embeddings of the items.
    """
    return Tellers(tastes, fold_in.steps(anchors), 1 / fold_in.deviations(tastes))


def _where_likes_put(likes: sp.csr_array, users: FloatArray, items: FloatArray) -> FloatArray:
    """(I, D): what a ridge regression from the mean embedding of those who like an item to the item's own predicts."""
    counts = np.asarray(likes.sum(axis=0), np.float32).reshape(-1, 1)
    offset, slopes = regress((likes.T @ users) / np.maximum(counts, 1), items)
    return np.asarray(offset + (likes.T @ users) / np.maximum(counts, 1) @ slopes, np.float32)

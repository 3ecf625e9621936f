"""The interactions that a checkpoint keeps: with the items that it learned from, and with those that it held out."""

from collections.abc import Sequence

import numpy as np
import scipy.sparse as sp

from model.interactions import History, Interactions
from model.plain.items import COLD_VAL
from training.data.folder import DataFolder
from training.dataset import to_matrix
from training.split import UNLIKED


def keep_interactions(seen: sp.csr_array) -> Interactions:
    """
    Args:
        seen: (U, I), as `training.dataset.to_matrix` makes it of all interactions.
    """
    return Interactions(seen.indptr.astype(np.int64), seen.indices.astype(np.int32), seen.data.astype(np.float32))


def keep_held_out(folder: DataFolder, labels: Sequence[str]) -> History:
    """
    What users did with the items that training chose and stopped by, and with those that nobody liked, so that a later
    training can learn from it.

    Nothing of `cold_test`: what is kept for a judgement stays out of every training.

    Args:
        labels: a split for each item of the folder.
    """
    held_out = np.flatnonzero(np.isin(labels, (COLD_VAL, UNLIKED)))
    seen = to_matrix(folder.interactions, held_out, positives=False)
    users = np.flatnonzero(np.diff(seen.indptr))
    return History(
        [folder.interactions.user_ids[row] for row in users],
        [folder.items[row].item_id for row in held_out],
        keep_interactions(seen[users]),
    )

"""What a recipe may see: warm items alone; and what it is judged by: cold ones."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Self

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from model.content import BoolArray
from model.errors import ColdItemInTraining
from model.features import Features
from training.data.interactions import InteractionTable
from training.data.plain import DataFolder
from training.errors import NothingLeft


@dataclass(frozen=True, slots=True)
class WarmData:
    """
    The items that training learns from, and what users did with them.

    Raises:
        ColdItemInTraining: when made with a cold item among them.
    """

    item_ids: Sequence[str]
    features: Features
    """Of the I items."""
    user_ids: Sequence[str]
    likes: sp.csr_array
    """(U, I) float32, 1 for a positive; each user has at least one."""
    seen: sp.csr_array
    """(U, I) float32, an entry wherever a user met an item: 1 for a positive, 0 for none."""
    is_cold: BoolArray
    """(I,) all False: carried along so that samplers and losses can make sure of it."""

    def __post_init__(self) -> None:
        if self.is_cold.any():
            raise ColdItemInTraining(np.flatnonzero(self.is_cold).tolist())


@dataclass(frozen=True, slots=True)
class ColdData:
    """Items held out as cold, and which of the warm data's users liked them."""

    item_ids: Sequence[str]
    features: Features
    likes: sp.csr_array
    """(U, I) float32, rows as in the warm data."""
    user_ids: Sequence[str] = ()
    """Of the rows; empty where nobody asks."""

    def of_users(self, rows: NDArray[np.intp]) -> Self:
        """The same items, and some of the users."""
        return replace(self, likes=self.likes[rows], user_ids=[self.user_ids[row] for row in rows] if self.user_ids else ())


def split_data(folder: DataFolder, features: Features, labels: Sequence[str]) -> tuple[WarmData, ColdData]:
    """
    Args:
        features: of the folder's items, in their order.
        labels: a split for each item: `warm`, `cold_val`, or another one that is left out.

    Raises:
        NothingLeft: no warm item with a positive, or no cold one to judge by.
    """
    usable = features.present.any(axis=1)
    warm = np.flatnonzero((np.array(labels) == "warm") & usable)
    cold = np.flatnonzero((np.array(labels) == "cold_val") & usable)
    likes = to_matrix(folder.interactions, warm, positives=True)
    users = np.flatnonzero(np.diff(likes.indptr))
    if not len(users):
        raise NothingLeft(f"none of the {len(warm):,} warm items has a positive interaction: there is nothing to learn from")
    seen = to_matrix(folder.interactions, warm, positives=False)
    ids = [item.item_id for item in folder.items]
    judged = to_matrix(folder.interactions, cold, positives=True)[users]
    if not judged.nnz:
        raise NothingLeft(f"no user of the warm items likes any of the {len(cold):,} cold_val items: nothing to stop by")
    return (
        WarmData(
            item_ids=[ids[row] for row in warm],
            features=features.take(warm),
            user_ids=[folder.interactions.user_ids[row] for row in users],
            likes=likes[users],
            seen=seen[users],
            is_cold=np.array(labels)[warm] != "warm",
        ),
        ColdData([ids[row] for row in cold], features.take(cold), judged, [folder.interactions.user_ids[row] for row in users]),
    )


def cold_data(folder: DataFolder, features: Features, labels: Sequence[str], label: str, user_ids: Sequence[str]) -> ColdData:
    """
    The items of one label, and which of some users like them.

    Args:
        user_ids: the users, in the order of the rows.
    """
    rows = np.flatnonzero((np.array(labels) == label) & features.present.any(axis=1))
    row_of = {user_id: row for row, user_id in enumerate(folder.interactions.user_ids)}
    users = np.array([row_of[user_id] for user_id in user_ids], np.intp)
    likes = to_matrix(folder.interactions, rows, positives=True)[users]
    return ColdData([folder.items[row].item_id for row in rows], features.take(rows), likes, user_ids)


def keep_entries(matrix: sp.csr_array, kept: NDArray[np.bool_]) -> sp.csr_array:
    """Some of a matrix's entries, explicit zeros included, in their order; `kept` has one flag an entry."""
    rows = np.repeat(np.arange(matrix.shape[0]), np.diff(matrix.indptr))
    return sp.csr_array((matrix.data[kept], (rows[kept], matrix.indices[kept])), shape=matrix.shape)


def entry_places(matrix: sp.csr_array) -> NDArray[np.int64]:
    """A number for each entry, explicit zeros included, that is its row's and column's alone."""
    rows = np.repeat(np.arange(matrix.shape[0]), np.diff(matrix.indptr))
    return np.asarray(rows * matrix.shape[1] + matrix.indices, np.int64)


def entries(matrix: sp.csr_array) -> NDArray[np.bool_]:
    """Which cells have an entry, explicit zeros included."""
    mask = np.zeros(matrix.shape, np.bool_)
    mask[np.repeat(np.arange(matrix.shape[0]), np.diff(matrix.indptr)), matrix.indices] = True
    return mask


def to_matrix(table: InteractionTable, items: NDArray[np.intp], *, positives: bool) -> sp.csr_array:
    """
    Interactions with some items as a matrix of users by these items.

    Args:
        positives: only the positives; else every interaction, those without liking as explicit zeros.

    Returns:
        (U, len(items)) float32 over all of the table's users, sorted within rows.
    """
    catalogue = int(max(table.items.max(initial=-1), items.max(initial=-1))) + 1
    column_of = np.full(catalogue, -1, np.int64)
    column_of[items] = np.arange(len(items))
    kept = column_of[table.items] >= 0
    if positives:
        kept &= table.positive
    cells = (table.users[kept], column_of[table.items[kept]])
    values = table.positive[kept].astype(np.float32)
    matrix = sp.csr_array((values, cells), shape=(len(table.user_ids), len(items)))
    matrix.sort_indices()
    return matrix

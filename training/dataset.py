"""What a recipe may see: warm items alone; and what it is judged by: cold ones."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Self

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from model.content import BoolArray
from model.errors import ColdItemInTraining
from model.event_types import Liking
from model.features import Features
from training.data.folder import DataFolder
from training.data.interactions import InteractionTable
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
    """(I,) whose ids are also those of items that are held out. All False: samplers and losses make sure of it again."""

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
        ColdItemInTraining: the id of a warm item is also that of an item that is held out.
    """
    warm = warm_data(folder, features, labels)
    cold = cold_data(folder, features, labels, "cold_val", warm.user_ids)
    if not cold.likes.nnz:
        count = len(cold.item_ids)
        raise NothingLeft(f"no user of the warm items likes any of the {count:,} cold_val items: nothing to stop by")
    return warm, cold


def _hint(liking: Liking) -> str:
    view = liking.weights["view"]
    return (
        "" if liking.is_positive("view") else f". Views are none by themselves: `--threshold {view:g}` counts views as positives"
    )


def warm_data(folder: DataFolder, features: Features, labels: Sequence[str]) -> WarmData:
    """
    The warm items, and the users who like any of them.

    Raises:
        NothingLeft: none has a positive.
        ColdItemInTraining: the id of one is also that of an item that is held out.
    """
    rows = _rows_of(labels, "warm", features)
    likes = to_matrix(folder.interactions, rows, positives=True)
    users = np.flatnonzero(np.diff(likes.indptr))
    if not len(users):
        found = f"none of the {len(rows):,} warm items has a positive interaction"
        raise NothingLeft(f"{found}: there is nothing to learn from{_hint(folder.liking)}")
    ids = [folder.items[row].item_id for row in rows]
    held_out = {item.item_id for item, label in zip(folder.items, labels, strict=True) if label != "warm"}
    return WarmData(
        item_ids=ids,
        features=features.take(rows),
        user_ids=[folder.interactions.user_ids[row] for row in users],
        likes=likes[users],
        seen=to_matrix(folder.interactions, rows, positives=False)[users],
        is_cold=np.array([item_id in held_out for item_id in ids], np.bool_),
    )


def cold_data(folder: DataFolder, features: Features, labels: Sequence[str], label: str, user_ids: Sequence[str]) -> ColdData:
    """
    The items of one label, and which of some users like them.

    Args:
        user_ids: the users, in the order of the rows.
    """
    rows = _rows_of(labels, label, features)
    row_of = {user_id: row for row, user_id in enumerate(folder.interactions.user_ids)}
    users = np.array([row_of[user_id] for user_id in user_ids], np.intp)
    likes = to_matrix(folder.interactions, rows, positives=True)[users]
    return ColdData([folder.items[row].item_id for row in rows], features.take(rows), likes, user_ids)


def _rows_of(labels: Sequence[str], label: str, features: Features) -> NDArray[np.intp]:
    """The items of one label that have any content."""
    return np.flatnonzero((np.array(labels) == label) & features.present.any(axis=1))


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

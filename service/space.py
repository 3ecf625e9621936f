"""One checkpoint as it serves: what is swapped as a whole when another one takes over."""

from collections.abc import Iterable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from model.anchors import Anchors
from model.checkpoint import Checkpoint, load_checkpoint, make_encoders, make_tower
from model.content import FloatArray
from model.encoders.spec import Encoder
from model.fold_in import FoldIn
from model.item_tower import ItemTower, limit_threads
from model.thawing import Thawing


class Space:
    """The item tower, the users and the warm items of one checkpoint."""

    def __init__(self, checkpoint: Checkpoint, tower: ItemTower) -> None:
        self.manifest = checkpoint.manifest
        self.version = checkpoint.version
        self.tower = tower
        self.anchors = Anchors(checkpoint)
        self.prior_user: FloatArray = checkpoint.prior_user
        self.fold_in, self.thawing = FoldIn(checkpoint.fold_in), Thawing(checkpoint.fold_in)
        self.taste_width = self.fold_in.factors
        """F: the first coordinates of an item's embedding, which are taste and not popularity."""
        self._checkpoint = checkpoint
        self._item_rows = {item_id: row for row, item_id in enumerate(checkpoint.item_ids)}
        kept = checkpoint.interactions
        self._likes = np.bincount(kept.items[kept.weights > 0], minlength=len(checkpoint.item_ids))
        self._user_rows = {user_id: row for row, user_id in enumerate(checkpoint.user_ids)}

    def tau_for(self, cold_share: float) -> float:
        """
        The tau with which about this share of the first 20 of a list is cold, as training measured it; 0 where it did not.

        Beyond the shares that training reached it is the tau of the nearest one.
        """
        kept = self._checkpoint.fold_in
        return float(np.interp(cold_share, kept["cold_shares"], kept["cold_taus"])) if "cold_taus" in kept else 0.0

    @property
    def user_count(self) -> int:
        """How many users the checkpoint knows."""
        return len(self._user_rows)

    def user_embedding(self, user_id: str) -> FloatArray | None:
        """A user's trained embedding, (D,); None for a user that the checkpoint does not know."""
        row = self._user_rows.get(user_id)
        return None if row is None else self._checkpoint.user_embeddings[row]

    @property
    def user_ids(self) -> Sequence[str]:
        """Of all users that the checkpoint knows."""
        return self._checkpoint.user_ids

    @property
    def user_embeddings(self) -> FloatArray:
        """(U, D) in the order of their ids."""
        return self._checkpoint.user_embeddings

    def rows_of(self, user_ids: Iterable[str]) -> list[int]:
        """Rows of those of some users whom the checkpoint knows."""
        return [self._user_rows[user_id] for user_id in user_ids if user_id in self._user_rows]

    def users_of(self, item_id: str) -> NDArray[np.intp]:
        """Rows of the users who had an item in training."""
        item, kept = self._item_rows.get(item_id), self._checkpoint.interactions
        if item is None:
            return np.zeros(0, np.intp)
        return np.searchsorted(kept.indptr, np.flatnonzero(kept.items == item), side="right") - 1

    def liked_by(self, user_id: str) -> tuple[list[str], FloatArray]:
        """Ids and (H, D) anchors of the items that a user liked in training."""
        user, kept = self._user_rows.get(user_id), self._checkpoint.interactions
        if user is None:
            return [], self._checkpoint.item_embeddings[:0]
        own = slice(kept.indptr[user], kept.indptr[user + 1])
        rows = kept.items[own][kept.weights[own] > 0]
        return [self._checkpoint.item_ids[row] for row in rows], self._checkpoint.item_embeddings[rows]

    def seen_by(self, user_id: str) -> list[str]:
        """Ids of the items that a user had in training; none for an unknown user."""
        row = self._user_rows.get(user_id)
        if row is None:
            return []
        ids = self._checkpoint.item_ids
        return [ids[item] for item in self._checkpoint.interactions.seen_by(row)]

    def trained_likes(self, item_id: str) -> int:
        """How many users liked an item in training."""
        row = self._item_rows.get(item_id)
        return 0 if row is None else int(self._likes[row])

    def trained_through(self, store_id: str | None) -> int:
        """
        The number of the last event of a store that training saw; 0: none.

        Numbers of another store say nothing here. A checkpoint that does not name its store is taken to be of this one.
        """
        its_own = self.manifest.store_id in (None, store_id)
        return (self.manifest.events_through or 0) if its_own else 0

    def is_trained_pair(self, user_id: str, item_id: str) -> bool:
        """
        Whether training kept anything of a user on an item.

        Of an item that was held out, or a pair that only looked, it knows nothing, so that all events of these count.
        """
        return len(self._trained_pair(user_id, item_id)) > 0

    def liked_in_training(self, user_id: str, item_id: str) -> bool:
        """Whether this like is in the user's trained embedding."""
        return bool((self._trained_pair(user_id, item_id) > 0).any())

    def _trained_pair(self, user_id: str, item_id: str) -> FloatArray:
        """The weight of a pair in training, (1,); (0,) where it was not there."""
        user, item = self._user_rows.get(user_id), self._item_rows.get(item_id)
        kept = self._checkpoint.interactions
        if user is None or item is None:
            return kept.weights[:0]
        own = slice(kept.indptr[user], kept.indptr[user + 1])
        found: FloatArray = kept.weights[own][kept.items[own] == item]
        return found


@dataclass(frozen=True, slots=True)
class RunningEncoders:
    """Encoders that serve already."""

    encoders: Iterable[Encoder] = ()
    alone: AbstractContextManager[object] = field(default_factory=nullcontext)
    """Held while they are tried, so that nobody else encodes."""


NOTHING_RUNNING = RunningEncoders()


def open_space(
    path: Path, *, device: str, places: Mapping[str, str], threads: int, running: RunningEncoders = NOTHING_RUNNING
) -> Space:
    """
    Loads and verifies a checkpoint and its encoders.

    Args:
        running: encoders that are used again where the checkpoint has them too.

    Raises:
        CheckpointError: the checkpoint cannot be read.
        EncoderError: an encoder is missing here, or is not the one of training.
    """
    limit_threads(threads)
    checkpoint = load_checkpoint(path)
    encoders = make_encoders(checkpoint.manifest, places=places, device=device, running=running.encoders)
    with running.alone:
        return Space(checkpoint, make_tower(checkpoint, encoders))

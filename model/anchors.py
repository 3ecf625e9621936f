"""Where an item lies before anyone reacted to it here: learned if the checkpoint knows it, else from its content."""

from collections.abc import Sequence

import numpy as np

from model.checkpoint import Checkpoint
from model.content import BoolArray, FloatArray


class Anchors:
    """A checkpoint's warm items by id."""

    def __init__(self, checkpoint: Checkpoint) -> None:
        self._embeddings = checkpoint.item_embeddings
        self._rows = {item_id: row for row, item_id in enumerate(checkpoint.item_ids)}

    def is_warm(self, item_id: str) -> bool:
        """Whether the checkpoint has the item's learned embedding."""
        return item_id in self._rows

    def learned(self, item_ids: Sequence[str]) -> dict[str, FloatArray]:
        """(D,) learned embeddings by item id, of those that are warm."""
        return {item_id: self._embeddings[self._rows[item_id]] for item_id in item_ids if item_id in self._rows}

    def place(self, item_ids: Sequence[str], contents: FloatArray) -> FloatArray:
        """
        Args:
            contents: (B, D) content embeddings of the items.

        Returns:
            (B, D) anchors: learned embeddings of warm items, content embeddings of the others.
        """
        warm: BoolArray = np.array([item_id in self._rows for item_id in item_ids], np.bool_)
        anchors = contents.copy()
        anchors[warm] = self._embeddings[[self._rows[item_id] for item_id in item_ids if item_id in self._rows]]
        return anchors

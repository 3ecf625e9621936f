"""The plain data folder: a table of items, a table of interactions, pictures or features beside them."""

import hashlib
from dataclasses import dataclass, field, replace
from pathlib import Path

from model.event_types import Liking
from model.plain.bad_rows import BadRows
from model.plain.export_note import read_note
from model.plain.items import CatalogueItem, read_items
from model.plain.tables import find_table
from training.data.interactions import InteractionTable, read_interactions
from training.errors import NothingLeft


@dataclass(frozen=True, slots=True)
class DataFolder:
    """A catalogue and its interactions, as they lie in a folder."""

    path: Path
    items: list[CatalogueItem]
    interactions: InteractionTable
    bad_items: BadRows
    bad_interactions: BadRows
    liking: Liking = field(default_factory=Liking)
    """What the positives were told by."""
    events_through: int | None = None
    """The last event of the service that wrote the folder (`thaw export`); None for any other folder."""
    store_id: str | None = None
    """Of the store that gave that number, as far as the folder says."""

    def require_usable(self, max_bad_share: float) -> None:
        """
        Raises:
            TooManyBadRows: a greater share of a table's rows is bad.
            NothingLeft: there is no usable item.
        """
        self.bad_items.require_few(max_bad_share)
        self.bad_interactions.require_few(max_bad_share)
        if not self.items:
            raise NothingLeft(f"{self.path} holds no usable item")

    def fingerprint(self) -> str:
        """SHA-256 over ids and interactions: whether two checkpoints saw the same data."""
        digest = hashlib.sha256("\0".join(item.item_id for item in self.items).encode())
        digest.update("\0".join(self.interactions.user_ids).encode())
        for column in (self.interactions.users, self.interactions.items, self.interactions.positive):
            digest.update(column.tobytes())
        return digest.hexdigest()


def read_folder(path: Path, *, threshold: float | None = None) -> DataFolder:
    """
    Reads a plain data folder. Pictures are looked for, not opened.

    Args:
        threshold: a row whose value is at least this is a positive, and so is a row with an `event_type` whose weight
            reaches it, or 1 where it is more (see model/event_types.py); where the table has neither column, each row is.
            None: 1, or what the service counts as a like that wrote the folder.

    Raises:
        FolderMissing, ColumnMissing, TableUnreadable: the folder cannot be used at all.
        Single bad rows raise nothing: they are counted in `bad_items` and `bad_interactions`.
    """
    bad_items, bad_interactions = BadRows("items"), BadRows("interactions")
    items = read_items(path, bad_items)
    rows = {item.item_id: row for row, item in enumerate(items)}
    note = read_note(path)
    liking = Liking() if note is None else note.liking
    liking = liking if threshold is None else replace(liking, threshold=threshold)
    interactions = read_interactions(find_table(path, "interactions"), rows, liking, bad_interactions)
    events_through, store_id = (None, None) if note is None else (note.events_through, note.store_id)
    return DataFolder(path, items, interactions, bad_items, bad_interactions, liking, events_through, store_id)

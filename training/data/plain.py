"""The plain data folder: a table of items, a table of interactions, pictures or features beside them."""

from dataclasses import replace
from pathlib import Path

from model.event_types import Liking
from model.plain.bad_rows import BadRows
from model.plain.export_note import read_note
from model.plain.items import read_items
from model.plain.tables import find_table
from training.data.folder import DataFolder
from training.data.interactions import read_interactions


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

"""The plain data folder: a table of items, a table of interactions, pictures or features beside them."""

from dataclasses import replace
from pathlib import Path

from model.encoders.given import VectorEncoder
from model.event_types import Liking
from model.plain.bad_rows import BadRows
from model.plain.export_note import read_note
from model.plain.items import read_items
from model.plain.kept_features import FolderFeatures
from model.plain.tables import find_table
from training.data.folder import DataFolder
from training.data.interactions import read_interactions

_NUMBER = 4  # bytes


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
    widths = {**_kept_widths(path), **{name: len(vector) for item in items for name, vector in item.vectors.items()}}
    return DataFolder(
        path, items, interactions, bad_items, bad_interactions, liking, events_through, store_id, vector_widths=widths
    )


def _kept_widths(path: Path) -> dict[str, int]:
    """How many numbers the vectors have that a service kept of its items, by modality, where an export is read."""
    with FolderFeatures(path) as kept:
        found = {modality: (fingerprint, size // _NUMBER) for modality, fingerprint, size in kept.makers()}
    return {name: width for name, (made_by, width) in found.items() if made_by == VectorEncoder(width).spec.fingerprint}

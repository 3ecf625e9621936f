"""What a data folder gives, whichever layout it has: items, interactions, and features where they came with it."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from model.event_types import Liking
from model.plain.bad_rows import BadRows
from model.plain.items import CatalogueItem
from training.data.given import GivenFeatures
from training.data.interactions import InteractionTable
from training.errors import NothingLeft


@dataclass(frozen=True, slots=True)
class DataFolder:
    """A catalogue and its interactions, as they lie in a folder, whatever its layout."""

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

    given: Mapping[str, GivenFeatures] = field(default_factory=dict)
    """By modality, features that lie there instead of content; none where there is content to encode."""
    vector_widths: Mapping[str, int] = field(default_factory=dict)
    """By modality, how many numbers the vectors have that came with items."""

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

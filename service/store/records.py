"""What the store keeps of an item, and what it tells of a change; plain values, no database."""

from collections.abc import Mapping, Set
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from model.content import FloatArray, Scalar
from service.store.event_records import Erased, Reacted
from service.store.preconditions import UNCONDITIONAL, Precondition


@dataclass(frozen=True, slots=True)
class StoredFeatures:
    """What one encoder made of one item."""

    fingerprint: str
    data: bytes
    """As `model.features.row_to_bytes` writes them."""
    input: str = ""
    """Hash of what the encoder read; empty where that was not kept."""


@dataclass(frozen=True, slots=True)
class StoredEmbedding:
    """Where an item lies in one space, and how it came there."""

    space: str
    vector: FloatArray
    fusion: Mapping[str, Any]
    """Gate weights and experts, as the API shows them."""


@dataclass(frozen=True, slots=True)
class StoredItem:
    """All that is kept of one item."""

    item_id: str
    title: str = ""
    text: str = ""
    attributes: Mapping[str, Scalar] = field(default_factory=dict)
    features: Mapping[str, StoredFeatures] = field(default_factory=dict)
    """By modality; a missing one is not there."""
    embedding: StoredEmbedding | None = None
    created_at: float = 0.0
    """Seconds since 1970, set by the store."""
    updated_at: float = 0.0
    hidden: bool = False
    """Kept and readable, and in no list."""
    hidden_reason: str = ""
    published_at: float | None = None
    expires_at: float | None = None
    """From this moment on it is in no list."""
    pictures: str = ""
    """Hash of its pictures; empty where it has none, or where that was not kept."""
    change: int = 0
    """The store's number of the write that made it so, set by the store."""

    @property
    def revision(self) -> str:
        """Another one after every write of the item; only letters, digits and `-`."""
        return f"{self.change:x}-{round(self.updated_at * 1e6):x}"

    def is_visible(self, now: float) -> bool:
        """Whether lists may have it at a time."""
        return not self.hidden and (self.expires_at is None or now < self.expires_at)


HIDING = frozenset({"hidden", "hidden_reason"})


@dataclass(frozen=True, slots=True)
class Writing:
    """How an item is written: what goes with it, and on what condition."""

    condition: Precondition = UNCONDITIONAL
    thumbnail: bytes | None = None
    """A JPEG file; None: the one that is there stays if it is of the item's pictures."""
    space: str | None = None
    """The space that the item was embedded in: it must be the one that serves. None: whatever serves."""
    keeps: Set[str] = HIDING
    """The fields of an item that is there which stay as they are, whatever is written."""


@dataclass(frozen=True, slots=True)
class Put:
    """An item was written; `created` when it was not there before."""

    item: StoredItem
    created: bool


@dataclass(frozen=True, slots=True)
class Deleted:
    """An item was removed; `existed` when there was one."""

    item_id: str
    existed: bool


Change: TypeAlias = Put | Deleted | Reacted | Erased

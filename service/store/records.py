"""What the store keeps of an item, and what it tells of a change; plain values, no database."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from model.content import FloatArray, Scalar


@dataclass(frozen=True, slots=True)
class StoredFeatures:
    """What one encoder made of one item."""

    fingerprint: str
    data: bytes
    """As `model.features.row_to_bytes` writes them."""


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


Change: TypeAlias = Put | Deleted

"""What the store keeps of events, and what it tells after it wrote some; plain values, no database."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

from model.content import FloatArray

Status: TypeAlias = Literal["accepted", "duplicate", "erased"]
"""`accepted`: kept by this write. `duplicate`: kept before. `erased`: older than its user's erasure, not kept."""
Pair: TypeAlias = tuple[str, str]
"""A user and an item."""


@dataclass(frozen=True, slots=True)
class NewEvent:
    """An event as it came in."""

    event_id: str
    user_id: str
    item_id: str
    event_type: str
    timestamp: float
    """Seconds since 1970: when it happened."""
    value: float | None = None
    recommendation_id: str | None = None


@dataclass(frozen=True, slots=True)
class KeptEvent:
    """
    Of kept events of a pair that say the same, what says how user and item stand to each other: the newest, and their count.

    One type and one value, all in the serving checkpoint's training or all after it: so a pair with very many costs no more.
    """

    event_type: str
    value: float | None
    timestamp: float
    """When the newest happened."""
    number: int
    """The store's rising number of the last: events that came later have a higher one, and none is given twice."""
    count: int = 1


@dataclass(frozen=True, slots=True)
class KnownItem:
    """Of an item that is in the store, what its events need."""

    created_at: float
    anchor: FloatArray | None
    """(D,); None where it has no embedding in the space."""


@dataclass(frozen=True, slots=True)
class Reacted:
    """Events were written or removed."""

    statuses: Sequence[Status]
    """Of each event that was given, in order; empty where events were removed."""
    pairs: Mapping[Pair, Sequence[KeptEvent]]
    """Everything that is kept of each pair that was touched; nothing where its last event went."""
    items: Mapping[str, KnownItem]
    """The touched items that are in the store."""


@dataclass(frozen=True, slots=True)
class Erased:
    """All events of a user were removed, and that it wants to be forgotten was noted."""

    user_id: str


@dataclass(frozen=True, slots=True)
class UserRecord:
    """What the store holds of a user."""

    counts: Mapping[str, int]
    """Events by type."""
    last_event: float | None
    """When the newest happened, in seconds since 1970."""
    erased_at: float | None
    """When the user was last erased."""

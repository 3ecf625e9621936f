"""What is asked of a list, whoever it is for."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple, TypeAlias

from service.index.where import Where
from service.lists.explain import Explanation
from service.lists.filters import NO_FILTER, AttributeFilter

Reason: TypeAlias = Literal["relevance", "exploration", "prior"]


@dataclass(frozen=True, slots=True)
class Wish:
    """What was asked for."""

    k: int = 20
    exclude_seen: bool = True
    cold_only: bool = False
    fallback: bool = False
    exclude: tuple[str, ...] = ()
    attributes: AttributeFilter = NO_FILTER
    max_age_seconds: float | None = None
    min_score: float | None = None
    """In deviations of the user's scores over the catalogue."""
    diversity: float = 0.0
    explain: bool = False
    exploration: float | None = None
    """A share of the list; None: as the settings have it."""
    tau: float | None = None
    """In deviations likewise; None: as `cold_share`, the settings or the checkpoint have it."""
    cold_share: float | None = None

    def where(self) -> Where | None:
        """What items must be, as of now; None where anything may come."""
        since = None if self.max_age_seconds is None else time.time() - self.max_age_seconds
        return None if since is None and self.attributes is NO_FILTER else self.attributes.to_where(since)


class Pick(NamedTuple):
    """One of a list."""

    item_id: str
    score: float
    relevance: float
    """The score, as deviations from the mean of this user's scores over the catalogue."""
    reason: Reason


@dataclass(frozen=True, slots=True)
class Recommendation:
    """A list for a user, best first."""

    recommendation_id: str
    source: str
    picks: list[Pick]
    degraded: bool
    explanations: Sequence[Explanation] | None = None
    """One for each pick, where they were asked for."""
    unknown_item_ids: Sequence[str] | None = None
    """Of a history."""

"""What users did comes in: kept for good, counted, and from then on in their lists."""

import asyncio
import time
from collections import Counter
from collections.abc import Sequence

from service.lists.recommendation_id import read_name
from service.monitoring.metrics import Metrics
from service.space import Space
from service.store.event_records import KnownItem, NewEvent, Reacted, Status, UserRecord
from service.store.events import EventLog
from service.thawing.reactions import SECONDS_A_DAY, Rules

_HOUR = 3600.0
_AGES = (("hour", _HOUR), ("day", SECONDS_A_DAY), ("week", 7 * SECONDS_A_DAY), ("month", 30 * SECONDS_A_DAY))


class Events:
    """Writes events to the store; users and items follow by way of the store's changes."""

    def __init__(self, space: Space, log: EventLog, rules: Rules, metrics: Metrics) -> None:
        self._space, self._log, self._rules, self._metrics = space, log, rules, metrics

    async def add(self, events: Sequence[NewEvent]) -> Sequence[Status]:
        """
        Keeps events; durable, and in the next list of their users, when it returns.

        Returns:
            What became of each, in order.

        Raises:
            Overloaded, Closing, StoreUnavailable: nothing was acknowledged.
        """
        with self._metrics.stage("events").time():
            change = await asyncio.wrap_future(self._log.add(events))
        self._count(events, change)
        return change.statuses

    async def erase(self, user_id: str) -> None:
        """
        Removes what is held of a user, and notes that no checkpoint's knowledge of it may be used.

        Raises:
            Overloaded, Closing, StoreUnavailable: nothing was removed.
        """
        await asyncio.wrap_future(self._log.erase(user_id))

    async def user(self, user_id: str) -> UserRecord:
        """What the store holds of a user."""
        return await asyncio.to_thread(self._log.user, user_id)

    def _count(self, events: Sequence[NewEvent], change: Reacted) -> None:
        now = time.time()
        outcomes = list(zip(events, change.statuses, strict=True))
        for (event_type, status), times in Counter((event.event_type, status) for event, status in outcomes).items():
            self._metrics.events.labels(event_type, status).inc(times)
        kept = [event for event, status in outcomes if status == "accepted"]
        shown = [event for event in kept if event.event_type == "impression"]
        clicked = [event for event in kept if self._rules.weight(event.event_type, event.value) > 0]
        for counter, counted in ((self._metrics.impressions, shown), (self._metrics.clicks, clicked)):
            lists = Counter((*self._origin(event), _age(change.items.get(event.item_id), now)) for event in counted)
            for labels, times in lists.items():
                counter.labels(*labels).inc(times)

    def _origin(self, event: NewEvent) -> tuple[str, str]:
        """Source and space of the list that the event names; few values, whatever clients send."""
        if event.recommendation_id is None:
            return "none", "none"
        origin = read_name(event.recommendation_id)
        if origin is None:
            return "unknown", "unknown"
        return origin.source, origin.space if origin.space == self._space.version else "other"


def _age(item: KnownItem | None, now: float) -> str:
    """How long an item has been here, as one of few words."""
    if item is None:
        return "unknown"
    return next((name for name, seconds in _AGES if now - item.created_at < seconds), "older")

"""When items must leave the index."""

import heapq
import math


class Expiries:
    """
    The moments at which items expire, the next one at hand.

    Not safe beside a writer, but for `next_at`, which is one read.
    """

    def __init__(self) -> None:
        self._moments: dict[str, float] = {}
        self._heap: list[tuple[float, str]] = []
        self._gone: dict[str, float] = {}
        self.next_at = math.inf
        """Seconds since 1970: before it, nothing is due."""

    def note(self, item_id: str, expires_at: float | None) -> None:
        """Remembers an item's moment in place of the one before; None: it does not expire."""
        self._gone.pop(item_id, None)
        if expires_at is None:
            self._moments.pop(item_id, None)
        else:
            self._moments[item_id] = expires_at
            heapq.heappush(self._heap, (expires_at, item_id))
            if len(self._heap) > 2 * len(self._moments) + 64:  # mostly moments that no longer hold
                self._heap = [(moment, known) for known, moment in self._moments.items()]
                heapq.heapify(self._heap)
        self._look_ahead()

    def take_due(self, now: float, most: int) -> list[str]:
        """Items that have expired since it was last asked, so many of them at most."""
        due: list[str] = []
        while self.next_at <= now and len(due) < most:
            due.append(heapq.heappop(self._heap)[1])
            self._gone[due[-1]] = self._moments.pop(due[-1])
            self._look_ahead()
        return due

    def has_taken(self, item_id: str) -> bool:
        """Whether an item was due, and nothing was noted of it since."""
        return item_id in self._gone

    def early(self, now: float) -> list[str]:
        """Items that were due by a clock that ran ahead, and are not due now."""
        return [item_id for item_id, moment in self._gone.items() if moment > now]

    def _look_ahead(self) -> None:
        """Drops what was noted and then changed, up to the next moment that still holds."""
        while self._heap and self._moments.get(self._heap[0][1]) != self._heap[0][0]:
            heapq.heappop(self._heap)
        self.next_at = self._heap[0][0] if self._heap else math.inf

"""A user becomes candidates."""

import asyncio
import uuid
from dataclasses import dataclass

from service.catalogue import COLD
from service.index.protocol import Candidate, Index
from service.metrics import Metrics
from service.users import Users


@dataclass(frozen=True, slots=True)
class Wish:
    """What was asked for."""

    user_id: str
    k: int
    exclude_seen: bool = True
    cold_only: bool = False
    fallback: bool = False


@dataclass(frozen=True, slots=True)
class Recommendation:
    """A list for a user, best first."""

    recommendation_id: str
    source: str
    candidates: list[Candidate]
    degraded: bool


class Recommender:
    """Scores a user's embedding against every item that was posted."""

    def __init__(self, users: Users, index: Index, metrics: Metrics) -> None:
        self._users, self._index, self._metrics = users, index, metrics

    async def recommend(self, wish: Wish) -> Recommendation:
        """
        Raises:
            UnknownUser: the user is unknown and no fallback was asked for.
        """
        with self._metrics.stages.labels("user").time():
            user = await self._users.embedding(wish.user_id, fallback=wish.fallback)
        exclude = self._users.seen_by(wish.user_id) if wish.exclude_seen else []
        with self._metrics.stages.labels("search").time():
            candidates = await asyncio.to_thread(
                self._index.search, user.vector, wish.k, within=COLD if wish.cold_only else None, exclude=exclude
            )
        if self._users.degraded:
            self._metrics.degraded_answers.inc()
        return Recommendation(uuid.uuid4().hex, user.source, candidates, self._users.degraded)

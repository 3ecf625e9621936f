"""User embeddings: from the cache, else from the checkpoint."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

from model.content import FloatArray
from service.errors import UnknownUser
from service.explain import History
from service.metrics import Metrics
from service.space import Space
from service.user_cache import UserCache, pack_user, unpack_user


@dataclass(frozen=True, slots=True)
class UserEmbedding:
    """Where a user lies, and how that is known."""

    vector: FloatArray
    """(D,) float32."""
    source: str
    """`user`: this user's own. `prior`: that of a user of whom nothing is known."""


class Users:
    """
    Looks through the caches in order, then computes; what was computed goes into each of them.

    A cached vector is used only if it is of the current space and the user's current event number.
    """

    def __init__(self, space: Space, caches: Sequence[UserCache], metrics: Metrics) -> None:
        self._space, self._caches, self._metrics = space, caches, metrics
        self._writes: set[asyncio.Task[None]] = set()

    @property
    def degraded(self) -> bool:
        """Whether a cache is out of order."""
        return any(cache.degraded for cache in self._caches)

    async def embedding(self, user_id: str, *, fallback: bool) -> UserEmbedding:
        """
        Args:
            fallback: give the prior user's for an unknown user.

        Raises:
            UnknownUser: the user is unknown and no fallback was asked for.
        """
        trained = self._space.user_embedding(user_id)
        if trained is None:
            if not fallback:
                raise UnknownUser(user_id)
            return UserEmbedding(self._space.prior_user, "prior")
        return UserEmbedding(await self._cached(user_id, trained), "user")

    def seen_by(self, user_id: str) -> list[str]:
        """Ids of the items that a user had in training."""
        return self._space.seen_by(user_id)

    def history(self, user_id: str) -> History:
        """What a user liked in training."""
        return History(*self._space.liked_by(user_id))

    async def close(self) -> None:
        """Finishes what is being written, then lets the caches go."""
        await asyncio.gather(*self._writes)
        for cache in self._caches:
            await cache.close()

    async def _cached(self, user_id: str, trained: FloatArray) -> FloatArray:
        number = 0  # events do not move users yet: every user stands at its trained embedding
        missed = []
        vector = None
        for cache in self._caches:
            value = await cache.get(user_id)
            if value is not None:
                vector = unpack_user(value, self._space.version, number, len(trained))
            if vector is not None:
                break
            missed.append(cache)
        self._metrics.user_cache.labels("miss" if vector is None else "hit").inc()
        found = trained if vector is None else vector
        if missed:
            self._remember(missed, user_id, pack_user(self._space.version, number, found))
        return found

    def _remember(self, caches: Sequence[UserCache], user_id: str, value: bytes) -> None:
        """Writes in the background: a request waits for one round trip to a cache, not for two."""
        for cache in caches:
            task = asyncio.create_task(cache.put(user_id, value))
            self._writes.add(task)
            task.add_done_callback(self._writes.discard)

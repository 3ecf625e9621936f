"""User embeddings: from the cache, else from the checkpoint and the user's events."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from model.content import FloatArray
from service.errors import UnknownUser
from service.monitoring.metrics import Metrics
from service.space import Space
from service.thawing.ledger import Ledger
from service.users.cache import UserCache, pack_user, unpack_user
from service.users.history import History

_RECENT = 2000


@dataclass(frozen=True, slots=True)
class UserEmbedding:
    """Where a user lies, and how that is known."""

    vector: FloatArray
    """(D,) float32."""
    source: str
    """`user`: this user's own. `prior`: that of a user of whom nothing is known."""
    space: str
    """What it lies in."""


class Users:
    """
    Looks through the caches in order, then computes; what was computed goes into each of them.

    A user lies where training put it until an event moves it; then it is folded in from its events.
    A cached vector is used only if it is of the current space and the user's current event number.
    """

    def __init__(self, space: Space, caches: Sequence[UserCache], metrics: Metrics, ledger: Ledger) -> None:
        self._space, self._caches, self._metrics = space, caches, metrics
        self._ledger, self._tables = ledger, ledger.tables
        self._writes: set[asyncio.Task[None]] = set()

    @property
    def degraded(self) -> bool:
        """Whether a cache is out of order."""
        return any(cache.degraded for cache in self._caches)

    async def probe(self) -> None:
        """Asks caches that were out of order whether they still are."""
        for cache in self._caches:
            await cache.probe()

    async def embedding(self, user_id: str, *, fallback: bool) -> UserEmbedding:
        """
        Args:
            fallback: give the prior user's for an unknown user. A user that has events is known, and gets the prior user's
                in any case where these say nothing of its taste.

        Raises:
            UnknownUser: the user is unknown and no fallback was asked for.
        """
        number, trained = self._tables.number(user_id), self._trained(user_id)
        if not number and trained is None:
            if not fallback and not self._tables.knows(user_id):
                raise UnknownUser(user_id)
            return UserEmbedding(self._space.prior_user, "prior", self._space.version)
        return UserEmbedding(await self._cached(user_id, number), "user", self._space.version)

    def is_trained(self, user_id: str) -> bool:
        """Whether the checkpoint was trained on the user, who was not erased since."""
        return self._trained(user_id) is not None

    def seen_by(self, user_id: str) -> list[str]:
        """Ids of the items that a user had in training, or did more with than look since."""
        trained = [] if self._tables.is_erased(user_id) else self._space.seen_by(user_id)
        return trained + self._tables.acted_on(user_id)

    async def forget(self, user_id: str) -> None:
        """Takes a user out of the caches."""
        await asyncio.gather(*self._writes)
        for cache in self._caches:
            await cache.drop(user_id)

    def history(self, user_id: str) -> History:
        """What a user liked and did not take back: first in training, unless it was erased, then since."""
        trained, learned = self._space.liked_by(user_id)
        since, anchors = self._tables.likes(user_id)
        if self._tables.is_erased(user_id):
            return History(since, anchors)
        taken_back = self._tables.taken_back(user_id)
        kept = [at for at, item_id in enumerate(trained) if item_id not in taken_back]
        return History([*(trained[at] for at in kept), *since], np.concatenate([learned[kept], anchors]))

    async def warm(self) -> None:
        """Computes those who were asked for last, once another space has taken over: none of their requests waits for it."""
        for user_id in dict.fromkeys(user_id for cache in self._caches for user_id in cache.recent(_RECENT)):
            await self.embedding(user_id, fallback=True)
            await asyncio.gather(*self._writes)  # one after the other: requests use the same few connections
            await asyncio.sleep(0)  # whoever asks now comes first

    async def close(self) -> None:
        """Finishes what is being written, then lets the caches go."""
        await asyncio.gather(*self._writes)
        for cache in self._caches:
            await cache.close()

    def _trained(self, user_id: str) -> FloatArray | None:
        return None if self._tables.is_erased(user_id) else self._space.user_embedding(user_id)

    async def _cached(self, user_id: str, number: int) -> FloatArray:
        missed = []
        vector = None
        for cache in self._caches:
            value = await cache.get(user_id)
            if value is not None:
                vector = unpack_user(value, user_id, self._space.version, number, self._space.tower.width)
            if vector is not None:
                break
            missed.append(cache)
        self._metrics.user_cache.labels("miss" if vector is None else "hit").inc()
        if vector is None:
            number, vector = await self._computed(user_id, number)
        if missed and self._is_current(user_id, number):
            self._remember(missed, user_id, pack_user(user_id, self._space.version, number, vector))
        return vector

    async def _computed(self, user_id: str, number: int) -> tuple[int, FloatArray]:
        """Where a user lies, and after which event."""
        folded = await asyncio.to_thread(self._ledger.embedding, user_id) if number else None
        if folded is not None:
            return folded
        trained = self._trained(user_id)
        return 0, self._space.prior_user if trained is None else trained

    def _is_current(self, user_id: str, number: int) -> bool:
        """Whether what was computed for an event number still holds: nothing of an erased user is kept."""
        if not self._ledger.is_led:
            return False
        return self._tables.number(user_id) == number and (number > 0 or not self._tables.is_erased(user_id))

    def _remember(self, caches: Sequence[UserCache], user_id: str, value: bytes) -> None:
        """Writes in the background: a request waits for one round trip to a cache, not for two."""
        for cache in caches:
            task = asyncio.create_task(cache.put(user_id, value))
            self._writes.add(task)
            task.add_done_callback(self._writes.discard)

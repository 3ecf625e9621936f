"""User vectors in Redis: nothing that would hurt to lose, and never worth waiting for."""

import time

from redis.asyncio import BlockingConnectionPool, Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

from service.errors import SettingsError

_UNREADABLE = (
    "THAW_REDIS_URL cannot be read: it must be like redis://:PASSWORD@HOST:6379/0, with a password's special characters "
    "percent-encoded, and with no option that Redis' clients do not know"
)
_PREFIX = "thaw:user:"
_KEEP_SECONDS = 24 * 3600
_REST_SECONDS = 1.0


class RedisUserCache:
    """
    One round trip a call, bounded by the timeout.

    After a failure Redis is left alone for a second: while it is down, one request a second pays for trying.
    """

    def __init__(self, url: str, *, timeout_seconds: float) -> None:
        """
        Raises:
            SettingsError: the URL is none that Redis clients read. An unreachable server raises nothing.
        """
        try:
            pool = BlockingConnectionPool.from_url(
                url,
                max_connections=64,
                timeout=timeout_seconds,
                socket_timeout=timeout_seconds,
                socket_connect_timeout=timeout_seconds,
                retry=Retry(NoBackoff(), 0),
            )
            pool.make_connection()  # type: ignore[no-untyped-call] # connects to nothing, and refuses what no connection takes
        except (ValueError, TypeError):
            raise SettingsError(_UNREADABLE) from None  # the error quotes the URL, and that may hold a password
        if pool.connection_kwargs.get("decode_responses"):
            raise SettingsError("THAW_REDIS_URL may not ask for decode_responses: user vectors are bytes, and no text")
        self._redis = Redis.from_pool(pool)  # closing it closes the pool
        self._resting_until = 0.0
        self._failed = False

    @property
    def degraded(self) -> bool:
        return self._failed

    async def probe(self) -> None:
        """While other caches answer, nobody else would find out that Redis is back."""
        if not self._failed or time.monotonic() < self._resting_until:
            return
        try:
            await self._redis.ping()
        except (RedisError, OSError, TimeoutError):
            self._rest()
        else:
            self._failed = False

    async def get(self, user_id: str) -> bytes | None:
        if time.monotonic() < self._resting_until:
            return None
        try:
            value: object = await self._redis.get(_PREFIX + user_id)
        except (RedisError, OSError, TimeoutError):
            self._rest()
            return None
        if value is not None and not isinstance(value, bytes):  # whatever answers there, it is no Redis
            self._rest()
            return None
        self._failed = False
        return value

    async def put(self, user_id: str, value: bytes) -> None:
        if time.monotonic() < self._resting_until:
            return
        try:
            await self._redis.set(_PREFIX + user_id, value, ex=_KEEP_SECONDS)
        except (RedisError, OSError, TimeoutError):
            self._rest()

    async def drop(self, user_id: str) -> None:
        """Tries even while Redis is left alone; what cannot be dropped now expires within a day."""
        try:
            await self._redis.delete(_PREFIX + user_id)
        except (RedisError, OSError, TimeoutError):
            self._rest()

    def recent(self, most: int) -> list[str]:
        return []

    async def close(self) -> None:
        await self._redis.aclose()

    def _rest(self) -> None:
        self._failed = True
        self._resting_until = time.monotonic() + _REST_SECONDS

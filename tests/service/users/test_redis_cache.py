"""Redis is a cache: alive, dead, slow or full of rubbish, answers are the same."""

import asyncio
import signal
import time
from pathlib import Path

import httpx
import pytest
from redis import Redis

from model.checkpoint import Checkpoint
from service.errors import SettingsError
from service.users.redis_cache import RedisUserCache
from tests.conftest import ClientMaker
from tests.fakes import open_redis
from tests.processes import free_port, redis_server

pytestmark = pytest.mark.anyio
USER = "words-sailing-01"


async def recommend(client: httpx.AsyncClient) -> tuple[list[dict[str, object]], bool]:
    answer = await client.get(f"/recommend/{USER}")
    assert answer.status_code == 200
    return answer.json()["items"], answer.json()["degraded"]


async def test_a_value_comes_back_as_it_was_put(redis_url: str) -> None:
    cache = open_redis(redis_url)
    await cache.put("a user", b"\0bytes\xff")

    assert await cache.get("a user") == b"\0bytes\xff"
    assert await cache.get("another") is None
    assert not cache.degraded
    await cache.close()


async def test_user_vectors_are_cached_in_redis(service: ClientMaker, redis_url: str) -> None:
    with Redis.from_url(redis_url) as redis:
        redis.flushall()
        async with service(redis_url=redis_url, redis_timeout_seconds=2).client() as client:
            await recommend(client)

        assert redis.keys() == [f"thaw:user:{USER}".encode()]


async def test_rubbish_in_redis_is_not_believed(service: ClientMaker, redis_url: str) -> None:
    with Redis.from_url(redis_url) as redis:
        async with service(redis_url=redis_url, redis_timeout_seconds=2).client() as client:
            await client.post("/items", json={"item_id": "a", "title": "x"})
            expected, _ = await recommend(client)
        redis.set(f"thaw:user:{USER}", b"rubbish")
        async with service(redis_url=redis_url, redis_timeout_seconds=2).client() as client:
            assert await recommend(client) == (expected, False)


async def test_redis_may_die_and_come_back(service: ClientMaker, tmp_path: Path) -> None:
    port = free_port()
    settings = {"redis_url": f"redis://127.0.0.1:{port}/0", "redis_timeout_seconds": 2, "user_cache_size": 0}
    async with service(**settings).client() as client:
        with redis_server(tmp_path, port):
            await client.post("/items", json={"item_id": "a", "title": "x"})
            alive = await recommend(client)
        dead = await recommend(client)
        with redis_server(tmp_path, port):
            for _ in range(100):
                back = await recommend(client)
                if not back[1]:
                    break
                await asyncio.sleep(0.1)

    assert (alive[1], dead[1], back[1]) == (False, True, False)
    assert alive[0] == dead[0] == back[0]


async def test_that_redis_is_back_is_noticed_while_nobody_needs_it(
    service: ClientMaker, checkpoint: Checkpoint, tmp_path: Path
) -> None:
    """This process has the user's vector itself, and asks Redis for nothing."""
    port = free_port()
    async with service(redis_url=f"redis://127.0.0.1:{port}/0", redis_timeout_seconds=2).client() as client:
        with redis_server(tmp_path, port):
            await recommend(client)
        another = next(user_id for user_id in checkpoint.user_ids if user_id != USER)
        await client.get(f"/recommend/{another}")  # for this one it is asked
        dead = (await client.get("/health/ready")).json()["degraded"]
        with redis_server(tmp_path, port):
            for _ in range(100):
                if not (back := (await client.get("/health/ready")).json()["degraded"]):
                    break
                await asyncio.sleep(0.1)
            _, degraded = await recommend(client)

    assert (dead, back, degraded) == (True, False, False)


async def test_a_silent_redis_costs_no_more_than_its_timeout(service: ClientMaker, tmp_path: Path) -> None:
    """SIGSTOP: the port is open and nobody answers."""
    port = free_port()
    with redis_server(tmp_path, port) as process:
        settings = {"redis_url": f"redis://127.0.0.1:{port}/0", "redis_timeout_seconds": 0.05, "user_cache_size": 0}
        async with service(**settings).client() as client:
            process.send_signal(signal.SIGSTOP)
            start = time.monotonic()
            answers = [await recommend(client) for _ in range(20)]
            elapsed = time.monotonic() - start
            process.send_signal(signal.SIGCONT)

    assert all(degraded for _, degraded in answers)
    assert elapsed < 5  # without the rest after a failure and the short timeout it would hang for minutes


@pytest.mark.parametrize(
    "url",
    [
        "localhost:6379",
        "redis://localhost:6379/0?ssl_cert_reqs=none",
        "redis://localhost/0?no=option",
        "redis://localhost/0?decode_responses=true",
    ],
)
def test_a_url_that_is_none_stops_the_start(url: str) -> None:
    with pytest.raises(SettingsError, match="THAW_REDIS_URL"):
        RedisUserCache(url, timeout_seconds=1)


def test_a_password_in_a_url_that_is_none_is_not_told() -> None:
    with pytest.raises(SettingsError) as caught:
        RedisUserCache("redis://:hunter/secretpw@localhost:6379/0", timeout_seconds=1)

    assert "hunter" not in str(caught.value)
    assert caught.value.__cause__ is None


@pytest.mark.parametrize("answer", [7, "OK", True])
async def test_what_no_redis_would_answer_is_a_failure_of_the_cache(monkeypatch: pytest.MonkeyPatch, answer: object) -> None:
    async def get(*_: object) -> object:
        return answer

    monkeypatch.setattr("service.users.redis_cache.Redis.get", get)
    cache = RedisUserCache("redis://localhost:6379/0", timeout_seconds=1)

    assert await cache.get("anna") is None
    assert cache.degraded
    await cache.close()

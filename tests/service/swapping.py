"""Another checkpoint takes over: a service that may be told to, and a step of it held up."""

import sqlite3
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest

from service.settings import Settings
from service.space import Space
from tests.conftest import ServiceContext

SOME = slice(10, 22)
KEY = "an-admin-key-of-a-test"
USERS = ["words-sailing-01", "picture-leaves-01", "stranger-1", "stranger-2"]


@asynccontextmanager
async def serving(space: Space, settings: Settings) -> AsyncIterator[httpx.AsyncClient]:
    async with ServiceContext(space, settings).client() as client:
        client.headers["X-API-Key"] = KEY
        yield client


@asynccontextmanager
async def held(monkeypatch: pytest.MonkeyPatch, owner: type, step: str) -> AsyncIterator[threading.Event]:
    """While it is open, a step of the swap waits before it is done; the event says that it was reached."""
    reached, go_on = threading.Event(), threading.Event()
    original: Callable[..., Any] = getattr(owner, step)

    def waiting(*arguments: Any) -> Any:
        reached.set()
        go_on.wait(60)
        return original(*arguments)

    monkeypatch.setattr(owner, step, waiting)
    try:
        yield reached
    finally:
        monkeypatch.setattr(owner, step, original)
        go_on.set()


def spaces_in(settings: Settings) -> set[str]:
    """Spaces of which the store holds embeddings."""
    connection = sqlite3.connect(settings.store_url.removeprefix("sqlite:///"))
    found = {space for (space,) in connection.execute("SELECT DISTINCT space FROM embeddings")}
    connection.close()
    return found

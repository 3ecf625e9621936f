"""Waiting for items to move, without waiting for time to pass."""

import asyncio
from pathlib import Path
from typing import Any

import httpx

from service.serving.live import Live
from service.serving.running import Service
from service.serving.swap import Swapper


def running(client: httpx.AsyncClient) -> Service:
    """The service that a client of this process talks to."""
    live: Live = client._transport.app.state.live  # type: ignore[attr-defined]
    return live.now


async def swap(client: httpx.AsyncClient, checkpoint: Path) -> dict[str, Any]:
    """Swaps a checkpoint in, waits for the end and returns what `GET /model` says then."""
    answer = await client.post("/admin/model", json={"checkpoint": str(checkpoint)})
    assert answer.status_code == 202, answer.text
    await swapper(client).finished()
    said: dict[str, Any] = (await client.get("/model")).json()
    return said


def swapper(client: httpx.AsyncClient) -> Swapper:
    """What swaps checkpoints in that service."""
    live: Live = client._transport.app.state.live  # type: ignore[attr-defined]
    return live.swapper


async def settle(client: httpx.AsyncClient) -> None:
    """Does what the service's own thread is about to do."""
    while await asyncio.to_thread(running(client).catalogue.settle):
        pass

"""Waiting for items to move, without waiting for time to pass."""

import asyncio

import httpx

from service.running import Service


def running(client: httpx.AsyncClient) -> Service:
    """The service that a client of this process talks to."""
    service: Service = client._transport.app.state.service  # type: ignore[attr-defined]
    return service


async def settle(client: httpx.AsyncClient) -> None:
    """Does what the service's own thread is about to do."""
    while await asyncio.to_thread(running(client).catalogue.settle):
        pass

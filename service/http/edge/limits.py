"""Bounds on what a client may send, kept while it sends."""

import asyncio
import time
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, TypeAlias
from urllib.parse import unquote_to_bytes

from service.errors import BodyTooLarge, BodyTooSlow, InvalidField
from service.http.edge.problems import answer_error

Message: TypeAlias = MutableMapping[str, Any]
Receive: TypeAlias = Callable[[], Awaitable[Message]]
Send: TypeAlias = Callable[[Message], Awaitable[None]]
App: TypeAlias = Callable[[MutableMapping[str, Any], Receive, Send], Awaitable[None]]


class BodyLimit:
    """Refuses a body over the limit, by its header or as it comes, one that comes too slowly, and a path that names nothing."""

    def __init__(self, app: App, max_bytes: int, timeout_seconds: float) -> None:
        self._app, self._max_bytes, self._timeout_seconds = app, max_bytes, timeout_seconds

    async def __call__(self, scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
        elif not _is_utf8(scope.get("raw_path") or b""):
            await answer_error(InvalidField("path", "what stands in it percent-encoded is not UTF-8"))(scope, receive, send)
        elif self._declared(scope) > self._max_bytes:
            await answer_error(BodyTooLarge(self._max_bytes))(scope, receive, send)
        else:
            await self._app(scope, self._bounded(receive), send)

    def _declared(self, scope: MutableMapping[str, Any]) -> int:
        lengths = [value for name, value in scope["headers"] if name == b"content-length"]
        return int(lengths[0]) if lengths and lengths[0].isdigit() else 0

    def _bounded(self, receive: Receive) -> Receive:
        received = 0
        finished = False
        deadline = time.monotonic() + self._timeout_seconds

        async def bounded() -> Message:
            nonlocal received, finished
            if finished:  # only the client's leaving is still to come
                return await receive()
            try:
                message = await asyncio.wait_for(receive(), max(0.0, deadline - time.monotonic()))
            except TimeoutError:
                raise BodyTooSlow(self._timeout_seconds) from None
            received += len(message.get("body", b""))
            finished = not message.get("more_body", False)
            if received > self._max_bytes:
                raise BodyTooLarge(self._max_bytes)
            return message

        return bounded


def _is_utf8(path: bytes) -> bool:
    """
    Whether the percent-encoded path decodes as UTF-8.

    Undecodable bytes would be replaced, and the request would name another id.
    """
    if b"%" not in path:
        return True
    try:
        unquote_to_bytes(path).decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True

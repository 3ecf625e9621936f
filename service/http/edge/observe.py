"""Names, times and logs every request, by its route's template."""

import time
from collections.abc import MutableMapping
from typing import Any

import structlog

from service.http.edge.limits import App, Message, Receive, Send
from service.http.edge.request_id import HEADER, bind_request_id, choose_request_id

_log = structlog.get_logger(__name__)
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_QUIET = ("/health/", "/metrics")
_NAME = HEADER.lower().encode()


class Observe:
    """
    Puts each request into the histogram of the app's metrics, writes one line of it, and answers with its id.

    The line has the route's template, never the path: ids of users are nobody's business there. Probes and
    `/metrics` are logged at the level debug.
    """

    def __init__(self, app: App) -> None:
        self._app = app

    async def __call__(self, scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request_id = choose_request_id(_sent_id(scope))
        bind_request_id(request_id)
        status = 500

        async def noting(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = [*message.get("headers", ()), (_NAME, request_id.encode())]
            await send(message)

        start = time.perf_counter()
        try:
            await self._app(scope, receive, noting)
        finally:
            _note(scope, status, time.perf_counter() - start)


def _sent_id(scope: MutableMapping[str, Any]) -> str | None:
    return next((value.decode("latin-1") for name, value in scope["headers"] if name == _NAME), None)


def _note(scope: MutableMapping[str, Any], status: int, seconds: float) -> None:
    route = getattr(scope.get("route"), "path", "none")
    method = scope["method"] if scope["method"] in _METHODS else "other"  # else a client could make up label values
    scope["app"].state.live.now.metrics.request(method, route, str(status)).observe(seconds)
    write = _log.debug if route.startswith(_QUIET) else _log.info
    write("request", method=method, route=route, status=status, seconds=round(seconds, 6))

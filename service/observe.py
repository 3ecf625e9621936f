"""Times every request by its route's template."""

import time
from collections.abc import MutableMapping
from typing import Any

from service.limits import App, Message, Receive, Send


class Observe:
    """Puts each request into the histogram of the app's metrics, once there are any."""

    def __init__(self, app: App) -> None:
        self._app = app

    async def __call__(self, scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        status = "500"

        async def noting(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = str(message["status"])
            await send(message)

        start = time.perf_counter()
        try:
            await self._app(scope, receive, noting)
        finally:
            route = getattr(scope.get("route"), "path", "none")
            service = scope["app"].state.service
            service.metrics.requests.labels(scope["method"], route, status).observe(time.perf_counter() - start)

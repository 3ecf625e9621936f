"""Routes whose JSON body FastAPI parses: on the event loop, so only for whoever may ask, and only if it is small."""

from collections.abc import Callable, Coroutine
from typing import Any

from fastapi import Request, Response
from fastapi.routing import APIRoute

from service.errors import BodyTooLarge
from service.routes.access import Needs

MOST_BYTES = 2**21
"""Far above what a call of `POST /recommend` has that keeps to its other limits and to ids and values of usual length."""


class SmallBodyRoute(APIRoute):
    """Asks for the key before it reads the body, and refuses one that is large, late or cut as every route does."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handle = super().get_route_handler()
        if self.body_field is None:  # nothing to read, nothing to ask twice
            return handle

        async def bounded(request: Request) -> Response:
            for dependency in self.dependant.dependencies:
                if isinstance(dependency.call, Needs):
                    await dependency.call(request)
            if len(await request.body()) > MOST_BYTES:  # FastAPI finds it where it is kept now
                raise BodyTooLarge(MOST_BYTES, "what this call takes")
            return await handle(request)

        return bounded

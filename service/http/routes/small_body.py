"""Routes whose JSON body FastAPI parses: on the event loop, so only for whoever may ask, and only if it is small."""

from collections.abc import Callable, Coroutine
from typing import Any

from fastapi import Request, Response
from fastapi.routing import APIRoute
from starlette.exceptions import HTTPException

from service.errors import BodyTooLarge, MalformedBody
from service.http.edge.limits import Message, Receive
from service.http.routes.access import Needs

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
            small = Request(request.scope, _counted(request))
            await small.body()  # FastAPI finds it where it is kept now
            try:
                return await handle(small)
            except HTTPException as error:  # no route raises one: this is FastAPI, which could not parse the body
                raise MalformedBody("it is not JSON in UTF-8, or too deeply nested") from error

        return bounded


def _counted(request: Request) -> Receive:
    """
    Receives the request's body as long as it is small.

    Raises:
        BodyTooLarge: at once where the header says so, else once too much came.
    """
    declared, received = request.headers.get("content-length", ""), 0

    async def receive() -> Message:
        nonlocal received
        message = await request.receive()
        received += len(message.get("body", b""))
        if received > MOST_BYTES:
            raise BodyTooLarge(MOST_BYTES, "what this call takes")
        return message

    if declared.isdigit() and int(declared) > MOST_BYTES:
        raise BodyTooLarge(MOST_BYTES, "what this call takes")
    return receive

"""Routes that are asked so often that FastAPI's way to an endpoint costs more than what the endpoint does."""

from collections.abc import Callable, Coroutine
from typing import Any

from fastapi import Request, Response
from fastapi.routing import APIRoute

from service.http.routes.access import Needs


class DirectRoute(APIRoute):
    """
    Calls its endpoint with the parameters of its path, `request` and `service`, and with nothing else.

    FastAPI documents it as any other, and would solve its dependencies anew at each request: here that is the key and the
    service, always.
    """

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        needs = [dependency.call for dependency in self.dependant.dependencies if isinstance(dependency.call, Needs)]
        endpoint: Callable[..., Coroutine[Any, Any, Response]] = self.endpoint

        async def handle(request: Request) -> Response:
            for need in needs:
                await need(request)
            return await endpoint(**request.path_params, request=request, service=request.app.state.live.now)

        return handle

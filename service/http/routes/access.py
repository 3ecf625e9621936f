"""
What each route needs of whoever calls it.

A router declares it once: `APIRouter(dependencies=[Depends(require(Right.READ, to_change=Right.WRITE))])`. A route
that needs more declares that beside it: `dependencies=[Depends(require(Right.ADMIN))]`. The highest one counts.
"""

from fastapi import FastAPI, Request
from fastapi.routing import APIRoute, iter_route_contexts

from service.errors import ForeignPage
from service.http.edge.hosts import is_made_up
from service.http.edge.keys import Keys, Right

_READING = ("GET", "HEAD", "OPTIONS")


class Needs:
    """A dependency that lets a request pass or raises; it can be asked what it needs."""

    def __init__(self, right: Right, to_change: Right | None = None) -> None:
        self._right, self._to_change = right, right if to_change is None else to_change

    def right_for(self, method: str) -> Right:
        """The right that a method needs."""
        return self._right if method in _READING else self._to_change

    async def __call__(self, request: Request) -> None:
        """
        Raises:
            AdminOff, UnknownKey, NotAllowed, ForeignPage: it may not be done.
        """
        keys_of(request).require(self.right_for(request.method), sent_key(request))
        if keys_of(request).is_open:
            _refuse_foreign_page(request)


class NeedsForMetrics(Needs):
    """As the settings say: a read key, or nothing."""

    async def __call__(self, request: Request) -> None:
        if not request.app.state.metrics_open:
            await super().__call__(request)


def require(right: Right, *, to_change: Right | None = None) -> Needs:
    """
    A dependency for a router or a route.

    Args:
        to_change: what methods other than GET need; the same when not given.
    """
    return Needs(right, to_change)


def _refuse_foreign_page(request: Request) -> None:
    """A browser posts a form of any page to any host. It names the page's host in `Origin`; without keys nothing else tells."""
    origin, host = request.headers.get("origin"), request.headers.get("host", "")
    if request.app.state.only_this_machine and is_made_up(host):
        raise ForeignPage(f"{host} is no name of this machine")
    if request.method not in _READING and origin is not None and origin.partition("://")[2] != host:
        raise ForeignPage("a page of another host changes nothing here")


def keys_of(request: Request) -> Keys:
    """The keys that the app was started with."""
    keys: Keys = request.app.state.keys
    return keys


def sent_key(request: Request) -> str | None:
    """The key of `Authorization: Bearer ...`, else that of `X-API-Key`; None where there is neither."""
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer" and token.strip():
        return token.strip()
    key = request.headers.get("x-api-key")
    return None if key is None else key.strip()


def declared_rights(app: FastAPI) -> dict[tuple[str, str], Right | None]:
    """By (method, path template): the highest right that a route's dependencies declare; None where none does."""
    rights = {}
    for route in iter_route_contexts(app.routes):
        if isinstance(route.original_route, APIRoute):
            needs = [dependency.call for dependency in route.dependant.dependencies if isinstance(dependency.call, Needs)]
            for method in route.methods or ():
                rights[method, str(route.path_format)] = max((one.right_for(method) for one in needs), default=None)
    return rights

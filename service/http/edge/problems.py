"""Every error becomes one kind of answer: problem+json, as RFC 9457 has it."""

from dataclasses import dataclass
from typing import Any

import orjson
import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import Response
from pydantic import ValidationError
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect

from model.errors import (
    CheckpointError,
    ContentError,
    EventError,
    ImageFetchFailed,
    ImageTooLarge,
    ImageUrlRefused,
    NothingPresent,
    ProjectError,
    UnreadableImage,
    UnusableVector,
)
from service.errors import (
    AccessError,
    AdminOff,
    BadRequest,
    BodyTooLarge,
    BodyTooSlow,
    Closing,
    ForeignPage,
    InvalidField,
    MalformedBody,
    NotAllowed,
    NoThumbnail,
    OutOfStep,
    Overloaded,
    PreconditionFailed,
    RowDamaged,
    ServiceError,
    SettingsError,
    SpaceChanged,
    StoreInUse,
    StoreUnavailable,
    SwapRunning,
    UnknownItem,
    UnknownKey,
    UnknownUser,
    UnsupportedContentType,
)
from service.http.edge.request_id import request_id_headers

_log = structlog.get_logger(__name__)
_OF_ITEMS = ("ItemBody", "ItemPatch")
"""The bodies that have `attributes` for whatever else there is."""
MEDIA_TYPE = "application/problem+json"
_MOST_SAID = 2000
"""Characters of a problem's detail: what a client sent may stand in it."""


@dataclass(frozen=True, slots=True)
class Problem:
    """How one kind of error is told to a client (RFC 9457)."""

    status: int
    type: str
    """The end of the stable `type`, `urn:thaw:problem:<type>`."""
    title: str


# `problem_of` takes the row of an error's own class, else that of its nearest ancestor; the order of the rows says nothing.
PROBLEMS: dict[type[ProjectError], Problem] = {
    NothingPresent: Problem(422, "nothing-present", "The item has no content"),
    UnreadableImage: Problem(422, "unreadable-image", "The picture cannot be read"),
    ImageTooLarge: Problem(422, "image-too-large", "The picture has too many pixels"),
    UnusableVector: Problem(422, "unusable-vector", "A vector cannot be used"),
    ImageUrlRefused: Problem(422, "image-url-refused", "The picture's URL is not one that is asked"),
    ImageFetchFailed: Problem(422, "image-not-fetched", "The picture did not come from its URL"),
    ContentError: Problem(422, "unusable-content", "The content cannot be used"),
    EventError: Problem(422, "invalid-event", "The event says nothing that is known here"),
    UnsupportedContentType: Problem(415, "unsupported-content-type", "This content type is not read here"),
    MalformedBody: Problem(400, "malformed-body", "The body cannot be read"),
    InvalidField: Problem(422, "invalid-field", "A field's value is refused"),
    BadRequest: Problem(400, "bad-request", "The request cannot be understood"),
    BodyTooLarge: Problem(413, "body-too-large", "The body is too large"),
    BodyTooSlow: Problem(408, "body-too-slow", "The body came too slowly"),
    UnknownKey: Problem(401, "unknown-key", "An API key is needed"),
    NotAllowed: Problem(403, "not-allowed", "The API key's right is too low"),
    ForeignPage: Problem(403, "foreign-page", "A page of another host may not do this"),
    AdminOff: Problem(403, "admin-off", "Admin calls are switched off"),
    AccessError: Problem(403, "not-allowed", "The API key's right is too low"),
    UnknownItem: Problem(404, "unknown-item", "No such item"),
    UnknownUser: Problem(404, "unknown-user", "No such user"),
    NoThumbnail: Problem(404, "no-thumbnail", "The item has no picture"),
    CheckpointError: Problem(422, "checkpoint-refused", "The checkpoint cannot be served"),
    SpaceChanged: Problem(503, "space-changed", "Another checkpoint took over"),
    SwapRunning: Problem(409, "swap-running", "Another checkpoint is being swapped in"),
    PreconditionFailed: Problem(412, "precondition-failed", "The item is not as you know it"),
    Overloaded: Problem(429, "overloaded", "Too many requests wait already"),
    Closing: Problem(503, "closing", "The service is stopping"),
    StoreUnavailable: Problem(503, "store-unavailable", "The store does not answer"),
    RowDamaged: Problem(503, "store-unavailable", "The store does not answer"),
    OutOfStep: Problem(503, "out-of-step", "The index did not follow the store"),
    StoreInUse: Problem(503, "store-in-use", "The store is in use"),
    SettingsError: Problem(500, "bad-setting", "A setting has a bad value"),
    ServiceError: Problem(500, "internal", "Something went wrong here"),
    ProjectError: Problem(500, "internal", "Something went wrong here"),
}


def problem_of(error: ProjectError) -> Problem:
    """The table's entry for an error, by its nearest class."""
    return next(PROBLEMS[kind] for kind in type(error).__mro__ if kind in PROBLEMS)


def problem_response(status: int, kind: str, title: str, detail: str, *, headers: dict[str, str] | None = None) -> Response:
    """A problem that is about no single field, as a response."""
    body = _body(status, kind, title, detail, None)
    return Response(orjson.dumps(body), status_code=status, media_type=MEDIA_TYPE, headers=headers)


def problem_body(error: ProjectError) -> dict[str, Any]:
    """What `PROBLEMS` makes of an error, as a problem's members."""
    problem = problem_of(error)
    return _body(problem.status, problem.type, problem.title, str(error), error.field)


def _body(status: int, kind: str, title: str, detail: str, field: str | None) -> dict[str, Any]:
    body: dict[str, Any] = {"type": f"urn:thaw:problem:{kind}", "title": title, "status": status, "detail": _printable(detail)}
    return body if field is None else {**body, "field": _printable(field)}


def _printable(text: str) -> str:
    """Not longer than needed, and without halves of surrogate pairs, which what a client sent may hold and JSON cannot."""
    whole = text if len(text) <= _MOST_SAID else f"{text[:_MOST_SAID]} ..."
    return whole.encode(errors="replace").decode()


def answer_error(error: ProjectError) -> Response:
    """The response that `PROBLEMS` gives an error."""
    body = problem_body(error)
    return Response(orjson.dumps(body), status_code=body["status"], media_type=MEDIA_TYPE, headers=_headers(error))


def _headers(error: ProjectError) -> dict[str, str]:
    if not isinstance(error, ServiceError):
        return {}
    wait, challenge = error.retry_after_seconds, error.challenge
    return ({"Retry-After": str(wait)} if wait else {}) | ({"WWW-Authenticate": challenge} if challenge else {})


def to_invalid_field(error: ValidationError | RequestValidationError) -> InvalidField:
    """The first thing that is wrong with a body or a query, as one of our errors."""
    first = error.errors()[0]
    path = [str(part) for part in first["loc"] if part not in ("query", "path", "body")]
    reason = str(first["msg"]).removeprefix("Value error, ")
    if first["type"] == "extra_forbidden":
        reason = "there is no such field"
        if isinstance(error, ValidationError) and error.title in _OF_ITEMS:
            reason += "; what else there is to say of the item goes under `attributes`"
    return InvalidField(".".join(path) or "body", reason[:1].lower() + reason[1:])


def add_handlers(app: FastAPI) -> None:
    """Makes the app answer every error as a problem."""

    @app.exception_handler(ProjectError)
    async def on_ours(_request: Request, error: ProjectError) -> Response:
        return answer_error(error)

    @app.exception_handler(RequestValidationError)
    async def on_validation(_request: Request, error: RequestValidationError) -> Response:
        first = error.errors()[0]
        if first["type"] == "json_invalid":
            return answer_error(MalformedBody(f"it is not JSON ({first['ctx']['error']})"))
        return answer_error(to_invalid_field(error))

    @app.exception_handler(HTTPException)
    async def on_http(_request: Request, error: HTTPException) -> Response:
        kind = {404: "no-such-path", 405: "method-not-allowed"}.get(error.status_code, "http-error")
        headers, title = dict(error.headers or {}), str(error.detail)
        detail = (
            "there is no such path: /docs and /openapi.json describe those that there are, and /ui is for a browser"
            if kind == "no-such-path"
            else title
        )
        return problem_response(error.status_code, kind, title, detail, headers=headers)

    @app.exception_handler(ClientDisconnect)
    async def on_gone(_request: Request, _error: ClientDisconnect) -> Response:
        _log.info("the client left before its body was read")
        return problem_response(400, "client-left", "The client left", "the connection ended before the body did")

    @app.exception_handler(Exception)
    async def on_unforeseen(_request: Request, error: Exception) -> Response:
        _log.error("unforeseen error", kind=type(error).__name__, exc_info=error)
        headers = request_id_headers()  # this answer does not pass through the middleware that adds them
        return problem_response(
            500, "internal", "Something went wrong here", "the error is in the service's log", headers=headers
        )

"""Every error becomes one kind of answer: problem+json, as RFC 9457 has it."""

from typing import Any

import orjson
import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import Response
from pydantic import ValidationError
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect

from model.errors import ProjectError
from service.errors import InvalidField, MalformedBody, ServiceError, problem_of
from service.request_id import request_id_headers

_log = structlog.get_logger(__name__)
MEDIA_TYPE = "application/problem+json"


def problem_response(status: int, kind: str, title: str, detail: str, *, headers: dict[str, str] | None = None) -> Response:
    """A problem that is about no single field, as a response."""
    body = _body(status, kind, title, detail, None)
    return Response(orjson.dumps(body), status_code=status, media_type=MEDIA_TYPE, headers=headers)


def problem_body(error: ProjectError) -> dict[str, Any]:
    """What the table in service/errors.py makes of an error, as a problem's members."""
    problem = problem_of(error)
    return _body(problem.status, problem.type, problem.title, str(error), error.field)


def _body(status: int, kind: str, title: str, detail: str, field: str | None) -> dict[str, Any]:
    body: dict[str, Any] = {"type": f"urn:thaw:problem:{kind}", "title": title, "status": status, "detail": detail}
    return body if field is None else {**body, "field": field}


def answer_error(error: ProjectError) -> Response:
    """The response that the table in service/errors.py gives an error."""
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
        headers = dict(error.headers or {})
        return problem_response(error.status_code, kind, str(error.detail), str(error.detail), headers=headers)

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

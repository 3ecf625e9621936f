"""A name for each request, in its log lines and its answer."""

import re
import uuid

import structlog

HEADER = "X-Request-ID"
_GOOD = re.compile(r"[A-Za-z0-9._:+/=-]{1,128}")


def choose_request_id(sent: str | None) -> str:
    """The id that a client sent, if it is 1 to 128 letters, digits or `._:+/=-`; else a new one."""
    return sent if sent is not None and _GOOD.fullmatch(sent) else uuid.uuid4().hex


def bind_request_id(request_id: str) -> None:
    """From here on every log line of this request carries its id, and nothing of the request before."""
    structlog.contextvars.clear_contextvars()
    structlog.contextvars.bind_contextvars(request_id=request_id)


def request_id_headers() -> dict[str, str]:
    """The header that tells a client the id of the request under way; none outside a request."""
    request_id = structlog.contextvars.get_contextvars().get("request_id")
    return {HEADER: request_id} if request_id else {}

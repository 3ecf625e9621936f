"""How routes answer: JSON, and moments in it."""

from datetime import UTC, datetime

import orjson
from fastapi.responses import Response


def json_response(body: object, status: int = 200) -> Response:
    """A body as JSON."""
    return Response(orjson.dumps(body), status_code=status, media_type="application/json")


def to_iso(seconds: float | None) -> str | None:
    """A moment as ISO 8601 in UTC; None as it is."""
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds")

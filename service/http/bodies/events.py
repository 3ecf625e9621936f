"""Events out of a request's body, each judged by itself."""

import asyncio
import time
from collections.abc import Sequence
from functools import partial
from typing import Any

from starlette.requests import Request

from service.errors import InvalidField, Unreadable
from service.events.limit import MAX_EVENTS
from service.http.bodies.reading import JSON, parse_json, read_one_of_many, require_content_type, validate
from service.http.schemas.events import EventBody
from service.store.event_records import NewEvent, Status

_A_TICK = 1e-6


async def read_events(request: Request) -> list[NewEvent | Unreadable]:
    """
    One event, or those of `{"events": [...]}`, in order; those without a timestamp happen now, one after the other.

    Raises:
        UnsupportedContentType, MalformedBody, InvalidField: the body is neither; a lone event that cannot be read
            is refused whole.
    """
    body = await request.body()
    require_content_type(request, JSON)
    return await asyncio.to_thread(_parse, body)


def describe(events: Sequence[NewEvent | Unreadable], statuses: Sequence[Status]) -> dict[str, Any]:
    """The answer in the words of `EventsAnswer`; `statuses` of those that could be read, in order."""
    left = iter(statuses)
    outcomes = [
        {"event_id": event.id, "status": "invalid", "field": event.error.field, "detail": str(event.error)}
        if isinstance(event, Unreadable)
        else {"event_id": event.event_id, "status": next(left)}
        for event in events
    ]
    counts = dict.fromkeys(("accepted", "duplicate", "erased", "invalid"), 0)
    for outcome in outcomes:
        counts[str(outcome["status"])] += 1
    return {"events": outcomes, "counts": counts}


def _parse(body: bytes) -> list[NewEvent | Unreadable]:
    fields = parse_json(body, "body")
    now = time.time()
    if not isinstance(fields, dict) or "events" not in fields:
        return [_to_event(fields, now)]
    many = fields["events"]
    if set(fields) != {"events"} or not isinstance(many, list) or not 1 <= len(many) <= MAX_EVENTS:
        raise InvalidField("events", f"it must be a list of 1 to {MAX_EVENTS} events, and nothing beside it")
    return [read_one_of_many(one, "event_id", partial(_to_event, now=now + at * _A_TICK)) for at, one in enumerate(many)]


def _to_event(fields: object, now: float) -> NewEvent:
    return validate(EventBody, fields).to_event(now)

"""Events out of a request's body, each judged by itself."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import orjson
from pydantic import ValidationError

from service.bodies import JSON
from service.errors import InvalidField, MalformedBody, UnsupportedContentType
from service.event_schemas import MAX_EVENTS, EventBody
from service.problems import to_invalid_field
from service.store.event_records import NewEvent, Status

_A_TICK = 1e-6


@dataclass(frozen=True, slots=True)
class Refused:
    """An event that cannot be read."""

    event_id: str | None
    field: str
    detail: str


def read_events(content_type: str, body: bytes) -> list[NewEvent | Refused]:
    """
    One event, or those of `{"events": [...]}`, in order; those without a timestamp happen now, one after the other.

    Raises:
        UnsupportedContentType, MalformedBody, InvalidField: the body is neither; a lone event that cannot be read
            is refused whole.
    """
    if content_type.partition(";")[0].strip().lower() != JSON:
        raise UnsupportedContentType(content_type, [JSON])
    try:
        fields = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise MalformedBody(f"it is not JSON ({error})") from error
    now = time.time()
    if not isinstance(fields, dict) or "events" not in fields:
        return [_read_one(fields, now)]
    many = fields["events"]
    if set(fields) != {"events"} or not isinstance(many, list) or not 1 <= len(many) <= MAX_EVENTS:
        raise InvalidField("events", f"it must be a list of 1 to {MAX_EVENTS} events, and nothing beside it")
    return [_judge(one, now + at * _A_TICK) for at, one in enumerate(many)]


def describe(events: Sequence[NewEvent | Refused], statuses: Sequence[Status]) -> dict[str, Any]:
    """The answer in the words of `EventsAnswer`; `statuses` of those that could be read, in order."""
    left = iter(statuses)
    outcomes = [
        {"event_id": event.event_id, "status": "invalid", "field": event.field, "detail": event.detail}
        if isinstance(event, Refused)
        else {"event_id": event.event_id, "status": next(left)}
        for event in events
    ]
    counts = dict.fromkeys(("accepted", "duplicate", "erased", "invalid"), 0)
    for outcome in outcomes:
        counts[str(outcome["status"])] += 1
    return {"events": outcomes, "counts": counts}


def _read_one(fields: object, now: float) -> NewEvent:
    try:
        return EventBody.model_validate(fields).to_event(now)
    except ValidationError as error:
        raise to_invalid_field(error) from error


def _judge(fields: object, now: float) -> NewEvent | Refused:
    try:
        return _read_one(fields, now)
    except InvalidField as error:
        event_id = fields.get("event_id") if isinstance(fields, dict) else None
        return Refused(event_id if isinstance(event_id, str) else None, error.field or "event", str(error))

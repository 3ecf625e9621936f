"""`/events`: what users did."""

from fastapi import APIRouter, Depends, Request
from fastapi.responses import Response

from service.events.limit import MAX_EVENTS
from service.http.bodies.events import describe, read_events
from service.http.edge.keys import Right
from service.http.routes.access import require
from service.http.routes.answers import json_response
from service.http.routes.wiring import ServiceDep, documented
from service.http.schemas.events import EventBody, EventsAnswer
from service.store.event_records import NewEvent

router = APIRouter(tags=["events"], dependencies=[Depends(require(Right.WRITE))])

_ONE = EventBody.model_json_schema()
_LIST = {"type": "array", "items": _ONE, "minItems": 1, "maxItems": MAX_EVENTS, "description": "Each answered by itself."}
_MANY = {"type": "object", "required": ["events"], "properties": {"events": _LIST}, "additionalProperties": False}
_SCHEMA = {"anyOf": [_ONE, _MANY]}


@router.post(
    "/events",
    responses=documented(EventsAnswer, 200, 400, 408, 413, 415, 422, 429, 503),
    openapi_extra={"requestBody": {"required": True, "content": {"application/json": {"schema": _SCHEMA}}}},
)
async def post_events(request: Request, service: ServiceDep) -> Response:
    """
    Tell what users did: one event, or up to 1,000 as `{"events": [...]}`.

    What is accepted is durable, and in its users' next list, when the answer comes; the items that it is on move
    within a second. Each event of several is answered by itself.
    """
    events = await read_events(request)
    readable = [event for event in events if isinstance(event, NewEvent)]
    statuses = await service.events.add(readable) if readable else []
    return json_response(describe(events, statuses))

"""`/users`: what is held of a user, and its erasure."""

from fastapi import APIRouter, Depends
from fastapi.responses import Response

from service.errors import UnknownUser
from service.http.edge.keys import Right
from service.http.routes.access import require
from service.http.routes.answers import json_response, to_iso
from service.http.routes.paths import require_id
from service.http.routes.wiring import ServiceDep, documented
from service.http.schemas.events import UserAnswer

router = APIRouter(tags=["users"], dependencies=[Depends(require(Right.READ, to_change=Right.WRITE))])


@router.get("/users/{user_id:path}", responses=documented(UserAnswer, 200, 404, 422, 503))
async def get_user(user_id: str, service: ServiceDep) -> Response:
    """What is held of a user: whether the checkpoint knows it, and its events."""
    record = await service.events.user(require_id("user_id", user_id))
    trained = service.users.is_trained(user_id)
    if not trained and not record.counts and record.erased_at is None:
        raise UnknownUser(user_id)
    body = {
        "user_id": user_id,
        "known_to_checkpoint": trained,
        "events": sum(record.counts.values()),
        "counts": record.counts,
        "last_event": to_iso(record.last_event),
        "erased_at": to_iso(record.erased_at),
        "space": service.space.version,
    }
    return json_response(body)


@router.delete("/users/{user_id:path}", status_code=204, responses=documented(None, 204, 422, 429, 503))
async def delete_user(user_id: str, service: ServiceDep) -> Response:
    """
    Erase a user: its events are removed, and nothing that any checkpoint knows of it is used from now on.

    Events that happen later make it known again, as somebody new. What never was here can be erased as well.
    """
    await service.events.erase(require_id("user_id", user_id))
    await service.users.forget(user_id)
    return Response(status_code=204)

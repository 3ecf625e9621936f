"""Items as answers, with the ETags that name their states."""

import hashlib
import time
from typing import Any
from urllib.parse import quote

import orjson
from fastapi import Request
from fastapi.responses import Response

from service.http.routes.answers import to_iso
from service.http.routes.wiring import get_service
from service.serving.running import Service
from service.space import Space
from service.store.preconditions import ANY_REVISION, Precondition
from service.store.records import StoredItem
from service.thawing.standing import progress_of, state_of

CONDITIONS = [
    {
        "name": "If-Match",
        "in": "header",
        "required": False,
        "schema": {"type": "string"},
        "description": "ETags; the item must not have been written since one of them. `*`: it must be there. Else 412.",
    }
]

KNOWN = [
    {
        "name": "If-None-Match",
        "in": "header",
        "required": False,
        "schema": {"type": "string"},
        "description": "ETags that the client holds: 304 where one of them is of now.",
    }
]


def to_answer(space: Space, item: StoredItem, progress: tuple[int, float] | None) -> dict[str, Any]:
    """
    An item in the words of `ItemAnswer`.

    Args:
        progress: how many events there are on it, and how far they moved it; None where there are none.
    """
    event_count, thawed = progress or (0, 0.0)
    fusion = item.embedding.fusion if item.embedding else {"modalities": {}, "gate": {}, "experts": {}}
    return {
        "item_id": item.item_id,
        "title": item.title,
        "text": item.text,
        "attributes": item.attributes,
        "state": state_of(space, item.item_id, has_events=progress is not None),
        "embedding_source": "learned" if space.anchors.is_warm(item.item_id) else "content",
        "space": space.version,
        **fusion,
        "hidden": item.hidden,
        "hidden_reason": item.hidden_reason,
        "published_at": to_iso(item.published_at),
        "expires_at": to_iso(item.expires_at),
        "image": f"/items/{quote(item.item_id, safe='')}/image" if item.pictures else None,
        "created_at": to_iso(item.created_at),
        "updated_at": to_iso(item.updated_at),
        "searchable": item.embedding is not None and item.is_visible(time.time()),
        "event_count": event_count,
        "thawed": thawed,
    }


async def item_response(service: Service, item: StoredItem, request: Request, status: int = 200) -> Response:
    """One item with its ETag; 304 to a GET that knows this state of it."""
    if item.embedding is not None and item.embedding.space != service.space.version:
        service = await get_service(request)  # another checkpoint took over while the item came in
    progress = await progress_of(service.ledger, [item.item_id])
    body = orjson.dumps(to_answer(service.space, item, progress.get(item.item_id)))
    etag = f'"{item.revision}.{hashlib.sha256(body).hexdigest()[:12]}"'
    if request.method == "GET" and knows(request, etag):
        return Response(status_code=304, headers={"ETag": etag})
    return Response(body, status_code=status, media_type="application/json", headers={"ETag": etag})


def knows(request: Request, etag: str) -> bool:
    """Whether the request's If-None-Match names an ETag."""
    return not {etag, ANY_REVISION}.isdisjoint(tag.removeprefix("W/") for tag in _tags(request, "if-none-match"))


def read_condition(request: Request) -> Precondition:
    """
    What the request's If-Match and If-None-Match ask of an item before it is written.

    An ETag stands for what was written: reactions of users change it and make no condition fail.
    """
    revisions = None
    if "if-match" in request.headers:
        strong = [tag for tag in _tags(request, "if-match") if not tag.startswith("W/")]
        revisions = frozenset(tag.strip('"').partition(".")[0] for tag in strong)
    return Precondition(revisions, absent=ANY_REVISION in _tags(request, "if-none-match"))


def _tags(request: Request, header: str) -> list[str]:
    return [tag.strip() for line in request.headers.getlist(header) for tag in line.split(",") if tag.strip()]

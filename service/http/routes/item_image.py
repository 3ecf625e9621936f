"""`/items/{item_id}/image`: an item's thumbnail."""

import asyncio
import hashlib

from fastapi import APIRouter, Depends, Request
from fastapi.responses import Response

from model.encoders.thumbnail import MEDIA_TYPE
from service.errors import NoThumbnail, UnknownItem
from service.http.edge.keys import Right
from service.http.routes.access import require
from service.http.routes.item_answers import KNOWN, knows
from service.http.routes.items import get_item
from service.http.routes.paths import is_part_of_id, require_id
from service.http.routes.wiring import ServiceDep, documented

router = APIRouter(tags=["items"], dependencies=[Depends(require(Right.READ))])

_ANSWERS = documented(None, 200, 404, 422, 503) | {304: {"description": "The client's If-None-Match names this picture."}}
_ANSWERS[200] = {
    "description": "A JPEG of at most 256 pixels a side.",
    "content": {MEDIA_TYPE: {"schema": {"type": "string", "format": "binary"}}},
}


@router.get("/items/{item_id:path}/image", response_class=Response, responses=_ANSWERS, openapi_extra={"parameters": KNOWN})
async def get_image(item_id: str, request: Request, service: ServiceDep) -> Response:
    """The item's first picture, small."""
    if is_part_of_id(request, "/image"):
        return await get_item(f"{item_id}/image", request, service)
    data = await asyncio.to_thread(service.store.thumbnail, require_id("item_id", item_id))
    if data is None:
        known = await asyncio.to_thread(service.store.get, item_id, service.space.version)
        raise UnknownItem(item_id) if known is None else NoThumbnail(item_id)
    etag = f'"{hashlib.sha256(data).hexdigest()[:24]}"'
    headers = {"ETag": etag, "Cache-Control": "private, no-cache", "X-Content-Type-Options": "nosniff"}
    if knows(request, etag):
        return Response(status_code=304, headers=headers)
    return Response(data, media_type=MEDIA_TYPE, headers=headers)

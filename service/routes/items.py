"""`/items`: post, read, browse, remove."""

import asyncio
import base64
import binascii
from datetime import UTC, datetime
from typing import Annotated, Any

import orjson
from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import Response

from service.bodies import read_item
from service.errors import InvalidField, UnknownItem
from service.keys import Right
from service.routes.access import require
from service.routes.wiring import ServiceDep, documented
from service.schemas import ItemAnswer, ItemBody, ItemsAnswer, PageQuery, check_id
from service.space import Space
from service.store.records import StoredItem

router = APIRouter(tags=["items"], dependencies=[Depends(require(Right.READ, to_change=Right.WRITE))])

_FORM_SCHEMA = {
    "type": "object",
    "required": ["item_id"],
    "properties": {
        "item_id": {"type": "string", "description": "Your id of it: 1 to 256 bytes of UTF-8, no control characters."},
        "title": {"type": "string", "maxLength": 1000, "description": "Its name."},
        "text": {"type": "string", "maxLength": 100_000, "description": "What is said of it."},
        "attributes": {"type": "string", "description": "A JSON object."},
        "image": {"type": "string", "format": "binary", "description": "A JPEG, PNG or WebP file."},
    },
}
_REQUEST_BODY = {
    "required": True,
    "content": {
        "application/json": {"schema": ItemBody.model_json_schema()},
        "multipart/form-data": {"schema": _FORM_SCHEMA},
    },
}


@router.post(
    "/items",
    status_code=201,
    responses=documented(ItemAnswer, 201, 400, 408, 413, 415, 422, 429, 503)
    | {200: {"model": ItemAnswer, "description": "The item was there and is replaced."}},
    openapi_extra={"requestBody": _REQUEST_BODY},
)
async def post_item(request: Request, service: ServiceDep) -> Response:
    """Ingest an item; it is durable and can be recommended when the answer comes."""
    change = await service.ingestor.ingest(await read_item(request))
    return _json(to_answer(service.space, change.item), 201 if change.created else 200)


@router.get("/items", responses=documented(ItemsAnswer, 200, 422, 503))
async def list_items(query: Annotated[PageQuery, Query()], service: ServiceDep) -> Response:
    """The catalogue in the order of item ids, a page at a time."""
    after = _read_cursor(query.cursor)
    page = service.store.page
    items = await asyncio.to_thread(page, after=after, limit=query.limit + 1, space=service.space.version)
    more = len(items) > query.limit
    shown = items[: query.limit]
    cursor = base64.urlsafe_b64encode(shown[-1].item_id.encode()).decode() if more else None
    return _json({"items": [to_answer(service.space, item) for item in shown], "next_cursor": cursor})


@router.get("/items/{item_id:path}", responses=documented(ItemAnswer, 200, 404, 422, 503))
async def get_item(item_id: str, service: ServiceDep) -> Response:
    """One item, and how its embedding came about."""
    item = await asyncio.to_thread(service.store.get, require_id("item_id", item_id), service.space.version)
    if item is None:
        raise UnknownItem(item_id)
    return _json(to_answer(service.space, item))


@router.delete("/items/{item_id:path}", status_code=204, responses=documented(None, 204, 404, 422, 429, 503))
async def delete_item(item_id: str, service: ServiceDep) -> Response:
    """Remove an item; no list has it any more when the answer comes."""
    await service.ingestor.delete(require_id("item_id", item_id))
    return Response(status_code=204)


def to_answer(space: Space, item: StoredItem) -> dict[str, Any]:
    """An item in the words of `ItemAnswer`."""
    warm = space.anchors.is_warm(item.item_id)
    fusion = item.embedding.fusion if item.embedding else {"modalities": {}, "gate": {}, "experts": {}}
    return {
        "item_id": item.item_id,
        "title": item.title,
        "text": item.text,
        "attributes": item.attributes,
        "state": "warm" if warm else "cold",
        "embedding_source": "learned" if warm else "content",
        "space": space.version,
        **fusion,
        "created_at": _iso(item.created_at),
        "updated_at": _iso(item.updated_at),
        "searchable": item.embedding is not None,
    }


def require_id(field: str, value: str) -> str:
    """
    Raises:
        InvalidField: the value is no id.
    """
    try:
        return check_id(value)
    except ValueError as error:
        raise InvalidField(field, str(error)) from error


def _read_cursor(cursor: str | None) -> str | None:
    if cursor is None:
        return None
    try:
        return base64.b64decode(cursor.encode(), altchars=b"-_", validate=True).decode()
    except (binascii.Error, UnicodeError) as error:
        raise InvalidField("cursor", "it is not a next_cursor of this service") from error


def _iso(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds")


def _json(body: object, status: int = 200) -> Response:
    return Response(orjson.dumps(body), status_code=status, media_type="application/json")

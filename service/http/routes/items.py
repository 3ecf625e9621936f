"""`/items`: post, read, browse."""

import asyncio
import base64
import binascii

from fastapi import APIRouter, Depends, Request
from fastapi.responses import Response

from service.errors import InvalidField, UnknownItem
from service.http.bodies.items import read_item
from service.http.edge.keys import Right
from service.http.routes.access import require
from service.http.routes.answers import json_response
from service.http.routes.item_answers import CONDITIONS, KNOWN, item_response, read_condition, to_answer
from service.http.routes.paths import require_id
from service.http.routes.queries import query_parameters, read_query
from service.http.routes.wiring import ServiceDep, documented
from service.http.schemas.items import MAX_PICTURES, ItemAnswer, ItemBody, ItemsAnswer, PageQuery
from service.serving.running import Service
from service.store.records import StoredItem
from service.thawing.standing import progress_of

router = APIRouter(tags=["items"], dependencies=[Depends(require(Right.READ, to_change=Right.WRITE))])

_FORM_SCHEMA = {
    "type": "object",
    "required": ["item_id"],
    "properties": {
        "item_id": {"type": "string", "description": "Your id of it: 1 to 256 bytes of UTF-8, no control characters."},
        "title": {"type": "string", "maxLength": 1000, "description": "Its name."},
        "text": {"type": "string", "maxLength": 100_000, "description": "What is said of it."},
        "attributes": {"type": "string", "description": "A JSON object."},
        "vectors": {"type": "string", "description": "A JSON object of lists of numbers; over 1 MiB of it goes as JSON alone."},
        "published_at": {"type": "string", "format": "date-time", "description": "When it came out, with its zone."},
        "expires_at": {"type": "string", "format": "date-time", "description": "From when on no list has it, with its zone."},
        "hidden": {"type": "string", "enum": ["true", "false"], "description": "As in JSON; where not named, too."},
        "image_url": {"type": "string", "description": "Where a picture of it is, https."},
        "image": {
            "type": "array",
            "maxItems": MAX_PICTURES,
            "items": {"type": "string", "format": "binary"},
            "description": "JPEG, PNG or WebP files, one part each; the features of several are averaged.",
        },
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
    responses=documented(ItemAnswer, 201, 400, 408, 412, 413, 415, 422, 429, 503)
    | {200: {"model": ItemAnswer, "description": "The item was there and is replaced, or was the same and stays as it is."}},
    openapi_extra={"parameters": CONDITIONS, "requestBody": _REQUEST_BODY},
)
async def post_item(request: Request, service: ServiceDep) -> Response:
    """Ingest an item; it is durable and can be recommended when the answer comes."""
    change = await service.ingestor.ingest(await read_item(request), read_condition(request))
    return await item_response(service, change.item, request, 201 if change.created else 200)


@router.get("/items", responses=documented(ItemsAnswer, 200, 422, 503), openapi_extra={"parameters": query_parameters(PageQuery)})
async def list_items(request: Request, service: ServiceDep) -> Response:
    """The catalogue in the order of item ids, a page at a time; or the items that are named."""
    query = read_query(PageQuery, request)
    items, cursor = await asyncio.to_thread(_read_items, service, query)
    progress = await progress_of(service.ledger, [item.item_id for item in items])
    answers = [to_answer(service.space, item, progress.get(item.item_id)) for item in items]
    return json_response({"items": answers, "next_cursor": cursor})


@router.get(
    "/items/{item_id:path}",
    responses=documented(ItemAnswer, 200, 404, 422, 503) | {304: {"description": "The client's If-None-Match names this state."}},
    openapi_extra={"parameters": KNOWN},
)
async def get_item(item_id: str, request: Request, service: ServiceDep) -> Response:
    """One item, and how its embedding came about."""
    item = await asyncio.to_thread(service.store.get, require_id("item_id", item_id), service.space.version)
    if item is None:
        raise UnknownItem(item_id)
    return await item_response(service, item, request)


def _read_items(service: Service, query: PageQuery) -> tuple[list[StoredItem], str | None]:
    """What a query asks for, and where the next page begins."""
    space = service.space.version
    if query.item_id:
        return service.store.some(list(dict.fromkeys(query.item_id)), space), None
    items = service.store.page(after=_read_cursor(query.cursor), limit=query.limit + 1, space=space)
    shown = items[: query.limit]
    more = len(items) > query.limit
    return shown, base64.urlsafe_b64encode(shown[-1].item_id.encode()).decode() if more else None


def _read_cursor(cursor: str | None) -> str | None:
    if cursor is None:
        return None
    try:
        return base64.b64decode(cursor.encode(), altchars=b"-_", validate=True).decode()
    except (binascii.Error, UnicodeError) as error:
        raise InvalidField("cursor", "it is not a next_cursor of this service") from error

"""`/items/{item_id}`: change, remove."""

from fastapi import APIRouter, Depends, Request
from fastapi.responses import Response

from service.http.bodies.items import read_changes
from service.http.bodies.reading import JSON, MERGE_PATCH
from service.http.edge.keys import Right
from service.http.routes.access import require
from service.http.routes.item_answers import CONDITIONS, item_response, read_condition
from service.http.routes.paths import require_id
from service.http.routes.wiring import ServiceDep, documented
from service.http.schemas.item_changes import ItemPatch
from service.http.schemas.items import ItemAnswer

router = APIRouter(tags=["items"], dependencies=[Depends(require(Right.WRITE))])

_PATCH_SCHEMA = {"schema": ItemPatch.model_json_schema()}


@router.patch(
    "/items/{item_id:path}",
    responses=documented(ItemAnswer, 200, 400, 404, 408, 412, 413, 415, 422, 429, 503),
    openapi_extra={
        "parameters": CONDITIONS,
        "requestBody": {"required": True, "content": {JSON: _PATCH_SCHEMA, MERGE_PATCH: _PATCH_SCHEMA}},
    },
)
async def change_item(item_id: str, request: Request, service: ServiceDep) -> Response:
    """Change words, attributes or dates, hide, show; the picture need not be sent again."""
    changes = await read_changes(request)
    change = await service.ingestor.change(require_id("item_id", item_id), changes, read_condition(request))
    return await item_response(service, change.item, request)


@router.delete(
    "/items/{item_id:path}",
    status_code=204,
    responses=documented(None, 204, 404, 412, 422, 429, 503),
    openapi_extra={"parameters": CONDITIONS},
)
async def delete_item(item_id: str, request: Request, service: ServiceDep) -> Response:
    """Remove an item; no list has it any more when the answer comes."""
    await service.ingestor.delete(require_id("item_id", item_id), read_condition(request))
    return Response(status_code=204)

"""`/items/batch`: many items in one call."""

from collections.abc import AsyncIterator
from typing import Any

import orjson
from fastapi import APIRouter, Depends, Request
from fastapi.responses import Response, StreamingResponse

from service.http.bodies.items import is_ndjson, read_batch
from service.http.bodies.reading import JSON, NDJSON
from service.http.edge.keys import Right
from service.http.edge.problems import problem_body
from service.http.routes.access import require
from service.http.routes.answers import json_response
from service.http.routes.wiring import ServiceDep, documented
from service.http.schemas.item_batch import MAX_BATCH_ITEMS, BatchAnswer, BatchResult
from service.http.schemas.items import ItemBody
from service.items.batches import Taken, ingest_batch
from service.store.records import Put

router = APIRouter(tags=["items"], dependencies=[Depends(require(Right.WRITE))])

_ANSWERS = documented(BatchAnswer, 200, 400, 408, 413, 415, 422, 429, 503)
_ANSWERS[200]["content"] = {NDJSON: {"schema": {"$ref": f"#/components/schemas/{BatchResult.__name__}"}}}
_ITEM_SCHEMA = ItemBody.model_json_schema()
_ITEMS_SCHEMA = {
    "type": "array",
    "minItems": 1,
    "maxItems": MAX_BATCH_ITEMS,
    "description": "Items as for `POST /items`; each is answered by itself.",
    "items": _ITEM_SCHEMA,
}
_BATCH_SCHEMA = {
    "type": "object",
    "required": ["items"],
    "additionalProperties": False,
    "properties": {"items": _ITEMS_SCHEMA},
}


@router.post(
    "/items/batch",
    responses=_ANSWERS,
    openapi_extra={
        "requestBody": {
            "required": True,
            "content": {
                JSON: {"schema": _BATCH_SCHEMA},
                NDJSON: {"schema": _ITEM_SCHEMA},
            },
        }
    },
)
async def post_items(request: Request, service: ServiceDep) -> Response:
    """
    Ingest up to 1,000 items; each has a status of its own, and one that is refused does not stop the others.

    JSON is answered with JSON; lines of NDJSON with lines, each sent when its item is durable and can be recommended.
    429: no item was taken.
    """
    entries = await read_batch(request)
    results = (to_result(taken) async for taken in ingest_batch(service.ingestor, entries, ahead=service.ingestor.ahead))
    if not is_ndjson(request):
        return json_response(to_batch_answer([result async for result in results]))
    first = await anext(results)  # before the head of the answer goes out: nothing taken is a 429
    return StreamingResponse(_lines(first, results), media_type=NDJSON)


def to_result(taken: Taken) -> dict[str, Any]:
    """What became of an item, in the words of `BatchResult`."""
    named: dict[str, Any] = {"index": taken.index, "item_id": taken.item_id}
    if isinstance(taken.outcome, Put):
        return {**named, "status": 201 if taken.outcome.created else 200}
    problem = problem_body(taken.outcome)
    return {**named, "status": problem["status"], "problem": problem}


def to_batch_answer(results: list[dict[str, Any]]) -> dict[str, Any]:
    """The results and their counts, in the words of `BatchAnswer`."""
    statuses = [result["status"] for result in results]
    created, replaced = statuses.count(201), statuses.count(200)
    return {"results": results, "created": created, "replaced": replaced, "refused": len(statuses) - created - replaced}


async def _lines(first: dict[str, Any], results: AsyncIterator[dict[str, Any]]) -> AsyncIterator[bytes]:
    yield orjson.dumps(first) + b"\n"
    async for result in results:
        yield orjson.dumps(result) + b"\n"

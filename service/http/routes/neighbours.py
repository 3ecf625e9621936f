"""`/items/{item_id}/similar` and `/items/{item_id}/audience`: what and who belongs to an item."""

import asyncio

from fastapi import APIRouter, Depends, Request
from fastapi.responses import Response

from service.http.edge.keys import Right
from service.http.routes.access import Needs, require
from service.http.routes.answers import json_response
from service.http.routes.filters import parse_filter
from service.http.routes.items import get_item
from service.http.routes.paths import is_part_of_id, require_id
from service.http.routes.queries import query_parameters, read_query
from service.http.routes.wiring import ServiceDep, documented
from service.http.schemas.neighbours import AudienceAnswer, AudienceQuery, SimilarAnswer, SimilarQuery
from service.thawing.standing import state_of

router = APIRouter(tags=["items"])


class NeedsForAudience(Needs):
    """The right of the route; a read key where the client percent-encoded `/audience`, which is then the end of an item's id."""

    async def __call__(self, request: Request) -> None:
        if is_part_of_id(request, "/audience"):
            await require(Right.READ)(request)
        else:
            await super().__call__(request)


@router.get(
    "/items/{item_id:path}/similar",
    responses=documented(SimilarAnswer, 200, 404, 422, 503),
    openapi_extra={"parameters": query_parameters(SimilarQuery)},
    dependencies=[Depends(require(Right.READ))],
)
async def similar(item_id: str, request: Request, service: ServiceDep) -> Response:
    """
    The k items whose taste points most in the direction of this one's: who likes it likes them.

    Items of equal cosine are ordered by a hash of their ids.
    """
    query = read_query(SimilarQuery, request)
    if is_part_of_id(request, "/similar"):
        return await get_item(f"{item_id}/similar", request, service)
    where = parse_filter(query.filter).to_where(None)
    found = await asyncio.to_thread(
        service.similar.items, require_id("item_id", item_id), query.k, cold_only=query.cold_only, where=where
    )
    items = [
        {
            "item_id": hit.item_id,
            "cosine": round(hit.score, 6),
            "state": state_of(service.space, hit.item_id, has_events=service.ledger.tables.has_events(hit.item_id)),
        }
        for hit in found
    ]
    return json_response({"item_id": item_id, "space": service.space.version, "items": items})


@router.get(
    "/items/{item_id:path}/audience",
    responses=documented(AudienceAnswer, 200, 404, 422, 503),
    openapi_extra={"parameters": query_parameters(AudienceQuery)},
    dependencies=[Depends(NeedsForAudience(Right.ADMIN))],
)
async def audience(item_id: str, request: Request, service: ServiceDep) -> Response:
    """
    The k users to whom the item is most relevant, each measured against its own scores.

    Users lie where their events put them, those whom the checkpoint does not know too.
    """
    query = read_query(AudienceQuery, request)
    if is_part_of_id(request, "/audience"):
        return await get_item(f"{item_id}/audience", request, service)
    found = await asyncio.to_thread(
        service.audience.users, require_id("item_id", item_id), query.k, exclude_seen=query.exclude_seen
    )
    users = [{"user_id": one.user_id, "relevance": round(one.relevance, 4)} for one in found]
    return json_response({"item_id": item_id, "space": service.space.version, "users": users})

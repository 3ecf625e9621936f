"""`/recommend`: the items for a user, or for many."""

import asyncio
from collections.abc import Sequence
from typing import Any

from fastapi import APIRouter, Depends, Request
from fastapi.responses import Response

from service.errors import UnknownUser
from service.http.edge.keys import Right
from service.http.edge.problems import problem_body
from service.http.routes.access import require
from service.http.routes.answers import json_response
from service.http.routes.direct import DirectRoute
from service.http.routes.filters import parse_filter
from service.http.routes.paths import require_id
from service.http.routes.queries import query_parameters, read_query
from service.http.routes.small_body import SmallBodyRoute
from service.http.routes.wiring import ServiceDep, documented
from service.http.schemas.recommend import RecommendAnswer, RecommendBody, RecommendManyAnswer, RecommendQuery
from service.lists.explain import Explanation
from service.lists.wish import Recommendation
from service.serving.running import Service
from service.thawing.standing import state_of

router = APIRouter(route_class=SmallBodyRoute, tags=["recommend"], dependencies=[Depends(require(Right.READ))])
by_path = APIRouter(route_class=DirectRoute, tags=["recommend"], dependencies=[Depends(require(Right.READ))])


@by_path.get(
    "/recommend/{user_id:path}",
    responses=documented(RecommendAnswer, 200, 404, 422, 503),
    openapi_extra={"parameters": query_parameters(RecommendQuery)},
)
async def recommend(user_id: str, request: Request, service: ServiceDep) -> Response:
    """
    The k items whose embeddings agree most with the user's, best first.

    Items of equal score are ordered by a hash of their ids. Fewer than k items: all of them.
    """
    query = read_query(RecommendQuery, request)
    wish = query.to_wish(parse_filter(query.filter))
    found = await service.recommender.recommend(require_id("user_id", user_id), wish)
    return json_response(_to_answer(service, user_id, found))


@router.post(
    "/recommend",
    responses=documented(RecommendAnswer | RecommendManyAnswer, 200, 400, 404, 408, 413, 422, 503),
)
async def recommend_by_body(body: RecommendBody, service: ServiceDep) -> Response:
    """
    The same with all wishes in a body: for one user, for up to 256 at once, or for somebody known by a history alone.

    Of several users each gets a list or a problem of its own. A history is not kept.
    """
    wish = body.to_wish(body.filter)
    if body.history is not None:
        deeds = [event.to_deed() for event in body.history]
        return json_response(_to_answer(service, None, await service.recommender.recommend_history(deeds, wish)))
    if body.user_ids is None:
        user_id = str(body.user_id)
        return json_response(_to_answer(service, user_id, await service.recommender.recommend(user_id, wish)))
    found = await service.recommender.recommend_many(body.user_ids, wish)
    return await asyncio.to_thread(_answer_many, service, body.user_ids, found)


def _answer_many(service: Service, user_ids: Sequence[str], found: Sequence[Recommendation | UnknownUser]) -> Response:
    """In a thread: it may have megabytes."""
    lists = [
        {"user_id": user_id, "problem": problem_body(one)} if isinstance(one, UnknownUser) else _to_answer(service, user_id, one)
        for user_id, one in zip(user_ids, found, strict=True)
    ]
    return json_response({"space": service.space.version, "lists": lists})


def _to_answer(service: Service, user_id: str | None, found: Recommendation) -> dict[str, Any]:
    """A list in the words of `RecommendAnswer`."""
    items: list[dict[str, Any]] = [
        {
            "item_id": pick.item_id,
            "score": pick.score,
            "relevance": round(pick.relevance, 4),
            "state": state_of(service.space, pick.item_id, has_events=service.ledger.tables.has_events(pick.item_id)),
            "reason": pick.reason,
        }
        for pick in found.picks
    ]
    for item, explanation in zip(items, found.explanations or (), strict=False):
        item["explanation"] = _explained(explanation)
    answer = {
        "user_id": user_id,
        "space": service.space.version,
        "source": found.source,
        "recommendation_id": found.recommendation_id,
        "items": items,
        "degraded": found.degraded,
    }
    return answer if found.unknown_item_ids is None else {**answer, "unknown_item_ids": list(found.unknown_item_ids)}


def _explained(explanation: Explanation) -> dict[str, Any]:
    """In the words of `ItemExplanation`."""
    nearest = [{"item_id": near.item_id, "cosine": near.cosine} for near in explanation.nearest]
    return {"gate": explanation.fusion.get("gate", {}), "experts": explanation.fusion.get("experts", {}), "nearest": nearest}

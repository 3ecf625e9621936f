"""`/recommend`: the items for a user."""

from typing import Annotated

import orjson
from fastapi import APIRouter, Depends, Query
from fastapi.responses import Response

from service.keys import Right
from service.recommend import Wish
from service.routes.access import require
from service.routes.items import require_id
from service.routes.wiring import ServiceDep, documented
from service.schemas import RecommendAnswer, RecommendQuery

router = APIRouter(tags=["recommend"], dependencies=[Depends(require(Right.READ))])


@router.get("/recommend/{user_id:path}", responses=documented(RecommendAnswer, 200, 404, 422, 503))
async def recommend(user_id: str, query: Annotated[RecommendQuery, Query()], service: ServiceDep) -> Response:
    """
    The k items whose embeddings agree most with the user's, best first.

    Items of equal score are ordered by a hash of their ids. Fewer than k items: all of them.
    """
    wish = Wish(
        user_id=require_id("user_id", user_id),
        k=query.k,
        exclude_seen=query.exclude_seen,
        cold_only=query.cold_only,
        fallback=query.fallback,
    )
    found = await service.recommender.recommend(wish)
    warm = service.space.anchors.is_warm
    body = {
        "user_id": user_id,
        "space": service.space.version,
        "source": found.source,
        "recommendation_id": found.recommendation_id,
        "items": [
            {"item_id": hit.item_id, "score": hit.score, "state": "warm" if warm(hit.item_id) else "cold"}
            for hit in found.candidates
        ],
        "degraded": found.degraded,
    }
    return Response(orjson.dumps(body), media_type="application/json")

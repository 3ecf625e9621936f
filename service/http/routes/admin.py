"""`/admin`: what changes the service itself."""

from pathlib import Path

from fastapi import APIRouter, Depends
from fastapi.responses import Response

from service.http.edge.keys import Right
from service.http.routes.access import require
from service.http.routes.answers import json_response
from service.http.routes.small_body import SmallBodyRoute
from service.http.routes.wiring import LiveDep, documented
from service.http.schemas.state import SwapAnswer, SwapBody

router = APIRouter(route_class=SmallBodyRoute, tags=["state"], prefix="/admin", dependencies=[Depends(require(Right.ADMIN))])


@router.post("/model", status_code=202, responses=documented(SwapAnswer, 202, 400, 408, 409, 413, 422))
async def swap_model(body: SwapBody, live: LiveDep) -> Response:
    """
    Swap in another checkpoint while this one serves.

    Its files and encoders are verified, every item is embedded from its stored features, and once the new index has
    caught up with the store it takes over in one step. `GET /model` tells how it goes, in `swap`. Whatever fails, the
    checkpoint that serves goes on serving. After a restart the one that was swapped in last serves.
    """
    progress = await live.swapper.start(Path(body.checkpoint))
    return json_response(progress.to_answer(), 202)

"""Is it alive, is it ready, what does it serve."""

import asyncio
from functools import partial

from fastapi import APIRouter, Depends, Request
from fastapi.responses import PlainTextResponse, Response

from service.errors import OutOfStep
from service.http.edge.keys import Right
from service.http.routes.access import NeedsForMetrics, require
from service.http.routes.answers import json_response
from service.http.routes.wiring import LiveDep, ServiceDep, documented
from service.http.schemas.state import LiveAnswer, ModelAnswer, ReadyAnswer

router = APIRouter(tags=["state"], dependencies=[Depends(require(Right.READ))])
probes = APIRouter(tags=["state"], dependencies=[Depends(require(Right.OPEN))])
metrics_router = APIRouter(tags=["state"], dependencies=[Depends(NeedsForMetrics(Right.READ))])


@probes.head("/health/live", include_in_schema=False)
@probes.get("/health/live", responses=documented(LiveAnswer, 200))
async def live() -> dict[str, str]:
    """The process answers."""
    return {"status": "alive"}


@probes.head("/health/ready", include_in_schema=False)
@probes.get("/health/ready", responses=documented(ReadyAnswer, 200, 503))
async def ready(request: Request, service: ServiceDep) -> dict[str, object]:
    """The store answers, and all in it that lists may have can be recommended."""
    in_thread = partial(asyncio.get_running_loop().run_in_executor, request.app.state.probing)
    await in_thread(service.store.ping)
    if service.store.is_ahead:
        raise OutOfStep
    await service.users.probe()
    return {
        "status": "ready",
        "space": service.space.version,
        "items": await in_thread(len, service.index),
        "unplaced_items": service.catalogue.unplaced,
        "degraded": service.users.degraded,
    }


@router.get("/model", responses=documented(ModelAnswer, 200))
async def model(service: ServiceDep, live: LiveDep) -> Response:
    """The checkpoint that serves: what it was trained on, with which encoders, and how good it was."""
    manifest = service.space.manifest
    body = {
        "space": service.space.version,
        "recipe": dict(manifest.recipe),
        "network": manifest.network.to_fields(),
        "encoders": {
            name: {"name": record.name, "fingerprint": record.spec.fingerprint, "dim": record.spec.dim, "backend": record.backend}
            for name, record in manifest.encoders.items()
        },
        "fields": {name: list(fields) for name, fields in manifest.fields.items()},
        "missing_policy": manifest.missing_policy,
        "dataset": dict(manifest.dataset),
        "events_through": manifest.events_through,
        "metrics": dict(manifest.metrics),
        "libraries": dict(manifest.libraries),
        "users": service.space.user_count,
        "swap": live.swapper.progress.to_answer(),
    }
    return json_response(body)


@metrics_router.get("/metrics", response_class=PlainTextResponse)
async def metrics(service: ServiceDep) -> Response:
    """Counts and timings in Prometheus' text format."""
    await service.users.probe()
    measured = service.metrics
    measured.index_items.set(await asyncio.to_thread(len, service.index))
    measured.cold_items.set(await asyncio.to_thread(service.index.count_cold))
    measured.encode_waiting.set(service.ingestor.waiting)
    measured.store_waiting.set(service.store.waiting)
    measured.out_of_step.set(service.store.is_ahead)
    measured.unplaced_items.set(service.catalogue.unplaced)
    measured.degraded.set(service.users.degraded)
    return Response(measured.render(), media_type="text/plain; version=0.0.4; charset=utf-8")

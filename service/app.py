"""create_app: routes, errors and limits around a running service."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from fastapi import FastAPI

from service.keys import read_keys
from service.limits import BodyLimit
from service.observe import Observe
from service.problems import add_handlers
from service.recall import watch_recall
from service.routes import items, recommend, state
from service.running import Service
from service.schemas import ProblemAnswer
from service.settings import Settings


def create_app(service: Service, settings: Settings) -> FastAPI:
    """The HTTP side of a running service; it closes the service when it shuts down."""

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        watch = asyncio.create_task(watch_recall(service, settings.recall_check_seconds))
        yield
        watch.cancel()
        await service.close()

    app = FastAPI(
        title="Thaw",
        summary="Recommends items that nobody has touched yet, by what their pictures and words mean to each user.",
        lifespan=lifespan,
    )
    app.state.service, app.state.keys, app.state.metrics_open = service, read_keys(settings), settings.metrics_open
    for router in (items.router, recommend.router, state.router, state.probes, state.metrics_router):
        app.include_router(router)
    add_handlers(app)
    _document_problems(app)
    app.add_middleware(BodyLimit, max_bytes=settings.max_body_bytes, timeout_seconds=settings.body_timeout_seconds)
    app.add_middleware(Observe)
    return app


def _document_problems(app: FastAPI) -> None:
    """Adds the problem's schema to the OpenAPI document, where the routes refer to it."""
    made = app.openapi

    def openapi() -> dict[str, Any]:
        document = made()
        schemas = document.setdefault("components", {}).setdefault("schemas", {})
        schemas[ProblemAnswer.__name__] = ProblemAnswer.model_json_schema()
        return document

    app.openapi = openapi  # type: ignore[method-assign]

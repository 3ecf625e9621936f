"""create_app: routes, errors and limits around a running service."""

import asyncio
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from functools import cache
from typing import Any

from fastapi import FastAPI

from service.http.edge.hosts import is_loopback
from service.http.edge.keys import Keys
from service.http.edge.limits import BodyLimit
from service.http.edge.observe import Observe
from service.http.edge.problems import add_handlers
from service.http.openapi import describe
from service.http.page.files import read_page
from service.http.routes import (
    admin,
    events,
    item_batch,
    item_changes,
    item_image,
    items,
    neighbours,
    page,
    recommend,
    state,
    users,
)
from service.serving.live import Live
from service.serving.recall import watch_recall
from service.serving.running import Service
from service.settings import Settings

SUMMARY = "Recommends items that nobody has touched yet, by what their pictures and words mean to each user."
ITEM_ROUTERS = (item_batch.router, item_image.router, neighbours.router, items.router, item_changes.router)
USER_ROUTERS = (recommend.router, events.router, users.router)
OTHER_ROUTERS = (admin.router, state.router, state.probes, state.metrics_router, page.router)
ROUTERS = (recommend.by_path, *ITEM_ROUTERS, *USER_ROUTERS, *OTHER_ROUTERS)
"""In the order in which they are tried: what is asked most often comes first."""


def create_app(service: Service, settings: Settings, keys: Keys) -> FastAPI:
    """The HTTP side of a running service; it closes the service when it shuts down."""

    live = Live(service)
    probing = ThreadPoolExecutor(2, thread_name_prefix="probe")  # of their own: whatever else is done, probes are answered

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        watch = asyncio.create_task(watch_recall(live, settings.recall_check_seconds))
        yield
        watch.cancel()
        await live.close()
        probing.shutdown(wait=False, cancel_futures=True)

    # A redirect would go to whatever host the request names.
    bare = FastAPI(title="Thaw", summary=SUMMARY, lifespan=lifespan, redoc_url=None, redirect_slashes=False)
    app = _with_routes(bare)
    app.state.live, app.state.keys, app.state.metrics_open = live, keys, settings.metrics_open
    app.state.probing, app.state.page = probing, read_page()
    app.state.only_this_machine = is_loopback(settings.host)
    add_handlers(app)
    app.add_middleware(BodyLimit, max_bytes=settings.max_body_bytes, timeout_seconds=settings.body_timeout_seconds)
    app.add_middleware(Observe)
    return app


def openapi_document() -> dict[str, Any]:
    """What `/openapi.json` answers, without a service to run."""
    return _with_routes(FastAPI(title="Thaw", summary=SUMMARY)).openapi()


def _with_routes(app: FastAPI) -> FastAPI:
    for router in ROUTERS:
        app.include_router(router)
    app.openapi = cache(lambda: describe(app))  # type: ignore[method-assign]
    return app

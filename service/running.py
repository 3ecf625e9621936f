"""Everything that lives as long as the service, opened together and closed together."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import structlog

from model.event_types import POSITIVE, RATING
from model.event_types import weight as event_weight
from model.fetch_image import ImageFetcher, ImageUrlPolicy
from service.audience import Audience
from service.catalogue import Catalogue
from service.explain import Explainer
from service.history import Histories, Weigh
from service.images import Images
from service.index.faiss_flat import FlatIndex
from service.index.protocol import Index
from service.ingest import Ingestor
from service.metrics import Metrics
from service.ranking import Defaults, Ranking
from service.recommend import Recommender
from service.redis_cache import RedisUserCache
from service.settings import Settings
from service.similar import Similar
from service.space import Space, open_space
from service.store.records import Change
from service.store.store import Store
from service.user_cache import LocalUserCache, UserCache
from service.users import Users

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Service:
    """A running service, whatever asks it."""

    space: Space
    store: Store
    index: Index
    catalogue: Catalogue
    ingestor: Ingestor
    users: Users
    recommender: Recommender
    similar: Similar
    audience: Audience
    metrics: Metrics

    async def close(self) -> None:
        """Finishes what was taken, then lets everything go."""
        await self.ingestor.close()
        self.store.close()
        await self.users.close()


def open_configured_space(settings: Settings) -> Space:
    """The space of the checkpoint that the settings name; raises as `open_space` does."""
    return open_space(settings.checkpoint, device=settings.device, places=settings.encoder_places, threads=settings.torch_threads)


def open_service(settings: Settings, space: Space) -> Service:
    """
    Opens the store and builds the index from it.

    Raises:
        StoreInUse, StoreUnavailable, SettingsError: nothing was left open.
    """
    start = time.monotonic()
    caches = _make_caches(settings)
    metrics = Metrics()
    index = FlatIndex(space.tower.width)
    catalogue = Catalogue(space, index)
    store = Store(settings.store_url, _measured(catalogue.apply, metrics), max_waiting=settings.store_waiting)
    try:
        catalogue.build(store)
    except BaseException:
        store.close()
        raise
    ingestor = Ingestor(
        space,
        store,
        _make_images(settings),
        metrics,
        batch=settings.encode_batch,
        waiting=settings.encode_waiting,
        max_pixels=settings.max_image_pixels,
    )
    metrics.serve_space(space.version, space.manifest.recipe)
    users = Users(space, caches, metrics)
    ranking = Ranking(index, space.taste_width, _make_defaults(settings, space))
    recommender = Recommender(
        users, Histories(space, store, _make_weigh(space)), ranking, Explainer(space, store, index), metrics
    )
    _log.info("ready to serve", space=space.version, items=len(index), seconds=round(time.monotonic() - start, 2))
    return Service(
        space,
        store,
        index,
        catalogue,
        ingestor,
        users,
        recommender,
        Similar(space, store, index),
        Audience(space, store, index),
        metrics,
    )


def _make_weigh(space: Space) -> Weigh:
    """What events weigh: a rating is worth a like from the value on that training took for a positive."""
    threshold = float(space.manifest.dataset.get("threshold", POSITIVE))

    def weigh(event_type: str, value: float | None) -> float:
        weight = event_weight(event_type, value)
        return float(weight >= threshold) if event_type == RATING else weight

    return weigh


def _make_defaults(settings: Settings, space: Space) -> Defaults:
    tau = space.tau if settings.cold_share is None else space.tau_for(settings.cold_share)
    return Defaults(tau if settings.tau is None else settings.tau, settings.exploration, space.tau_for)


def _measured(apply: Callable[[Sequence[Change]], None], metrics: Metrics) -> Callable[[Sequence[Change]], None]:
    """`apply`, with how many changes came together and how long they took noted."""

    def measured(changes: Sequence[Change]) -> None:
        metrics.writes.observe(len(changes))
        with metrics.stages.labels("index").time():
            apply(changes)

    return measured


def _make_images(settings: Settings) -> Images:
    hosts = tuple(host.strip().lower() for host in settings.image_hosts.split(",") if host.strip())
    policy = ImageUrlPolicy(hosts, settings.max_body_bytes, settings.image_timeout_seconds)
    return Images(ImageFetcher(policy) if hosts else None)


def _make_caches(settings: Settings) -> tuple[UserCache, ...]:
    local = LocalUserCache(settings.user_cache_size)
    if not settings.redis_url:
        return (local,)
    return (local, RedisUserCache(settings.redis_url, timeout_seconds=settings.redis_timeout_seconds))

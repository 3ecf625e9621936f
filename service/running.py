"""Everything that lives as long as the service, opened together and closed together."""

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import structlog

from model.event_types import WEIGHTS
from model.fetch_image import ImageFetcher, ImageUrlPolicy
from service.audience import Audience
from service.catalogue import Catalogue
from service.events import Events
from service.explain import Explainer
from service.history import Histories
from service.images import Images
from service.index.faiss_flat import FlatIndex
from service.index.protocol import Index
from service.ingest import Ingestor
from service.ledger import Ledger
from service.metrics import Metrics
from service.ranking import Defaults, Ranking
from service.reactions import SECONDS_A_DAY, Rules
from service.recommend import Recommender
from service.redis_cache import RedisUserCache
from service.retention import Retention
from service.settings import Settings
from service.similar import Similar
from service.space import Space, open_space
from service.store.events import EventLog
from service.store.records import Change
from service.store.store import Store
from service.thaw_items import Thawer
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
    ledger: Ledger
    events: Events
    thawer: Thawer
    retention: Retention

    async def close(self) -> None:
        """Finishes what was taken, then lets everything go."""
        self.retention.close()
        await self.ingestor.close()
        self.store.close()
        self.thawer.close()
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
    rules = _make_rules(settings, space)
    metrics = Metrics()
    index = FlatIndex(space.tower.width)
    ledger = Ledger(space, rules)
    catalogue = Catalogue(space, index, ledger)
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
    users = Users(space, caches, metrics, ledger)
    log = EventLog(store)
    thawer = Thawer(ledger, catalogue, metrics, pause_seconds=settings.event_pause_seconds)
    retention = Retention(log, space.version, settings.event_retention_days)
    events = Events(space, log, rules, metrics)
    ranking = Ranking(index, space.taste_width, _make_defaults(settings, space))
    recommender = Recommender(users, Histories(space, store, rules.weight), ranking, Explainer(space, store, index), metrics)
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
        Audience(space, store, index, ledger),
        metrics,
        ledger,
        events,
        thawer,
        retention,
    )


def _make_rules(settings: Settings, space: Space) -> Rules:
    trained_with = float(space.manifest.dataset.get("threshold", 1.0))
    return Rules(
        weights={**WEIGHTS, **settings.event_weights},
        least_rating=trained_with if settings.rating_positive is None else settings.rating_positive,
        half_life_seconds=math.inf if settings.taste_half_life_days is None else settings.taste_half_life_days * SECONDS_A_DAY,
    )


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

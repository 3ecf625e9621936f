"""Everything that lives as long as the service, opened together and closed together."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import structlog

from model.fetch_image import ImageFetcher, ImageUrlPolicy
from service.events.intake import Events
from service.events.retention import Retention
from service.index.faiss_flat import FlatIndex
from service.index.protocol import Index
from service.items.catalogue import Catalogue
from service.items.images import Images
from service.items.ingest import Ingestor
from service.items.thawer import Thawer
from service.lists.audience import Audience
from service.lists.explain import Explainer
from service.lists.ranking import Defaults, Ranking
from service.lists.recommend import Recommender
from service.lists.similar import Similar
from service.monitoring.metrics import Metrics
from service.settings import Settings
from service.space import Space
from service.store.active import write_active
from service.store.events import EventLog
from service.store.journal import Feed
from service.store.records import Change
from service.store.store import Store
from service.thawing.ledger import Ledger
from service.thawing.reactions import make_rules
from service.users.cache import LocalUserCache, UserCache
from service.users.embeddings import Users
from service.users.history import Histories
from service.users.redis_cache import RedisUserCache

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Shared:
    """What stays when another checkpoint takes over."""

    settings: Settings
    store: Store
    feed: Feed
    ingestor: Ingestor
    metrics: Metrics
    retention: Retention
    caches: tuple[UserCache, ...]


@dataclass(frozen=True, slots=True)
class Service:
    """
    A running service, whatever asks it.

    All of it is of one space; another checkpoint takes over by another one of these. So a request takes it once.
    """

    shared: Shared
    catalogue: Catalogue
    users: Users
    recommender: Recommender
    similar: Similar
    audience: Audience
    events: Events
    thawer: Thawer

    @property
    def store(self) -> Store:
        """The truth about items and events."""
        return self.shared.store

    @property
    def ingestor(self) -> Ingestor:
        """What takes items in."""
        return self.shared.ingestor

    @property
    def metrics(self) -> Metrics:
        """What `/metrics` tells."""
        return self.shared.metrics

    @property
    def space(self) -> Space:
        """The one that it is of."""
        return self.catalogue.space

    @property
    def index(self) -> Index:
        """Served embeddings, to search."""
        return self.catalogue.index

    @property
    def ledger(self) -> Ledger:
        """Where events put users and items."""
        return self.catalogue.ledger

    async def close(self) -> None:
        """Finishes what was taken, then lets everything go."""
        self.shared.retention.close()
        await self.ingestor.close()
        self.store.close()
        self.thawer.close()
        await self.users.close()


def open_service(settings: Settings, space: Space) -> Service:
    """
    Opens the store and builds the index from it.

    Raises:
        StoreInUse, StoreUnavailable, SettingsError: nothing was left open.
    """
    start = time.monotonic()
    caches = _make_caches(settings)
    metrics = Metrics()
    feed = Feed()
    store = Store(settings.store_url, _measured(feed.apply, metrics), max_waiting=settings.store_waiting)
    try:
        catalogue = make_catalogue(settings, space, store)
        feed.follower = catalogue.apply
        store.space, store.trained_through = space.version, catalogue.ledger.trained_through
        if settings.force_checkpoint:
            write_active(store, None)
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
    retention = Retention(EventLog(store), settings.event_retention_days)
    service = make_service(Shared(settings, store, feed, ingestor, metrics, retention, caches), catalogue)
    _log.info("ready to serve", space=space.version, items=len(catalogue.index), seconds=round(time.monotonic() - start, 2))
    return service


def make_catalogue(settings: Settings, space: Space, store: Store) -> Catalogue:
    """An empty one, with an index and a ledger of its own; later events of the store get numbers above those of training's."""
    through = space.trained_through(store.store_id)
    store.number_above(through)
    return Catalogue(space, FlatIndex(space.tower.width), Ledger(space, make_rules(settings, space), through))


def make_service(shared: Shared, catalogue: Catalogue) -> Service:
    """A service in a catalogue's space."""
    space, index, ledger, metrics = catalogue.space, catalogue.index, catalogue.ledger, shared.metrics
    settings, store, rules = shared.settings, shared.store, make_rules(shared.settings, space)
    users = Users(space, shared.caches, metrics, ledger)
    ranking = Ranking(index, space.taste_width, _make_defaults(settings, space))
    return Service(
        shared=shared,
        catalogue=catalogue,
        users=users,
        recommender=Recommender(users, Histories(space, store, rules.weight), ranking, Explainer(space, store, index), metrics),
        similar=Similar(space, store, index),
        audience=Audience(space, store, index, ledger),
        events=Events(space, EventLog(store), rules, metrics),
        thawer=Thawer(catalogue, metrics, pause_seconds=settings.event_pause_seconds),
    )


def _make_defaults(settings: Settings, space: Space) -> Defaults:
    tau = 0.0 if settings.cold_share is None else space.tau_for(settings.cold_share)
    return Defaults(tau if settings.tau is None else settings.tau, settings.exploration, space.tau_for)


def _measured(apply: Callable[[Sequence[Change]], None], metrics: Metrics) -> Callable[[Sequence[Change]], None]:
    """`apply`, with how many changes came together and how long they took noted."""

    def measured(changes: Sequence[Change]) -> None:
        metrics.writes.observe(len(changes))
        with metrics.stage("index").time():
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

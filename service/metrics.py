"""What the service counts about itself, for Prometheus."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)


class Metrics:
    """One registry an app, so that two apps in a process do not mix."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        self.requests = Histogram(
            "thaw_request_seconds",
            "Time from a request to its answer.",
            ["method", "route", "status"],
            buckets=_SECONDS,
            registry=self._registry,
        )
        self.stages = Histogram(
            "thaw_stage_seconds",
            "Time in one stage of an ingest or a recommendation.",
            ["stage"],
            buckets=_SECONDS,
            registry=self._registry,
        )
        self.batches = Histogram(
            "thaw_encode_batch_items",
            "Items in a batch of the encoders.",
            buckets=(1, 2, 4, 8, 16, 32, 64),
            registry=self._registry,
        )
        self.user_cache = Counter("thaw_user_cache", "Look-ups of user vectors.", ["outcome"], registry=self._registry)
        self.ingested = Counter("thaw_items_ingested", "Items written.", ["state"], registry=self._registry)
        self.index_items = self._gauge("thaw_index_items", "Items that can be recommended.")
        self.cold_items = self._gauge("thaw_index_cold_items", "Cold items among them.")
        self.encode_waiting = self._gauge("thaw_encode_waiting", "Items that wait for the encoders.")
        self.store_waiting = self._gauge("thaw_store_waiting", "Writes that wait for the store.")
        self.degraded = self._gauge("thaw_degraded", "1 while a cache is out of order.")

    def render(self) -> bytes:
        """The text format of Prometheus."""
        return generate_latest(self._registry)

    def _gauge(self, name: str, text: str) -> Gauge:
        return Gauge(name, text, registry=self._registry)

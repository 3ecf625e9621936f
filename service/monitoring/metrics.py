"""What the service counts about itself, for Prometheus."""

import math
from collections.abc import Mapping
from functools import cache

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector, generate_latest

from service.monitoring.gate_watch import GateWatch, Weights

_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
_COUNTS = (1, 2, 4, 8, 16, 32, 64, 128, 256)


class Metrics:
    """One registry an app, so that two apps in a process do not mix."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        ProcessCollector(registry=self._registry)
        self.fusions = GateWatch()
        self.requests = self._seconds("thaw_request_seconds", "Time from a request to its answer.", "method", "route", "status")
        self.request = cache(self.requests.labels)
        """The histogram's child of (method, route, status); looked up anew each time it would cost more than observing."""
        self.stages = self._seconds("thaw_stage_seconds", "Time in one stage of an ingest or a recommendation.", "stage")
        self.stage = cache(self.stages.labels)
        self.freshness = self._seconds("thaw_freshness_seconds", "Time from a posted item to its being searchable.")
        self.batches = self._histogram("thaw_encode_batch_items", "Items in a batch of the encoders.", _COUNTS)
        self.writes = self._histogram("thaw_store_batch_writes", "Writes that shared a commit.", _COUNTS)
        self.user_cache = self._counter("thaw_user_cache", "Look-ups of user vectors.", "outcome")
        self.ingested = self._counter("thaw_items_ingested", "Items written.", "state")
        self.events = self._counter("thaw_events", "Events received.", "type", "status")
        of_lists = ("source", "space", "age")
        self.impressions = self._counter("thaw_impressions", "Items shown, by the list and the item's age.", *of_lists)
        self.clicks = self._counter("thaw_clicks", "Events of positive weight, likewise.", *of_lists)
        self.thaw_lag = self._seconds("thaw_lag_seconds", "Time from the first of some events to their items' being moved.")
        self.swaps = self._counter("thaw_swaps", "Checkpoints that were to take over from the one that served.", "outcome")
        for outcome in ("done", "failed"):
            self.swaps.labels(outcome)  # there from the start, so that the first failure is a rise
        self.degraded_answers = self._counter("thaw_degraded_answers", "Lists made while a cache was out of order.")
        self.index_items = self._gauge("thaw_index_items", "Items that can be recommended.")
        self.cold_items = self._gauge("thaw_index_cold_items", "Cold items among them.")
        self.out_of_step = self._gauge("thaw_out_of_step", "1 once the index could not follow the store: until a restart.")
        self.unplaced_items = self._gauge("thaw_unplaced_items", "Items in the store that this checkpoint cannot read.")
        self.index_recall = self._gauge(
            "thaw_index_recall", "Share of the best 20 items that the index found, against looking at every row; NaN before."
        )
        self.index_recall.set(math.nan)
        self.index_recall_checked = self._gauge("thaw_index_recall_checked_timestamp_seconds", "When that was measured.")
        self.encode_waiting = self._gauge("thaw_encode_waiting", "Items that wait for the encoders.")
        self.store_waiting = self._gauge("thaw_store_waiting", "Writes that wait for the store.")
        self.degraded = self._gauge("thaw_degraded", "1 while a cache is out of order.")
        self.space = self._gauge("thaw_space", "1 for the space that serves.", "space")
        self._watched = self._gauge("thaw_gate_watched_items", "Last items with every modality, which the means below are over.")
        self._gate = self._gauge("thaw_gate_weight", "Mean weight that the gate gave a view.", "view")
        self._gate_trained = self._gauge("thaw_gate_weight_trained", "The same over the items of training.", "view")
        self._expert = self._gauge("thaw_expert_weight", "Mean weight of an expert in its view.", "view", "expert")
        self._expert_load = self._gauge("thaw_expert_load", "Share of items in which an expert spoke.", "view", "expert")

    def serve_space(self, version: str, recipe: Mapping[str, object]) -> None:
        """
        Notes which checkpoint serves from now on.

        Args:
            recipe: of its manifest; `health.gate`, where it is there, holds the mean gate of training.
        """
        self.space.clear()
        self.space.labels(version).set(1)
        self.fusions.clear()
        health = recipe.get("health")
        gate = health.get("gate") if isinstance(health, Mapping) else None
        _show(self._gate_trained, {(view,): weight for view, weight in gate.items()} if isinstance(gate, Mapping) else {})

    def render(self) -> bytes:
        """The text format of Prometheus."""
        self._watched.set(len(self.fusions))
        _show(self._gate, self.fusions.gate())
        _show(self._expert, self.fusions.expert_weights())
        _show(self._expert_load, self.fusions.expert_loads())
        return generate_latest(self._registry)

    def _seconds(self, name: str, text: str, *labels: str) -> Histogram:
        return self._histogram(name, text, _SECONDS, *labels)

    def _histogram(self, name: str, text: str, buckets: tuple[float, ...], *labels: str) -> Histogram:
        return Histogram(name, text, labels, buckets=buckets, registry=self._registry)

    def _counter(self, name: str, text: str, *labels: str) -> Counter:
        return Counter(name, text, labels, registry=self._registry)

    def _gauge(self, name: str, text: str, *labels: str) -> Gauge:
        return Gauge(name, text, labels, registry=self._registry)


def _show(gauge: Gauge, weights: Weights) -> None:
    """Sets a gauge by label values; what is not named any more is gone."""
    gauge.clear()
    for labels, weight in weights.items():
        gauge.labels(*labels).set(weight)

"""What `/metrics` says, against what was done."""

import asyncio
import math
from collections import Counter
from collections.abc import Sequence
from random import Random
from typing import Any

import httpx
import numpy as np
import pytest
from prometheus_client.parser import text_string_to_metric_families

from service.index.faiss_flat import FlatIndex
from service.index.protocol import Candidate, Entry, Query
from service.monitoring.gate_watch import GateWatch
from service.monitoring.metrics import Metrics
from service.serving.recall import measure_recall
from tests.conftest import ClientMaker
from tests.fakes import draw_jpeg
from tests.service.searching import search

USER = "words-sailing-01"


async def scrape(client: httpx.AsyncClient) -> dict[str, dict[tuple[tuple[str, str], ...], float]]:
    """Values by name and labels."""
    answer = await client.get("/metrics")
    samples = [sample for family in text_string_to_metric_families(answer.text) for sample in family.samples]
    found: dict[str, dict[tuple[tuple[str, str], ...], float]] = {}
    for sample in samples:
        found.setdefault(sample.name, {})[tuple(sorted(sample.labels.items()))] = sample.value
    return found


@pytest.mark.anyio
async def test_what_happened_is_counted(client: httpx.AsyncClient) -> None:
    for at in range(3):
        files = {"image": ("a.jpg", draw_jpeg(at))}
        await client.post("/items", data={"item_id": f"a-{at}", "title": "Sailboat mug"}, files=files)
    await client.post("/items", json={"item_id": "words-only", "title": "Sailboat mug"})
    await client.get("/items/a-1")
    await client.get("/items/nobody")
    await client.get(f"/recommend/{USER}")
    await client.get(f"/recommend/{USER}")

    seen = await scrape(client)

    requests: Counter[tuple[str, str]] = Counter()
    for labels, count in seen["thaw_request_seconds_count"].items():
        requests[dict(labels)["method"], dict(labels)["status"]] += int(count)
    assert requests == {("POST", "201"): 4, ("GET", "200"): 3, ("GET", "404"): 1}
    assert seen["thaw_freshness_seconds_count"][()] == 4
    assert 0 < seen["thaw_freshness_seconds_sum"][()] < 60
    assert seen["thaw_store_batch_writes_sum"][()] == 4
    assert seen["thaw_encode_batch_items_sum"][()] == 4
    assert seen["thaw_user_cache_total"] == {(("outcome", "miss"),): 1, (("outcome", "hit"),): 1}
    assert seen["thaw_index_items"][()] == seen["thaw_index_cold_items"][()] == 4
    assert {dict(labels)["stage"] for labels in seen["thaw_stage_seconds_count"]} >= {
        "decode",
        "encode",
        "commit",
        "index",
        "search",
    }
    assert seen["thaw_gate_watched_items"][()] == 3
    assert sum(seen["thaw_gate_weight"].values()) == pytest.approx(1, abs=1e-4)
    assert seen["thaw_gate_weight"].keys() == seen["thaw_gate_weight_trained"].keys()
    assert set(seen["thaw_expert_load"].values()) <= {0.0, 1.0}
    assert list(seen["thaw_space"].values()) == [1]
    assert seen["thaw_degraded_answers_total"][()] == 0


@pytest.mark.anyio
async def test_a_made_up_method_or_path_makes_no_series_of_its_own(client: httpx.AsyncClient) -> None:
    for at in range(5):
        await client.request(f"BREW{at}", f"/coffee/{at}")

    series = {(dict(labels)["method"], dict(labels)["route"]) for labels in (await scrape(client))["thaw_request_seconds_count"]}

    assert ("other", "none") in series
    assert not [one for one in series if "BREW" in one[0] or "coffee" in one[1]]


@pytest.mark.anyio
async def test_degraded_answers_are_counted(service: ClientMaker) -> None:
    async with service(redis_url="redis://127.0.0.1:1/0").client() as client:
        await client.get(f"/recommend/{USER}")
        seen = await scrape(client)

    assert seen["thaw_degraded_answers_total"][()] == seen["thaw_degraded"][()] == 1


class Forgetful(FlatIndex):
    """An index whose search loses every other hit."""

    def search_many(self, queries: Sequence[Query], k: int, **options: Any) -> list[list[Candidate]]:
        return [hits[::2] for hits in super().search_many(queries, k, **options)]


def filled(index: FlatIndex, items: int) -> FlatIndex:
    vectors = np.random.default_rng(3).standard_normal((items, 8)).astype(np.float32)
    index.put(Entry(f"item-{at}", vector) for at, vector in enumerate(vectors))
    return index


def test_recall_is_measured_and_not_claimed() -> None:
    assert measure_recall(FlatIndex(8)) is None
    assert measure_recall(filled(FlatIndex(8), 300), seed=1) == 1
    assert measure_recall(filled(FlatIndex(8), 5), seed=1) == 1
    assert measure_recall(filled(Forgetful(8), 300), k=20, seed=1) == 0.5


def test_items_that_tie_at_the_last_place_count_as_found() -> None:
    index = FlatIndex(2)
    index.put(Entry(f"item-{at}", np.array([1, 0], np.float32)) for at in range(100))

    assert measure_recall(index, k=3, seed=1) == 1


def test_an_exact_search_agrees_with_the_index_and_a_sample_is_of_its_rows() -> None:
    index = filled(FlatIndex(8), 50)
    rows = index.sample(10, Random(2))

    assert rows.shape == (10, 8)
    for row in rows:
        exact = index.search_exactly(row, 7)
        assert [hit.item_id for hit in exact] == [hit.item_id for hit in search(index, row, 7)]
    assert index.sample(99, Random(2)).shape == (50, 8)
    index.remove([f"item-{at}" for at in range(50)])
    assert index.search_exactly(rows[0], 7) == []


@pytest.mark.anyio
async def test_the_service_measures_its_own_recall(service: ClientMaker) -> None:
    async with service().client() as client:
        await client.post("/items", json={"item_id": "a", "title": "Sailboat mug"})
    async with service(recall_check_seconds=0.01).client() as client:
        for _ in range(1000):
            await asyncio.sleep(0)  # a scrape in this process gives nobody else a turn
            seen = await scrape(client)
            if not math.isnan(seen["thaw_index_recall"][()]):
                break

    assert seen["thaw_index_recall"][()] == 1
    assert seen["thaw_index_recall_checked_timestamp_seconds"][()] > 0


def test_the_gate_watch_forgets_old_items_and_passes_over_incomplete_ones() -> None:
    watch = GateWatch(window=2)

    def fusion(image: float, *, there: bool = True) -> dict[str, object]:
        experts = {"text": {"a": 1.0, "b": 0.0}} | ({"image": {"c": 1.0}} if image else {})
        return {"modalities": {"image": there, "text": True}, "gate": {"image": image, "text": 1 - image}, "experts": experts}

    assert watch.gate() == {}
    for image in (0.9, 0.5, 0.0):
        watch.note(fusion(image))
    watch.note(fusion(0.0, there=False))

    assert len(watch) == 2
    assert watch.gate() == {("image",): 0.25, ("text",): 0.75}
    assert watch.expert_weights() == {("image", "c"): 0.5, ("text", "a"): 1.0, ("text", "b"): 0.0}
    assert watch.expert_loads() == {("image", "c"): 0.5, ("text", "a"): 1.0, ("text", "b"): 0.0}


def test_another_space_takes_the_place_of_the_one_before() -> None:
    metrics = Metrics()

    metrics.serve_space("one", {"health": {"gate": {"image": 0.4, "text": 0.6}}})
    metrics.fusions.note({"modalities": {"image": True}, "gate": {"image": 1.0}, "experts": {"image": {"a": 1.0}}})
    metrics.serve_space("two", {})

    text = metrics.render().decode()
    assert 'thaw_space{space="two"} 1.0' in text
    assert "one" not in text.split("thaw_space")[1]
    assert "thaw_gate_weight_trained{" not in text
    assert "thaw_gate_weight{" not in text
    assert "thaw_gate_watched_items 0.0" in text

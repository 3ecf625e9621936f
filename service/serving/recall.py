"""The index checks itself: does it hold what it must, and does its search find what looking at every row finds?"""

import asyncio
import random
import time

import structlog

from service.index.protocol import Candidate, Index, Query
from service.serving.live import Live

QUERIES, K = 8, 20
_TOLERANCE = 1e-5  # two ways to add up the same products
_log = structlog.get_logger(__name__)


def measure_recall(index: Index, *, queries: int = QUERIES, k: int = K, seed: int | None = None) -> float | None:
    """
    The share of the k best items that the index finds, over some of its own rows as queries; None while it is empty.

    An item that scores as high as the exact k-th, up to rounding, counts as found: ties have no right order.
    """
    rows = index.sample(queries, random.Random(seed))
    if not len(rows):
        return None
    return sum(_recall_at(index.search_many([Query(row)], k)[0], index.search_exactly(row, k)) for row in rows) / len(rows)


def _recall_at(found: list[Candidate], exact: list[Candidate]) -> float:
    if not exact:
        return 1.0
    floor = exact[-1].score - _TOLERANCE * max(1.0, abs(exact[0].score))
    best = {candidate.item_id for candidate in exact}
    return min(1.0, sum(hit.item_id in best or hit.score >= floor for hit in found) / len(exact))


async def watch_recall(live: Live, seconds: float) -> None:
    """
    Puts back what left the index too early, and measures: now and every so many seconds, until it is cancelled.

    A write between the two searches can make one measurement look bad: a bad one is taken twice, and the better counts.
    """
    while True:
        try:
            await _measure_once(live)
        except Exception as error:  # noqa: BLE001 - the outermost edge of this task: a failed check must not end all checks
            _log.error("the index could not be checked", kind=type(error).__name__, exc_info=error)
        await asyncio.sleep(seconds)


async def _measure_once(live: Live) -> None:
    service = live.now
    await asyncio.to_thread(service.catalogue.put_back, service.store)
    recall = await asyncio.to_thread(measure_recall, service.index)
    if recall is not None and recall < 1:
        again = await asyncio.to_thread(measure_recall, service.index)
        recall = max(recall, again if again is not None else 0.0)
    if recall is None:
        return
    service.metrics.index_recall.set(recall)
    service.metrics.index_recall_checked.set(time.time())

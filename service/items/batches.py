"""Many items in one call: each ingested as if it came alone, answered in their order."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import dataclass

import structlog

from model.errors import ProjectError
from service.errors import Overloaded, ServiceError, Unreadable
from service.items.drafts import NewItem
from service.items.ingest import Ingestor
from service.store.records import Put

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Taken:
    """What became of one item of a batch."""

    index: int
    item_id: str | None
    outcome: Put | ProjectError


async def ingest_batch(ingestor: Ingestor, entries: Sequence[NewItem | Unreadable], *, ahead: int) -> AsyncIterator[Taken]:
    """
    Ingests items beside each other, so that encoders see full batches, and tells of each in the batch's order.

    Two items of the same id are taken one after the other: the later one stays.

    Args:
        ahead: how many items may be under way at once.

    Raises:
        Overloaded: before the first answer, when no item at all could be taken.
    """
    refused: list[Taken] = []
    taken = _take_in_order(ingestor, entries, ahead)
    async for one in taken:
        if isinstance(one.outcome, Overloaded):
            refused.append(one)
            continue
        break
    else:
        if refused and isinstance(refused[0].outcome, Overloaded):
            raise refused[0].outcome
        return
    for early in refused:
        yield early
    yield one
    async for later in taken:
        yield later


async def _take_in_order(ingestor: Ingestor, entries: Sequence[NewItem | Unreadable], ahead: int) -> AsyncIterator[Taken]:
    under_way: deque[asyncio.Task[Taken]] = deque()
    tasks = _start_tasks(ingestor, entries)
    try:
        for task in tasks:
            under_way.append(task)
            if len(under_way) >= ahead:
                yield await under_way.popleft()
        while under_way:
            yield await under_way.popleft()
    finally:  # the client has left, or an answer could not be made: what is under way is not waited for
        for task in under_way:
            task.cancel()


def _start_tasks(ingestor: Ingestor, entries: Sequence[NewItem | Unreadable]) -> Iterator[asyncio.Task[Taken]]:
    """Starts each item's ingest as the iterator comes to it."""
    last: dict[str, asyncio.Task[Taken]] = {}
    for index, entry in enumerate(entries):
        item_id = entry.id if isinstance(entry, Unreadable) else entry.item_id
        before = last.get(item_id) if item_id is not None else None
        task = asyncio.create_task(_take(ingestor, index, entry, before))
        if item_id is not None:
            last[item_id] = task
        yield task


async def _take(ingestor: Ingestor, index: int, entry: NewItem | Unreadable, before: "asyncio.Task[Taken] | None") -> Taken:
    if before is not None:
        await asyncio.wait([before])
    if isinstance(entry, Unreadable):
        return Taken(index, entry.id, entry.error)
    try:
        return Taken(index, entry.item_id, await ingestor.ingest(entry))
    except ProjectError as error:
        return Taken(index, entry.item_id, error)
    except Exception as error:  # noqa: BLE001 - the outermost edge of one item: the others must be answered
        _log.error("unforeseen error", item_id=entry.item_id, error=repr(error), exc_info=error)
        return Taken(index, entry.item_id, ServiceError("the error is in the service's log"))

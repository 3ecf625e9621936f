"""Post a plain data folder to a running service."""

from collections.abc import Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from pathlib import Path

from rich.console import Console
from rich.progress import Progress, track

from model.plain.bad_rows import BadRows
from model.plain.errors import DataError
from model.plain.items import CatalogueItem, read_items
from model.plain.pictures import PictureCache, default_cache
from service.client import CallFailed, Client, item_body


@dataclass(slots=True)
class Outcome:
    """What became of the items of a folder."""

    created: int = 0
    replaced: int = 0
    refused: int = 0
    """Rows of the table that are no item, and items that the service refused."""
    incomplete: int = 0
    """Items that were posted without the picture that the table names."""
    reasons: list[tuple[str, str]] = field(default_factory=list)
    """Of these, item ids or places in the table, and why; of bad rows the first hundred of a kind."""


def ingest_folder(folder: Path, *, url: str, split: str | None, workers: int) -> Outcome:
    """
    Posts the items of a folder, or of one split of it; a refused item does not stop the others.

    Pictures named by URL are fetched here, not by the service. The item of one that does not come
    is posted without it, and counted as incomplete.

    Raises:
        DataError: the folder cannot be read, or has no such item.
        CallFailed: the service does not answer.
    """
    bad = BadRows("items")
    items = [item for item in read_items(folder, bad) if split in (None, item.split)]
    if not items:
        raise DataError(f"{folder} holds no item" + (f" of the split {split!r}" if split else ""))
    with Client(url) as client, ThreadPoolExecutor(workers) as pool:
        client.ready()
        items = _fetch_pictures(items, bad)
        outcome = _begin(bad)
        done = _run(pool, client, items, 4 * workers)
        for item_id, answer in track(done, "ingesting", total=len(items), console=Console(stderr=True)):
            _note(outcome, item_id, answer)
    return outcome


def _begin(bad: BadRows) -> Outcome:
    """What is known before anything is posted."""
    kept = [reason for reason in bad.counts if reason not in bad.remarks]
    return Outcome(
        refused=bad.dropped,
        incomplete=sum(bad.counts[reason] for reason in kept if reason not in bad.dropping),
        reasons=[(where, reason) for reason in kept for where in bad.examples[reason]],
    )


def _fetch_pictures(items: list[CatalogueItem], bad: BadRows) -> list[CatalogueItem]:
    """The items with the pictures that their table names by URL; `thaw train` keeps them in the same place."""
    pictures, failed = PictureCache(default_cache()), dict[str, str]()
    if urls := pictures.missing(items):
        with Progress(console=Console(stderr=True)) as progress:
            task = progress.add_task("fetching pictures", total=len(urls))
            failed = pictures.fetch(urls, lambda done: progress.advance(task, done))
    return pictures.place(items, failed, bad)


def _run(pool: ThreadPoolExecutor, client: Client, items: list[CatalogueItem], ahead: int) -> Iterator[tuple[str, "Future[int]"]]:
    """Items as they are done; no more than `ahead` pictures are in memory at once."""
    pending: dict[Future[int], str] = {}
    for item in items:
        pending[pool.submit(_post, client, item)] = item.item_id
        if len(pending) >= ahead:
            yield from _finished(pending)
    while pending:
        yield from _finished(pending)


def _finished(pending: dict["Future[int]", str]) -> Iterator[tuple[str, "Future[int]"]]:
    for future in wait(pending, return_when=FIRST_COMPLETED).done:
        yield pending.pop(future), future


def _post(client: Client, item: CatalogueItem) -> int:
    content = item.content()
    body = item_body(item.item_id, title=content.title, text=content.text, image=content.image, attributes=content.attributes)
    result = client.put_items([body])[0]
    if "problem" in result:
        raise CallFailed(result["status"], result["problem"]["detail"], result["problem"].get("field"))
    status: int = result["status"]
    return status


def _note(outcome: Outcome, item_id: str, answer: "Future[int]") -> None:
    try:
        if answer.result() == 201:
            outcome.created += 1
        else:
            outcome.replaced += 1
    except CallFailed as error:
        if error.status == 0:
            raise
        _refuse(outcome, item_id, str(error))
    except OSError as error:
        _refuse(outcome, item_id, f"the picture cannot be read: {error.strerror}")


def _refuse(outcome: Outcome, item_id: str, reason: str) -> None:
    outcome.refused += 1
    outcome.reasons.append((item_id, reason))

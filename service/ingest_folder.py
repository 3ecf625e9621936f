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
from service.client import CallFailed, Client


@dataclass(slots=True)
class Outcome:
    """What became of the items of a folder."""

    created: int = 0
    replaced: int = 0
    refused: list[tuple[str, str]] = field(default_factory=list)
    """Item ids, or places in the table, and why."""


def ingest_folder(folder: Path, *, url: str, split: str | None, workers: int) -> Outcome:
    """
    Posts the items of a folder, or of one split of it; a refused item does not stop the others.

    Pictures named by URL are fetched here, not by the service. One that does not come is among the refused, and its item
    is posted without it.

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
        outcome = Outcome(
            refused=[(where, reason) for reason, rows in bad.examples.items() if reason != "blank text" for where in rows]
        )
        done = _run(pool, client, items, 4 * workers)
        for item_id, answer in track(done, "ingesting", total=len(items), console=Console(stderr=True)):
            _note(outcome, item_id, answer)
    return outcome


def _fetch_pictures(items: list[CatalogueItem], bad: BadRows) -> list[CatalogueItem]:
    """The items with the pictures that their table names by URL; `thaw train` keeps them in the same place."""
    pictures, failed = PictureCache(default_cache()), dict[str, str]()
    if urls := pictures.missing(items):
        with Progress(console=Console(stderr=True)) as progress:
            task = progress.add_task("fetching pictures", total=len(urls))
            failed = pictures.fetch(urls, lambda done: progress.advance(task, done))
    return pictures.place(items, failed, bad)


def _run(
    pool: ThreadPoolExecutor, client: Client, items: list[CatalogueItem], ahead: int
) -> Iterator[tuple[str, "Future[bool]"]]:
    """Items as they are done; no more than `ahead` pictures are in memory at once."""
    pending: dict[Future[bool], str] = {}
    for item in items:
        pending[pool.submit(_post, client, item)] = item.item_id
        if len(pending) >= ahead:
            yield from _finished(pending)
    while pending:
        yield from _finished(pending)


def _finished(pending: dict["Future[bool]", str]) -> Iterator[tuple[str, "Future[bool]"]]:
    for future in wait(pending, return_when=FIRST_COMPLETED).done:
        yield pending.pop(future), future


def _post(client: Client, item: CatalogueItem) -> bool:
    content = item.content()
    answer = client.put_item(
        item.item_id, title=content.title, text=content.text, image=content.image, attributes=content.attributes
    )
    created: bool = answer["created_at"] == answer["updated_at"]
    return created


def _note(outcome: Outcome, item_id: str, answer: "Future[bool]") -> None:
    try:
        if answer.result():
            outcome.created += 1
        else:
            outcome.replaced += 1
    except CallFailed as error:
        if error.status == 0:
            raise
        outcome.refused.append((item_id, str(error)))
    except OSError as error:
        outcome.refused.append((item_id, f"the picture cannot be read: {error.strerror}"))

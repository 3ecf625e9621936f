"""Post a plain data folder to a running service."""

from collections.abc import Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field, replace
from pathlib import Path

from rich.console import Console
from rich.progress import Progress, track

from model.plain.bad_rows import BadRows
from model.plain.errors import DataError
from model.plain.items import CatalogueItem, read_items, read_truth
from model.plain.pictures import PictureCache, default_cache
from service.client import CallFailed, Client, item_body
from service.errors import InvalidField

_TOO_LARGE = 413
_STOPPING = (0, 401, 403)
"""What one item is answered with that every other will be, too: no service, no key, too low a right."""


@dataclass(frozen=True, slots=True)
class _Taken:
    """An item that the service took."""

    created: bool
    without: str = ""
    """Why it was taken without its picture; blank where it has it, or the table names none."""


@dataclass(slots=True)
class Outcome:
    """What became of the items of a folder."""

    created: int = 0
    replaced: int = 0
    refused: int = 0
    """Rows of the table that are no item, and items that the service refused."""
    incomplete: int = 0
    """Items that were taken without the picture that the table names: it is not there, or cannot be used."""
    reasons: list[tuple[str, str]] = field(default_factory=list)
    """Of these, item ids or places in the table, and why; of bad rows the first hundred of a kind."""


def ingest_folder(folder: Path, *, url: str, split: str | None, workers: int) -> Outcome:
    """
    Posts the items of a folder, or of one split of it; a refused item does not stop the others.

    Pictures named by URL are fetched here, not by the service. An item whose picture does not come, or that the service
    cannot use, is posted without it, and counted as incomplete; it is refused where it has nothing else.

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


def _run(
    pool: ThreadPoolExecutor, client: Client, items: list[CatalogueItem], ahead: int
) -> Iterator[tuple[str, "Future[_Taken]"]]:
    """Items as they are done; no more than `ahead` pictures are in memory at once."""
    pending: dict[Future[_Taken], str] = {}
    for item in items:
        pending[pool.submit(_post, client, item)] = item.item_id
        if len(pending) >= ahead:
            yield from _finished(pending)
    while pending:
        yield from _finished(pending)


def _finished(pending: dict["Future[_Taken]", str]) -> Iterator[tuple[str, "Future[_Taken]"]]:
    for future in wait(pending, return_when=FIRST_COMPLETED).done:
        yield pending.pop(future), future


def _post(client: Client, item: CatalogueItem) -> _Taken:
    """An item as its row says; without its picture, where that is what is wrong with it and anything else is left."""
    try:
        return _put(client, item)
    except (OSError, CallFailed) as error:
        if not _is_of_picture(item, error):
            raise
        reason = f"the picture cannot be read: {error.strerror}" if isinstance(error, OSError) else str(error)
    try:
        return replace(_put(client, replace(item, image=None)), without=reason)
    except CallFailed as error:
        raise CallFailed(error.status, f"{reason}; and without it, {error}", error.field) from error


def _put(client: Client, item: CatalogueItem) -> _Taken:
    hidden, content = _read_hidden(item), item.content()
    words = {"title": content.title, "text": content.text}
    body = item_body(item.item_id, **words, image=content.image, attributes=content.attributes, hidden=hidden)
    result = client.put_items([{**body, **item.dates}])[0]
    if "problem" in result:
        raise CallFailed(result["status"], result["problem"]["detail"], result["problem"].get("field"))
    return _Taken(created=result["status"] == 201)


def _read_hidden(item: CatalogueItem) -> bool | None:
    """None where its row does not say."""
    hidden = read_truth(item.hidden)
    if item.hidden and hidden is None:
        raise InvalidField("hidden", f"it must be true or false, and is {item.hidden!r}")
    return hidden


def _is_of_picture(item: CatalogueItem, error: OSError | CallFailed) -> bool:
    """Whether the item may be taken without its picture."""
    if isinstance(error, OSError):
        return True
    return item.image is not None and (error.field == "image" or error.status == _TOO_LARGE)


def _note(outcome: Outcome, item_id: str, answer: "Future[_Taken]") -> None:
    try:
        taken = answer.result()
    except (CallFailed, InvalidField) as error:
        if isinstance(error, CallFailed) and error.status in _STOPPING:
            raise
        outcome.refused += 1
        outcome.reasons.append((item_id, str(error)))
        return
    outcome.created += taken.created
    outcome.replaced += not taken.created
    if taken.without:
        outcome.incomplete += 1
        outcome.reasons.append((item_id, f"{taken.without}; taken without it"))

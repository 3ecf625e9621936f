"""Post a plain data folder to a running service."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, TypeAlias

from rich.console import Console
from rich.progress import Progress, track

from model.plain.bad_rows import BadRows
from model.plain.errors import DataError
from model.plain.items import CatalogueItem, read_items, read_truth
from model.plain.pictures import PictureCache, default_cache
from service.client import CallFailed, Client, item_body
from service.errors import InvalidField

_AT_ONCE, _MOST_PICTURES = 8, 4_000_000
"""Items of one call, and characters of their pictures in it."""
_PATIENCE = 60.0
"""Seconds without an answer to any item of the calls that are under way."""
_TOO_LARGE = 413
_STOPPING = (0, 401, 403)
"""What one item is answered with that every other will be, too: no service, no key, too low a right."""


@dataclass(frozen=True, slots=True)
class _Taken:
    """An item that the service took."""

    created: bool
    without: str = ""
    """Why it was taken without its picture; blank where it has it, or the table names none."""


_Refusal: TypeAlias = CallFailed | InvalidField | OSError
_Answer: TypeAlias = tuple[str, _Taken | _Refusal]
"""An item's id, and what became of it."""


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
    with Client(url, timeout_seconds=_PATIENCE) as client, ThreadPoolExecutor(workers) as pool:
        client.ready()
        items = _fetch_pictures(_without_unread(client, items), bad)
        outcome = _begin(bad)
        done = _run(pool, client, items, 2 * workers)
        try:
            for item_id, answer in track(done, "ingesting", total=len(items), console=Console(stderr=True)):
                _note(outcome, item_id, answer)
        except CallFailed:
            pool.shutdown(wait=False, cancel_futures=True)  # what has not begun need not
            raise
    return outcome


def _begin(bad: BadRows) -> Outcome:
    """What is known before anything is posted."""
    kept = [reason for reason in bad.counts if reason not in bad.remarks]
    return Outcome(
        refused=bad.dropped,
        incomplete=sum(bad.counts[reason] for reason in kept if reason not in bad.dropping),
        reasons=[(where, reason) for reason in kept for where in bad.examples[reason]],
    )


def _without_unread(client: Client, items: list[CatalogueItem]) -> list[CatalogueItem]:
    """The items without vectors of such names as the service reads none of, which it would refuse; says which these are."""
    named = {name for item in items for name in item.vectors}
    if not named:
        return items
    read = {name for name, encoder in client.model()["encoders"].items() if encoder["name"].startswith("vectors:")}
    if unread := sorted(named - read):
        Console(stderr=True).print(f"left out, since the service reads no such vectors: {', '.join(unread)}")
    return [replace(item, vectors={name: item.vectors[name] for name in item.vectors if name in read}) for item in items]


def _fetch_pictures(items: list[CatalogueItem], bad: BadRows) -> list[CatalogueItem]:
    """The items with the pictures that their table names by URL; `thaw train` keeps them in the same place."""
    pictures, failed = PictureCache(default_cache()), dict[str, str]()
    if urls := pictures.missing(items):
        with Progress(console=Console(stderr=True)) as progress:
            task = progress.add_task("fetching pictures", total=len(urls))
            failed = pictures.fetch(urls, lambda done: progress.advance(task, done))
    return pictures.place(items, failed, bad)


def _run(pool: ThreadPoolExecutor, client: Client, items: list[CatalogueItem], ahead: int) -> Iterator[_Answer]:
    """Answers as they come; no more than `ahead` calls are under way or wait, and of these the pictures of few are in memory."""
    pending: set[Future[list[_Answer]]] = set()
    for first in range(0, len(items), _AT_ONCE):
        pending.add(pool.submit(_post_all, client, items[first : first + _AT_ONCE]))
        if len(pending) >= ahead:
            yield from _finished(pending)
    while pending:
        yield from _finished(pending)


def _finished(pending: set["Future[list[_Answer]]"]) -> Iterator[_Answer]:
    for future in wait(pending, return_when=FIRST_COMPLETED).done:
        pending.remove(future)
        yield from future.result()


def _post_all(client: Client, items: Sequence[CatalogueItem]) -> list[_Answer]:
    """As their rows say, many in a call: the encoders of the service take many at a time, and many share a commit."""
    answers: dict[str, _Taken | _Refusal] = {}
    for bodies in _calls(items, answers):
        answers |= _put_all(client, bodies)
        if (stopped := _stopped(answers.values())) is not None:
            return [(item.item_id, answers.get(item.item_id, stopped)) for item in items]
    return [(item.item_id, _or_without_picture(client, item, answers[item.item_id])) for item in items]


def _calls(items: Sequence[CatalogueItem], answers: dict[str, _Taken | _Refusal]) -> Iterator[dict[str, dict[str, Any]]]:
    """Bodies by item id, of as many items as one call may have; what cannot be read is noted in `answers`."""
    bodies: dict[str, dict[str, Any]] = {}
    size = 0
    for item in items:
        try:
            body = _body(item)
        except (OSError, InvalidField) as error:
            answers[item.item_id] = error
            continue
        own = len(body.get("image_base64", ""))
        if bodies and size + own > _MOST_PICTURES:
            yield bodies
            bodies, size = {}, 0
        bodies[item.item_id], size = body, size + own
    if bodies:
        yield bodies


def _stopped(answers: Iterable[_Taken | _Refusal]) -> CallFailed | None:
    """An answer after which nothing more needs to be asked."""
    return next((one for one in answers if isinstance(one, CallFailed) and one.status in _STOPPING), None)


def _put_all(client: Client, bodies: Mapping[str, dict[str, Any]]) -> dict[str, _Taken | _Refusal]:
    """What became of each; a call that is too large is made again for each by itself."""
    try:
        results = client.put_items(list(bodies.values()))
    except CallFailed as error:
        if error.status != _TOO_LARGE or len(bodies) == 1:
            return dict.fromkeys(bodies, error)
        return {item_id: _put_all(client, {item_id: body})[item_id] for item_id, body in bodies.items()}
    return {item_id: _read_result(result) for item_id, result in zip(bodies, results, strict=True)}


def _read_result(result: Mapping[str, Any]) -> _Taken | CallFailed:
    if "problem" in result:
        return CallFailed(result["status"], result["problem"]["detail"], result["problem"].get("field"))
    return _Taken(created=result["status"] == 201)


def _or_without_picture(client: Client, item: CatalogueItem, answer: _Taken | _Refusal) -> _Taken | _Refusal:
    """The answer; where the picture is what is wrong and anything else is left, that of the item without it."""
    if not _is_of_picture(item, answer):
        return answer
    reason = f"the picture cannot be read: {answer.strerror}" if isinstance(answer, OSError) else str(answer)
    left = _put_all(client, {item.item_id: _body(replace(item, image=None))})[item.item_id]
    if isinstance(left, CallFailed):
        return CallFailed(left.status, f"{reason}; and without it, {left}", left.field)
    return replace(left, without=reason) if isinstance(left, _Taken) else left


def _body(item: CatalogueItem) -> dict[str, Any]:
    """
    Raises:
        OSError: the picture cannot be read.
        InvalidField: its row says of `hidden` what is neither true nor false.
    """
    hidden, content = _read_hidden(item), item.content()
    words = {"title": content.title, "text": content.text}
    vectors = {name: vector.tolist() for name, vector in content.vectors.items()}
    body = item_body(item.item_id, **words, image=content.image, attributes=content.attributes, hidden=hidden, vectors=vectors)
    return {**body, **item.dates}


def _read_hidden(item: CatalogueItem) -> bool | None:
    """None where its row does not say."""
    hidden = read_truth(item.hidden)
    if item.hidden and hidden is None:
        raise InvalidField("hidden", f"it must be true or false, and is {item.hidden!r}")
    return hidden


def _is_of_picture(item: CatalogueItem, answer: _Taken | _Refusal) -> bool:
    """Whether the item may be taken without its picture."""
    if isinstance(answer, OSError):
        return True
    return item.image is not None and isinstance(answer, CallFailed) and (answer.field == "image" or answer.status == _TOO_LARGE)


def _note(outcome: Outcome, item_id: str, answer: _Taken | _Refusal) -> None:
    if isinstance(answer, CallFailed) and answer.status in _STOPPING:
        raise answer
    if not isinstance(answer, _Taken):
        outcome.refused += 1
        outcome.reasons.append((item_id, str(answer)))
        return
    outcome.created += answer.created
    outcome.replaced += not answer.created
    if answer.without:
        outcome.incomplete += 1
        outcome.reasons.append((item_id, f"{answer.without}; taken without it"))

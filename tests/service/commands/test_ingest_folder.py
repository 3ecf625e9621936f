"""What `thaw ingest` makes of a folder, item by item, against a service that answers as ours does."""

import base64
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest

from service.cli import main
from service.client import CallFailed
from service.commands.ingest_folder import Outcome, ingest_folder
from tests.vectors_folder import write_vectors

BROKEN = "the picture cannot be read: not a JPEG, PNG or WebP"


class FakeService:
    """Keeps what it is sent; takes no picture but `fine`, and no item without anything."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, str, Any]] = []
        self.items: dict[str, dict[str, Any]] = {}
        self.refusal: httpx.Response | None = None
        """What any call but the probes is answered with."""

    def answer(self, request: httpx.Request) -> httpx.Response:
        """One call's answer."""
        if request.url.path == "/model":
            return httpx.Response(200, json={"encoders": {"sound": {"name": "vectors:2"}, "text": {"name": "minilm"}}})
        bodies: list[Any] = [json.loads(line) for line in request.content.splitlines()]
        self.calls.append((request.method, request.url.path, bodies))
        if request.url.path == "/health/ready":
            return httpx.Response(200, json={"status": "ready"})
        return self.refusal or httpx.Response(200, text="\n".join(json.dumps(self._take(body)) for body in bodies))

    def _take(self, body: dict[str, Any]) -> dict[str, Any]:
        if body.get("image_base64") not in (None, base64.b64encode(b"fine").decode()):
            return self._refuse("image", BROKEN)
        if not (body["title"] or "image_base64" in body):
            return self._refuse("content", "the item has no picture, no words and no attribute that is read")
        created = body["item_id"] not in self.items
        self.items[body["item_id"]] = body
        return {"status": 201 if created else 200}

    def _refuse(self, field: str, detail: str) -> dict[str, Any]:
        return {"status": 422, "problem": {"detail": detail, "field": field}}


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch) -> FakeService:
    """What every client in the test talks to."""
    service, real = FakeService(), httpx.Client
    monkeypatch.setattr(httpx, "Client", lambda **options: real(**options, transport=httpx.MockTransport(service.answer)))
    return service


@pytest.fixture
def ingest(tmp_path: Path) -> Callable[..., Outcome]:
    """Writes some rows as a folder and ingests it."""

    def run(*rows: dict[str, Any]) -> Outcome:
        (tmp_path / "items.jsonl").write_text("\n".join(map(json.dumps, rows)))
        for name, data in {"fine.jpg": b"fine", "empty.jpg": b"", "page.jpg": b"<html>"}.items():
            (tmp_path / name).write_bytes(data)
        return ingest_folder(tmp_path, url="http://shop", split=None, workers=1)

    return run


def test_an_item_whose_picture_is_broken_is_taken_without_it_and_named(fake: FakeService, ingest: Callable[..., Outcome]) -> None:
    outcome = ingest(
        {"item_id": "whole", "title": "Mug", "image": "fine.jpg"},
        {"item_id": "page", "title": "Cup", "image": "page.jpg"},
        {"item_id": "empty", "title": "Oar", "image": "empty.jpg"},
    )

    assert (outcome.created, outcome.refused, outcome.incomplete) == (3, 0, 2)
    assert ["image_base64" in fake.items[name] for name in ("whole", "page", "empty")] == [True, False, False]
    assert outcome.reasons == [("page", f"{BROKEN}; taken without it"), ("empty", f"{BROKEN}; taken without it")]


def test_an_item_that_has_nothing_but_a_broken_picture_is_refused(fake: FakeService, ingest: Callable[..., Outcome]) -> None:
    outcome = ingest({"item_id": "page", "image": "page.jpg"})

    ((item_id, reason),) = outcome.reasons
    assert (outcome.created, outcome.refused, outcome.incomplete, fake.items) == (0, 1, 0, {})
    assert item_id == "page"
    assert reason.startswith(f"{BROKEN}; and without it, the item has no picture")


def test_a_picture_that_is_over_the_limit_of_bodies_is_left_out(
    fake: FakeService, ingest: Callable[..., Outcome], monkeypatch: pytest.MonkeyPatch
) -> None:
    large, take = httpx.Response(413, json={"detail": "the body is over the limit"}), FakeService.answer
    monkeypatch.setattr(
        FakeService, "answer", lambda self, request: large if b"image_base64" in request.content else take(self, request)
    )

    outcome = ingest({"item_id": "large", "title": "Mug", "image": "fine.jpg"})

    assert (outcome.created, outcome.incomplete) == (1, 1)
    assert outcome.reasons == [("large", "the body is over the limit; taken without it")]


def test_dates_and_hidden_are_the_items_own_and_no_attributes(fake: FakeService, ingest: Callable[..., Outcome]) -> None:
    day = {"item_id": "day", "title": "Mug", "published_at": "2026-01-31", "expires_at": "2026-02-28 12:00:00+01", "hidden": True}

    first = ingest(day, {"item_id": "blank", "title": "Cup", "expires_at": "", "hidden": ""}, {"item_id": "none", "title": "Oar"})
    posted, calls = dict(fake.items), [(method, path) for method, path, _ in fake.calls]
    ingest({**day, "hidden": "false"}, {"item_id": "new", "title": "Sail", "hidden": "0"})

    dates = {name: {at: body[at] for at in ("published_at", "expires_at") if at in body} for name, body in posted.items()}
    assert dates == {
        "day": {"published_at": "2026-01-31T00:00:00+00:00", "expires_at": "2026-02-28T12:00:00+01:00"},
        "blank": {"expires_at": None},
        "none": {},
    }
    assert not any(body["attributes"] for body in posted.values())
    assert (first.created, calls) == (3, [("GET", "/health/ready"), ("POST", "/items/batch")])
    assert {name: body["hidden"] for name, body in posted.items() if "hidden" in body} == {"day": True}
    assert {name: fake.items[name]["hidden"] for name in ("day", "new")} == {"day": False, "new": False}


def test_a_date_or_hidden_that_is_none_is_not_made_up(fake: FakeService, ingest: Callable[..., Outcome]) -> None:
    """The date goes to the service as it stands, which refuses it; whether to hide an item is asked before it is posted."""
    outcome = ingest(
        {"item_id": "year", "title": "Mug", "published_at": 2026},
        {"item_id": "milliseconds", "title": "Cup", "published_at": 1767122560000},
        {"item_id": "maybe", "title": "Oar", "hidden": "maybe"},
    )

    assert [fake.items[name]["published_at"] for name in ("year", "milliseconds")] == ["2026", "1767122560000"]
    assert outcome.reasons == [("maybe", "hidden: it must be true or false, and is 'maybe'")]
    assert "maybe" not in fake.items


@pytest.mark.parametrize("status", [401, 403])
def test_without_the_right_key_it_stops_at_the_first_item(
    fake: FakeService,
    ingest: Callable[..., Outcome],
    tmp_path: Path,
    status: int,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """In one sentence, which says where the key is taken from."""
    fake.refusal = httpx.Response(status, json={"detail": "this call needs an API key"})
    with pytest.raises(CallFailed):
        ingest(*({"item_id": f"item-{at}", "title": "Mug"} for at in range(50)))
    posted = len(fake.calls)

    monkeypatch.setattr("sys.argv", ["thaw", "ingest", str(tmp_path)])
    with pytest.raises(SystemExit, match="1"):
        main()

    assert posted < 10
    assert capsys.readouterr().err.splitlines()[-1] == (
        "error: this call needs an API key; `thaw` sends the key that THAW_API_KEY holds"
    )


def test_many_items_share_a_call_and_each_is_answered_for_itself(fake: FakeService, ingest: Callable[..., Outcome]) -> None:
    titles = ["Mug"] * 7 + [""] + ["Cup"] * 31  # one without anything to read
    outcome = ingest(*({"item_id": f"item-{at}", "title": title, "kind": "good"} for at, title in enumerate(titles)))

    assert (outcome.created, [item_id for item_id, _ in outcome.reasons]) == (38, ["item-7"])
    assert [len(bodies) for _, path, bodies in fake.calls if path == "/items/batch"] == [8, 8, 8, 8, 7]


def test_a_call_that_is_too_large_is_made_again_for_each_item(
    fake: FakeService, ingest: Callable[..., Outcome], monkeypatch: pytest.MonkeyPatch
) -> None:
    large, answer = httpx.Response(413, json={"detail": "the body is over the limit"}), FakeService.answer
    monkeypatch.setattr(
        FakeService, "answer", lambda self, request: large if request.content.count(b"\n") else answer(self, request)
    )

    outcome = ingest(*({"item_id": f"item-{at}", "title": "Mug"} for at in range(3)))

    assert (outcome.created, outcome.reasons, len(fake.items)) == (3, [], 3)


def test_large_pictures_do_not_share_a_call(
    fake: FakeService, ingest: Callable[..., Outcome], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("service.commands.ingest_folder._MOST_PICTURES", 10)  # characters: `fine` has 8
    outcome = ingest(*({"item_id": f"item-{at}", "title": "Mug", "image": "fine.jpg"} for at in range(3)))

    assert outcome.created == 3
    assert [len(bodies) for _, path, bodies in fake.calls if path == "/items/batch"] == [1, 1, 1]


def test_vectors_that_the_service_reads_are_posted_and_others_left_out(
    fake: FakeService, ingest: Callable[..., Outcome], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("smell", "sound", "text"):
        write_vectors(tmp_path, name, {"mug": np.array([1.5, -2.0], np.float32)})

    outcome = ingest({"item_id": "mug", "title": "Mug"}, {"item_id": "cup", "title": "Cup"})

    assert (outcome.created, outcome.refused) == (2, 0)
    assert fake.items["mug"]["vectors"] == {"sound": [1.5, -2.0]}
    assert "vectors" not in fake.items["cup"]
    assert "reads no such vectors: smell, text" in capsys.readouterr().err

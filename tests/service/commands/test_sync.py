"""`thaw ingest --sync`: the catalogue follows a folder, and never loses much of itself by mistake."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from service.client import Client
from service.commands.ingest_folder import ingest_folder
from service.commands.sync_folder import REASON, SyncRefused, sync_folder
from tests.fakes import draw_jpeg
from tests.processes import thaw_process
from tests.service.serving.test_process import run_thaw

pytestmark = pytest.mark.slow
USER = "words-sailing-01"


@pytest.fixture(scope="module")
def url(checkpoint_path: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with thaw_process(checkpoint_path, tmp_path_factory.mktemp("sync")) as service:
        yield service.url


@pytest.fixture
def client(url: str) -> Iterator[Client]:
    """A client of a service with an empty catalogue."""
    with Client(url) as client:
        for item in list(client.items()):
            client.delete_item(item["item_id"])
        yield client


def write(folder: Path, *numbers: int) -> Path:
    folder.mkdir(exist_ok=True)
    rows = [{"item_id": f"item-{at}", "title": f"Sailboat mug {at}"} for at in numbers]
    (folder / "items.jsonl").write_text("\n".join(map(json.dumps, rows)))
    return folder


def sync(folder: Path, url: str, *, force: bool = False) -> tuple[int, int, int, int]:
    outcome = sync_folder(folder, url=url, split=None, workers=4, force=force)
    return outcome.posted.created, outcome.posted.replaced, outcome.hidden, outcome.shown


def listed(client: Client) -> set[str]:
    return {hit["item_id"] for hit in client.recommend(USER, k=500)["items"]}


def states(client: Client) -> dict[str, Any]:
    return {item["item_id"]: (item["hidden"], item["hidden_reason"], item["updated_at"]) for item in client.items()}


def test_what_is_absent_is_hidden_and_shown_when_it_is_back(client: Client, url: str, tmp_path: Path) -> None:
    folder = tmp_path / "shop"
    first = sync(write(folder, *range(10)), url)
    second = sync(write(folder, *range(2, 11)), url)
    hidden, gone = states(client), listed(client)
    third = sync(write(folder, *range(11)), url)

    assert (first, second, third) == ((10, 0, 0, 0), (1, 8, 2, 0), (0, 11, 0, 2))
    assert {item_id for item_id, state in hidden.items() if state[:2] == (True, REASON)} == {"item-0", "item-1"}
    assert gone == {f"item-{at}" for at in range(2, 11)}
    assert listed(client) == {f"item-{at}" for at in range(11)}


def test_more_than_a_fifth_is_not_hidden_unless_forced(client: Client, url: str, tmp_path: Path) -> None:
    folder = tmp_path / "shop"
    sync(write(folder, *range(10)), url)
    before = states(client)
    write(folder, *range(3, 20))

    with pytest.raises(SyncRefused, match=r"3 of 10 visible items .* --force"):
        sync(folder, url)
    refused = run_thaw("ingest", str(folder), "--url", url, "--sync")
    untouched = states(client)
    forced = run_thaw("ingest", str(folder), "--url", url, "--sync", "--force")

    assert untouched == before
    assert (refused.returncode, "3 of 10" in refused.stderr, "Traceback" in refused.stderr) == (1, True, False)
    assert (forced.returncode, forced.stdout.strip()) == (0, "10 new, 7 replaced, 0 refused, 3 hidden, 0 shown again")
    assert listed(client) == {f"item-{at}" for at in range(3, 20)}


def test_what_was_hidden_or_expired_before_does_not_count_and_what_was_hidden_by_hand_stays(
    client: Client, url: str, tmp_path: Path
) -> None:
    folder = write(tmp_path / "shop", *range(10))
    sync(folder, url)
    client.change_item("item-0", hidden=True, hidden_reason="recalled")
    client.change_item("item-1", expires_at="2020-01-01T00:00:00Z")

    outcome = sync(write(folder, 0, *range(2, 10)), url)

    assert outcome == (0, 9, 0, 0)
    assert states(client)["item-0"][:2] == (True, "recalled")
    assert states(client)["item-1"][:2] == (False, "")


def test_an_item_that_is_back_and_whose_row_hides_it_stays_hidden(client: Client, url: str, tmp_path: Path) -> None:
    folder = write(tmp_path / "shop", *range(10))
    sync(folder, url)
    sync(write(folder, *range(1, 10)), url)
    row = {"item_id": "item-0", "title": "x", "hidden": True, "published_at": "2026-01-31"}
    table = write(folder, *range(1, 10)) / "items.jsonl"
    table.write_text(f"{table.read_text()}\n{json.dumps(row)}")

    outcome = sync(folder, url)

    assert outcome == (0, 10, 0, 0)
    assert states(client)["item-0"][:2] == (True, "")
    assert client.get_item("item-0")["published_at"] == "2026-01-31T00:00:00.000+00:00"


def test_an_item_whose_row_is_refused_is_not_hidden(client: Client, url: str, tmp_path: Path) -> None:
    """It is in the folder: what is wrong with it is no reason to take it out of the shop."""
    folder = write(tmp_path / "shop", *range(10))
    sync(folder, url)
    (folder / "bad.jpg").write_bytes(draw_jpeg()[:50])
    rows = [{"item_id": f"item-{at}", "title": "x"} for at in range(8)]
    rows += [{"item_id": "item-8"}, {"item_id": "item-9", "image": "bad.jpg"}]
    (folder / "items.jsonl").write_text("\n".join(map(json.dumps, rows)))

    outcome = sync_folder(folder, url=url, split=None, workers=2, force=False)

    assert (outcome.posted.replaced, outcome.hidden, outcome.posted.refused) == (8, 0, 2)
    assert len(listed(client)) == 10


def test_ingesting_the_same_folder_again_says_replaced(client: Client, url: str, tmp_path: Path) -> None:
    folder = write(tmp_path / "shop", *range(5))

    first = ingest_folder(folder, url=url, split=None, workers=2)
    again = ingest_folder(folder, url=url, split=None, workers=2)

    assert (first.created, first.replaced, again.created, again.replaced) == (5, 0, 0, 5)


def test_the_client_posts_many_items_in_one_call(client: Client) -> None:
    items = [{"item_id": f"item-{at}", "title": "x"} for at in range(40)] + [{"item_id": "bad"}]

    results = client.put_items(items)

    assert [result["status"] for result in results] == [201] * 40 + [422]
    assert results[-1]["problem"]["field"] == "content"
    assert len(listed(client)) == 40


def test_the_client_gets_items_by_their_ids_however_many(client: Client) -> None:
    client.put_items([{"item_id": f"item-{at}", "title": f"Mug {at}"} for at in (3, 1, 190)])

    found = client.get_items([f"item-{at}" for at in range(200)])

    assert {item_id: item["title"] for item_id, item in found.items()} == {
        "item-1": "Mug 1",
        "item-3": "Mug 3",
        "item-190": "Mug 190",
    }
    assert client.get_items([]) == {}


def test_the_client_posts_an_item_hidden_and_leaves_it_so(client: Client) -> None:
    posted = client.put_item("a", title="Sailboat mug", hidden=True)
    again = client.put_item("a", title="Anchor mug")
    unseen = listed(client)
    shown = client.put_item("a", title="Anchor mug", hidden=False)

    assert [item["hidden"] for item in (posted, again, shown)] == [True, True, False]
    assert (unseen, listed(client)) == (set(), {"a"})


def test_lines_are_told_apart_by_newlines_alone(client: Client, url: str, tmp_path: Path) -> None:
    """Unicode has other characters at which lines end; ids and problems may hold them."""
    posted = client.put_items([{"item_id": "a\u2028b", "title": "Sailboat mug"}, {"item_id": "c", "title": "x", "d\u2029e": 1}])
    rows = [{"item_id": f"item\u0085{at}", "title": "Sailboat mug"} for at in range(3)]
    (tmp_path / "items.jsonl").write_text("\n".join(map(json.dumps, rows)))

    outcome = ingest_folder(tmp_path, url=url, split=None, workers=2)

    assert [one["status"] for one in posted] == [201, 422]
    assert client.get_item("a\u2028b")["item_id"] == "a\u2028b"
    assert outcome.created + outcome.refused == 3

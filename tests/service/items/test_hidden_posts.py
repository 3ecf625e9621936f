"""An item may be posted hidden: no list has it, not for a moment."""

import asyncio
import json
from collections.abc import Iterable
from typing import Any

import httpx
import pytest

from service.commands.sync_folder import REASON
from service.index.protocol import Entry
from tests.conftest import ClientMaker
from tests.service.changing import patch, read
from tests.service.http.test_bad_input import assert_problem
from tests.service.items.test_items import listed, post
from tests.service.settling import running

pytestmark = pytest.mark.anyio
WORDS = {"title": "Sailboat mug", "text": "Rope and salt"}


def lines(*items: dict[str, Any]) -> dict[str, Any]:
    content = "\n".join(map(json.dumps, items))
    return {"url": "/items/batch", "content": content, "headers": {"content-type": "application/x-ndjson"}}


HIDDEN = {"item_id": "a", **WORDS, "hidden": True}
POSTS: dict[str, dict[str, Any]] = {
    "json": {"url": "/items", "json": HIDDEN},
    "form": {"url": "/items", "files": {name: (None, value) for name, value in {**HIDDEN, "hidden": "true"}.items()}},
    "batch": {"url": "/items/batch", "json": {"items": [HIDDEN]}},
    "lines": lines(HIDDEN),
}


@pytest.fixture
def entered(client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Ids of all that ever enters the index."""
    seen, index = list[str](), running(client).index
    put = index.put

    def note(entries: Iterable[Entry]) -> None:
        kept = list(entries)
        seen.extend(entry.item_id for entry in kept)
        put(kept)

    monkeypatch.setattr(index, "put", note)
    return seen


@pytest.mark.parametrize("sent", POSTS.values(), ids=list(POSTS))
async def test_an_item_that_is_posted_hidden_never_enters_the_index(
    client: httpx.AsyncClient, entered: list[str], sent: dict[str, Any]
) -> None:
    answer = await client.post(**sent)
    await post(client, item_id="b", **WORDS)

    item = await read(client, "a")
    assert answer.is_success
    assert (item["hidden"], item["hidden_reason"], item["searchable"], item["title"]) == (True, "", False, WORDS["title"])
    assert (entered, await listed(client)) == (["b"], ["b"])

    await patch(client, "a", hidden=False)

    assert sorted(await listed(client)) == ["a", "b"]


async def test_it_is_in_no_list_after_a_restart_either(service: ClientMaker) -> None:
    async with service().client() as client:
        await post(client, **HIDDEN)

    async with service().client() as client:
        unseen, item = await listed(client), await read(client, "a")
        shown = await post(client, **{**HIDDEN, "hidden": False})

        assert (unseen, item["hidden"], shown.json()["searchable"]) == ([], True, True)
        assert await listed(client) == ["a"]


@pytest.mark.parametrize("words", [WORDS, {"title": "Other words"}], ids=["same words", "other words"])
async def test_a_post_that_does_not_name_it_leaves_it_as_it_was(client: httpx.AsyncClient, words: dict[str, str]) -> None:
    """Hidden by a post or by hand, with the reason that it had; and what is shown stays shown."""
    await post(client, **HIDDEN)
    await post(client, item_id="by hand", **WORDS)
    await patch(client, "by hand", hidden=True, hidden_reason="recalled")
    await post(client, item_id="shown", **WORDS)

    again = [(await post(client, item_id=name, **words)).json() for name in ("a", "by hand", "shown")]

    assert [(item["hidden"], item["hidden_reason"]) for item in again] == [(True, ""), (True, "recalled"), (False, "")]
    assert await listed(client) == ["shown"]


@pytest.mark.parametrize("words", [WORDS, {"title": "Other words"}], ids=["same words", "other words"])
@pytest.mark.parametrize("hidden", [True, False])
async def test_a_post_that_names_it_does_as_a_patch_does(client: httpx.AsyncClient, words: dict[str, str], hidden: bool) -> None:
    """Where a sync had hidden it, it is the post that hides it now: no later sync shows it again."""
    for name in ("posted", "patched"):
        await post(client, item_id=name, **WORDS)
        await patch(client, name, hidden=True, hidden_reason=REASON)

    posted = (await post(client, item_id="posted", **words, hidden=hidden)).json()
    patched = (await patch(client, "patched", hidden=hidden)).json()

    assert (posted["hidden"], posted["hidden_reason"]) == (patched["hidden"], patched["hidden_reason"]) == (hidden, "")
    assert sorted(await listed(client)) == ([] if hidden else ["patched", "posted"])


async def test_of_an_item_that_is_shown_a_hidden_post_leaves_nothing_in_lists(
    client: httpx.AsyncClient, entered: list[str]
) -> None:
    await post(client, item_id="a", **WORDS)
    entered.clear()

    await post(client, **{**HIDDEN, "title": "Other words"})

    assert (entered, await listed(client)) == ([], [])


async def test_what_is_hidden_by_hand_while_a_post_is_encoded_stays_hidden(client: httpx.AsyncClient) -> None:
    await post(client, item_id="a", **WORDS)
    posted = post(client, item_id="a", title="Other words")

    await asyncio.gather(posted, patch(client, "a", hidden=True, hidden_reason="recalled"))

    item = await read(client, "a")
    assert (item["title"], item["hidden"], item["hidden_reason"]) == ("Other words", True, "recalled")


@pytest.mark.parametrize("hidden", [None, "true", 1, []])
async def test_what_is_neither_true_nor_false_is_refused(client: httpx.AsyncClient, hidden: object) -> None:
    assert_problem(await client.post("/items", json={"item_id": "a", **WORDS, "hidden": hidden}), 422, "hidden")
    assert (await client.get("/items/a")).status_code == 404


@pytest.mark.parametrize("hidden", ["", "True", "yes", "1", "null"])
async def test_a_form_that_says_neither_is_refused(client: httpx.AsyncClient, hidden: str) -> None:
    answer = await client.post("/items", files={"item_id": (None, "a"), "title": (None, "x"), "hidden": (None, hidden)})

    assert_problem(answer, 422, "hidden")
    assert (await client.get("/items/a")).status_code == 404

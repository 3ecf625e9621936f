"""The store keeps what it acknowledged, and tells of it in order."""

import sqlite3
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import sqlalchemy as sa

from service.errors import PreconditionFailed, SettingsError, StoreInUse, StoreUnavailable
from service.store.preconditions import Precondition
from service.store.records import Change, Deleted, Put, StoredEmbedding, StoredFeatures, StoredItem, Writing
from service.store.store import Store

SPACE = "space-1"


def item(item_id: str, title: str = "a title") -> StoredItem:
    embedding = StoredEmbedding(SPACE, np.array([1, 2], np.float32), {"gate": {"text": 1.0}})
    return StoredItem(item_id, title, "words", {"price": 1.5, "old": None}, {"text": StoredFeatures("f", b"\0\1")}, embedding)


@pytest.fixture
def changes() -> list[Change]:
    return []


@pytest.fixture
def store(tmp_path: Path, changes: list[Change]) -> Iterator[Store]:
    store = Store(f"sqlite:///{tmp_path}/s.sqlite", changes.extend)
    yield store
    store.close()


def test_an_item_comes_back_as_it_was_put(store: Store) -> None:
    change = store.put(item("a")).result(10)

    found = store.get("a", SPACE)

    assert change.created
    assert found is not None
    assert found.embedding is not None
    assert found.embedding.vector.tolist() == [1.0, 2.0]
    assert (found.title, found.attributes, found.features["text"].data) == ("a title", {"price": 1.5, "old": None}, b"\0\1")
    assert found.created_at == found.updated_at > 0


def test_put_again_replaces_and_keeps_the_first_date(store: Store) -> None:
    first = store.put(item("a")).result(10)
    second = store.put(item("a", "new title")).result(10)

    assert not second.created
    assert second.item.created_at == first.item.created_at
    assert second.item.updated_at >= first.item.updated_at
    assert store.count() == 1


def test_deleting_removes_all_of_an_item(store: Store) -> None:
    store.put(item("a")).result(10)

    change = store.delete("a").result(10)

    assert change == Deleted("a", existed=True)
    assert store.get("a", SPACE) is None
    assert list(store.embeddings(SPACE)) == []
    assert store.delete("a").result(10) == Deleted("a", existed=False)


def test_changes_are_told_once_each_in_commit_order(store: Store, changes: list[Change]) -> None:
    futures = [store.put(item(f"item-{i}")) for i in range(50)] + [store.delete("item-3")]
    for future in futures:
        future.result(10)

    told = [c.item.item_id if isinstance(c, Put) else c.item_id for c in changes if isinstance(c, (Put, Deleted))]
    assert len(told) == len(changes)
    assert told == [f"item-{i}" for i in range(50)] + ["item-3"]


def test_one_write_that_cannot_be_done_does_not_take_the_others_with_it(store: Store) -> None:
    bad = StoredItem("bad", attributes={"x": object()})  # type: ignore[dict-item]

    futures = [store.put(item("a")), store.put(bad), store.put(item("b"))]

    assert isinstance(futures[0].result(10), Put)
    assert futures[1].exception(10) is not None
    assert isinstance(futures[2].result(10), Put)
    assert store.count() == 2


def wait_until(holds: Callable[[], bool], seconds: float = 30.0) -> bool:
    deadline = time.monotonic() + seconds
    while not holds() and time.monotonic() < deadline:
        time.sleep(0.001)
    return holds()


def test_a_refused_write_leaves_the_others_in_their_commit(tmp_path: Path) -> None:
    """A commit is what a write waits for: one that is refused must not cost each of the others one of its own."""
    commits: list[list[str]] = []
    store = Store(f"sqlite:///{tmp_path}/s.sqlite", lambda changes: commits.append([c.item.item_id for c in changes]))  # type: ignore[union-attr]
    stale = Precondition(frozenset({"no-such-revision"}))
    try:
        with store.paused():
            first = store.put(item("first"))  # the writer takes it alone, and waits
            assert wait_until(lambda: not store.waiting)
            futures: list[Future[Put] | Future[Deleted]] = [
                store.put(item("a")),
                store.delete("a", stale),
                store.put(item("b")),
                store.put(item("c"), Writing(stale)),
            ]
        first.result(10)
        errors = [future.exception(10) for future in futures]
    finally:
        store.close()

    assert [type(error) for error in errors] == [type(None), PreconditionFailed, type(None), PreconditionFailed]
    assert commits == [["first"], ["a", "b"]]


def test_a_change_that_could_not_be_followed_is_remembered(tmp_path: Path) -> None:
    def fail(_changes: Sequence[Change]) -> None:
        raise ValueError("a mistake")

    store = Store(f"sqlite:///{tmp_path}/s.sqlite", fail)
    try:
        assert not store.is_ahead
        with pytest.raises(ValueError, match="a mistake"):
            store.put(item("a")).result(10)
        assert store.is_ahead
    finally:
        store.close()


def test_a_write_on_a_condition_happens_only_where_it_holds(store: Store) -> None:
    first = store.put(item("a")).result(10).item
    second = store.put(item("a", "second")).result(10).item
    stale, current = Precondition(frozenset({first.revision})), Precondition(frozenset({second.revision}))

    for condition in (stale, Precondition(absent=True)):
        with pytest.raises(PreconditionFailed):
            store.put(item("a", "third"), Writing(condition)).result(10)
        with pytest.raises(PreconditionFailed):
            store.delete("a", condition).result(10)
    with pytest.raises(PreconditionFailed):
        store.put(item("b"), Writing(Precondition(frozenset({"*"})))).result(10)
    unchanged = store.get("a", SPACE)

    assert unchanged is not None
    assert (unchanged.title, unchanged.revision, store.count()) == ("second", second.revision, 1)
    assert store.put(item("a", "third"), Writing(current)).result(10).item.title == "third"


def test_an_item_stays_hidden_until_a_write_says_otherwise(store: Store) -> None:
    hidden = replace(item("a"), hidden=True, hidden_reason="recalled")
    store.put(hidden).result(10)

    kept = store.put(item("a", "second")).result(10).item
    shown = store.put(item("a"), Writing(keeps=frozenset())).result(10).item

    assert (kept.title, kept.hidden, kept.hidden_reason) == ("second", True, "recalled")
    assert (shown.hidden, shown.hidden_reason) == (False, "")


def test_heads_say_all_of_an_item_but_features_and_embedding(store: Store) -> None:
    """What the index needs to know beside the embeddings, with one read for many items."""
    plain = store.put(replace(item("plain"), attributes={"price": 2})).result(10).item
    store.put(replace(item("hidden"), hidden=True)).result(10)
    store.put(replace(item("expires"), expires_at=7.0)).result(10)

    heads = store.heads(["plain", "hidden", "expires", "nobody"])

    assert heads["plain"] == replace(plain, features={}, embedding=None)
    assert {name: (head.hidden, head.expires_at) for name, head in heads.items()} == {
        "plain": (False, None),
        "hidden": (True, None),
        "expires": (False, 7.0),
    }


def test_a_thumbnail_stays_while_the_pictures_do(store: Store) -> None:
    store.put(replace(item("a"), pictures="one"), Writing(thumbnail=b"small")).result(10)
    store.put(replace(item("a", "other words"), pictures="one")).result(10)
    kept = store.thumbnail("a")
    store.put(replace(item("a"), pictures="two"), Writing(thumbnail=b"other")).result(10)
    replaced = store.thumbnail("a")
    store.put(item("a")).result(10)

    assert (kept, replaced, store.thumbnail("a"), store.thumbnail("nobody")) == (b"small", b"other", None, None)


def test_pages_follow_each_other_without_gaps(store: Store) -> None:
    for i in range(7):
        store.put(item(f"item-{i}")).result(10)

    first = store.page(after=None, limit=4, space=SPACE)
    second = store.page(after=first[-1].item_id, limit=4, space=SPACE)

    assert [one.item_id for one in first + second] == [f"item-{i}" for i in range(7)]


def test_many_items_are_read_in_the_order_asked_for_by_a_few_queries(store: Store) -> None:
    """A swap reads what changed while writes wait."""
    futures = [store.put(item(f"item-{at}")) for at in range(900)]
    put = [future.result(10).item for future in futures]
    queries: list[str] = []
    sa.event.listen(store._engine, "before_cursor_execute", lambda *told: queries.append(told[2]))

    found = store.some([*(one.item_id for one in reversed(put)), "nobody"], SPACE)

    assert [one.item_id for one in found] == [one.item_id for one in reversed(put)]
    assert all(one.embedding is not None and one.features for one in found)
    assert store.heads([one.item_id for one in put]).keys() == {one.item_id for one in put}
    assert len([query for query in queries if query.startswith("SELECT")]) <= 12


def test_items_without_an_embedding_in_a_space_are_found(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("service.store.store._ITEMS_AT_ONCE", 2)
    for i in range(5):
        store.put(item(f"item-{i}")).result(10)
    placed = replace(store.some(["item-2"], SPACE)[0], embedding=StoredEmbedding("space-2", np.zeros(2, np.float32), {}))
    store.put_embeddings([placed])

    lacking = [one.item_id for batch in store.without_embedding("space-2") for one in batch]

    assert lacking == ["item-0", "item-1", "item-3", "item-4"]


def test_a_second_process_on_the_same_store_is_refused(tmp_path: Path, store: Store) -> None:
    with pytest.raises(StoreInUse, match="THAW_STORE_URL"):
        Store(f"sqlite:///{tmp_path}/s.sqlite", lambda changes: None)


def test_a_link_is_the_store_that_it_leads_to(tmp_path: Path, store: Store) -> None:
    (tmp_path / "link.sqlite").symlink_to(tmp_path / "s.sqlite")
    (tmp_path / "folder").symlink_to(tmp_path)

    for path in ("link.sqlite", "folder/s.sqlite"):
        with pytest.raises(StoreInUse, match=path):
            Store(f"sqlite:///{tmp_path}/{path}", lambda changes: None)


def test_a_reopened_store_has_what_was_acknowledged(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/again.sqlite"
    store = Store(url, lambda changes: None)
    store.put(item("a")).result(10)
    store.close()

    again = Store(url, lambda changes: None)

    assert again.get("a", SPACE) is not None
    again.close()


def test_a_store_of_a_newer_version_is_refused(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/new.sqlite"
    Store(url, lambda changes: None).close()
    with sqlite3.connect(tmp_path / "new.sqlite") as database:
        database.execute("UPDATE meta SET value = '99' WHERE key = 'schema_version'")
    database.close()

    with pytest.raises(StoreUnavailable, match="version 99"):
        Store(url, lambda changes: None)


def test_a_store_that_cannot_be_written_is_said_in_a_sentence() -> None:
    with pytest.raises(StoreUnavailable, match="/proc"):
        Store("sqlite:////proc/nowhere/s.sqlite", lambda changes: None)


def test_writes_are_flushed_to_the_disk(store: Store) -> None:
    """synchronous=FULL in WAL mode: an acknowledged write survives a power cut."""
    with store._engine.connect() as connection:
        assert connection.exec_driver_sql("PRAGMA synchronous").scalar() == 2
        assert connection.exec_driver_sql("PRAGMA journal_mode").scalar() == "wal"


@pytest.mark.parametrize(
    ("url", "told"),
    [
        ("thaw.sqlite", "write it as sqlite:///thaw.sqlite"),
        ("sqlite:///file:/data/s.sqlite?uri=true", "write it as sqlite:///thaw.sqlite"),
        ("postgresql://shop/thaw", "names a postgresql database, and SQLite alone is served: write it as sqlite:///thaw.sqlite"),
        ("nosuchdatabase://shop/thaw", "SQLite alone is served"),
        ("sqlite+nosuchdriver:///thaw.sqlite", "cannot be opened here"),
    ],
)
def test_a_url_that_names_no_store_is_refused_in_a_sentence(
    url: str, told: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)

    with pytest.raises(SettingsError, match=told):
        Store(url, lambda _: None)

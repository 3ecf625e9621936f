"""The number of a checkpoint's last event means something in the store that gave it, and in no other."""

import sqlite3
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from model.checkpoint import Checkpoint, save_checkpoint
from service.commands.compare import _ledger, judge
from service.settings import Settings
from service.space import Space
from service.store.event_records import NewEvent
from service.store.events import EventLog
from service.store.snapshot import open_snapshot
from service.store.store import Store
from service.thawing.reactions import Rules
from tests.conftest import ClientMaker
from tests.service.sending import event, post_items, scores, send
from tests.service.settling import running, swap
from tests.service.swapping import serving

pytestmark = pytest.mark.anyio
Retrained = Callable[..., None]


@pytest.fixture
def retrained(space: Space, monkeypatch: pytest.MonkeyPatch) -> Retrained:
    """Makes the checkpoint that serves one that was trained on so many events of a store."""

    def retrain(through: int, store_id: str | None) -> None:
        manifest = replace(space.manifest, events_through=through, store_id=store_id)
        monkeypatch.setattr(space, "manifest", manifest)

    return retrain


def liked_pair(checkpoint: Checkpoint) -> tuple[str, str]:
    """A user and an item that it liked in training."""
    kept = checkpoint.interactions
    item = next(kept.items[at] for at in range(kept.indptr[1]) if kept.weights[at] > 0)
    return checkpoint.user_ids[0], checkpoint.item_ids[item]


def id_of(path: Path) -> str:
    store = Store(f"sqlite:///{path}", lambda changes: None)
    store.close()
    return store.store_id


async def moved_by(context: ClientMaker, checkpoint: Checkpoint, name: str) -> bool:
    """Whether a return of what a user liked in training moves the user."""
    user, item = liked_pair(checkpoint)
    async with context().client() as client:
        await post_items(client, "a", "b")
        before = await scores(client, user)
        await send(client, event(name, user, item, "return"))
        return await scores(client, user) != before


def test_a_store_keeps_its_id_and_another_one_has_another(tmp_path: Path) -> None:
    first, again, other = id_of(tmp_path / "a.sqlite"), id_of(tmp_path / "a.sqlite"), id_of(tmp_path / "b.sqlite")

    assert first == again != other


async def test_in_another_store_every_event_counts(
    service: ClientMaker, checkpoint: Checkpoint, retrained: Retrained, tmp_path: Path
) -> None:
    """Also those that are there already when the checkpoint comes."""
    assert await moved_by(service, checkpoint, "e1")
    retrained(1000, "another store")

    async with service().client() as client:
        assert running(client).store.trained_through == 0
        assert running(client).ledger.tables.number(liked_pair(checkpoint)[0]) > 0


@pytest.mark.parametrize("named", [True, False])
async def test_what_comes_into_a_restored_store_counts(
    service: ClientMaker, checkpoint: Checkpoint, retrained: Retrained, tmp_path: Path, named: bool
) -> None:
    """Its backup is older than the training, so it has fewer events; a checkpoint of an older version does not name the store."""
    retrained(1000, id_of(tmp_path / "store.sqlite") if named else None)

    assert await moved_by(service, checkpoint, "e1")
    with sqlite3.connect(tmp_path / "store.sqlite") as database:
        assert database.execute("SELECT number FROM events").fetchall() == [(1001,)]
    database.close()


async def test_a_swap_numbers_later_events_above_those_of_the_training(
    space: Space, other: Checkpoint, settings: Settings, tmp_path: Path
) -> None:
    manifest = replace(other.manifest, events_through=50, store_id=id_of(tmp_path / "store.sqlite"))
    save_checkpoint(replace(other, manifest=manifest), tmp_path / "next")

    async with serving(space, settings) as client:
        await post_items(client, "a")
        await send(client, event("e1"))
        await swap(client, tmp_path / "next")
        await send(client, event("e2"))
        through = running(client).store.trained_through

    assert through == 50
    with sqlite3.connect(tmp_path / "store.sqlite") as database:
        assert database.execute("SELECT number FROM events").fetchall() == [(1,), (51,)]
    database.close()


@pytest.mark.parametrize(("its_own", "through"), [(True, 2), (False, 0)])
def test_a_comparison_counts_what_a_service_would_count(
    space: Space, checkpoint: Checkpoint, retrained: Retrained, tmp_path: Path, its_own: bool, through: int
) -> None:
    url, (user, item) = f"sqlite:///{tmp_path}/s.sqlite", liked_pair(checkpoint)
    store = Store(url, lambda changes: None)
    EventLog(store).add([NewEvent(name, user, item, "hide", 1e9) for name in ("e1", "e2")]).result(10)
    store.close()
    retrained(2, store.store_id if its_own else "another store")

    with open_snapshot(url) as snapshot:
        ledger = _ledger(space, judge(snapshot, [], Rules().liking), Rules())

    assert ledger.trained_through == through
    assert ledger.tables.knows(user) is not its_own


def test_a_manifest_without_a_store_is_written_as_before_there_were_any(checkpoint: Checkpoint) -> None:
    assert b"store_id" not in checkpoint.manifest.to_bytes()

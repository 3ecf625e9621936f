"""A checkpoint that is to take over and does not, and what a restart finds."""

import asyncio
import json
import random
from pathlib import Path

import pytest
from pydantic import SecretStr

from model.checkpoint import Checkpoint
from service.errors import SettingsError, StoreUnavailable
from service.items.catalogue import Catalogue
from service.serving.configured import choose_checkpoint, open_configured_space
from service.serving.swap import Swapper
from service.settings import Settings
from service.space import Space
from service.users.embeddings import Users
from tests.service.changing import counted
from tests.service.settling import running, settle, swap, swapper
from tests.service.swapping import SOME, USERS, held, serving, spaces_in
from tests.service.thawing.test_exactness import lists, make_events, make_items, post

pytestmark = pytest.mark.anyio
FAILED = 'thaw_swaps_total{outcome="failed"}'


def _fail(*_arguments: object) -> None:
    raise StoreUnavailable("the disk is full")


@pytest.mark.parametrize(
    ("owner", "step"),
    [(Swapper, "_open"), (Catalogue, "embed"), (Catalogue, "fill"), (Catalogue, "follow"), (Swapper, "_take_over"), (None, "")],
    ids=["open", "embed", "fill", "follow", "take over", "remember"],
)
async def test_a_failure_at_any_step_leaves_the_old_space_serving(
    space: Space,
    checkpoint: Checkpoint,
    other_path: Path,
    settings: Settings,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    owner: type | None,
    step: str,
) -> None:
    async with serving(space, settings) as client:
        await post(client, make_items(checkpoint)[14:18], make_events(checkpoint, random.Random(6))[:30])
        await settle(client)
        before = await lists(client, USERS[:2])
        with monkeypatch.context() as patch:
            patch.setattr(*(("service.serving.swap.write_active", _fail) if owner is None else (owner, step, _fail)))
            said = await swap(client, other_path)
        again = await lists(client, USERS[:2])
        await post(client, [{"item_id": "after", "title": "Sailboat mug"}], [])
        after = await lists(client, USERS[:1])
        better = await swap(client, other_path)

    assert (said["space"], said["swap"]["state"]) == (checkpoint.version, "failed")
    assert "the disk is full" in said["swap"]["error"]
    assert again == before
    assert "after" in dict(after[USERS[0]])
    assert (better["swap"]["state"], better["swap"]["error"]) == ("done", None)


async def test_a_failed_swap_leaves_nothing_in_the_store(
    space: Space, checkpoint: Checkpoint, other_path: Path, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with serving(space, settings) as client:
        await post(client, make_items(checkpoint)[SOME], [])
        monkeypatch.setattr(Catalogue, "fill", _fail)
        await swap(client, other_path)

        assert spaces_in(settings) == {checkpoint.version}
        assert choose_checkpoint(settings) == settings.checkpoint


async def test_what_goes_wrong_after_a_swap_stops_no_later_one(
    space: Space, checkpoint_path: Path, other: Checkpoint, other_path: Path, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fail(_users: Users) -> None:
        raise OSError("no route to the cache")

    async with serving(space, settings) as client:
        with monkeypatch.context() as patch:
            patch.setattr(Users, "warm", fail)
            first = await swap(client, other_path)
        second = await swap(client, checkpoint_path)

    assert (first["space"], first["swap"]["state"]) == (other.version, "done")
    assert (second["space"], second["swap"]["state"]) == (space.version, "done")


async def test_a_changed_file_is_found_and_named(space: Space, other_path: Path, settings: Settings, tmp_path: Path) -> None:
    changed = tmp_path / "changed"
    changed.mkdir()
    for file in other_path.iterdir():
        (changed / file.name).write_bytes(file.read_bytes())
    (changed / "embeddings.safetensors").write_bytes(b"rubbish")

    async with serving(space, settings) as client:
        before = await counted(client, FAILED)
        said = await swap(client, changed)
        after = await counted(client, FAILED)

    assert (before, after) == (0, 1)
    assert (said["space"], said["swap"]["state"]) == (space.version, "failed")
    assert "embeddings.safetensors" in said["swap"]["error"]


async def test_where_there_is_no_checkpoint_nothing_is_begun(space: Space, settings: Settings, tmp_path: Path) -> None:
    async with serving(space, settings) as client:
        answer = await client.post("/admin/model", json={"checkpoint": str(tmp_path / "nowhere")})
        said = (await client.get("/model")).json()

    assert (answer.status_code, answer.json()["type"]) == (422, "urn:thaw:problem:checkpoint-refused")
    assert "nowhere" in answer.json()["detail"]
    assert (said["space"], said["swap"]["state"]) == (space.version, "idle")


async def test_what_is_wrong_in_a_checkpoint_is_no_field_of_the_request(
    space: Space, other_path: Path, settings: Settings, tmp_path: Path
) -> None:
    later = json.loads((other_path / "manifest.json").read_text()) | {"format_version": 99}
    (tmp_path / "manifest.json").write_text(json.dumps(later))

    async with serving(space, settings) as client:
        answer = await client.post("/admin/model", json={"checkpoint": str(tmp_path)})

    assert (answer.status_code, answer.json()["type"]) == (422, "urn:thaw:problem:checkpoint-refused")
    assert "format_version" in answer.json()["detail"]
    assert "field" not in answer.json()


@pytest.mark.parametrize("name", ["a\0b", "x" * 300])
async def test_a_path_that_no_disk_has_is_refused(space: Space, settings: Settings, tmp_path: Path, name: str) -> None:
    async with serving(space, settings) as client:
        answer = await client.post("/admin/model", json={"checkpoint": str(tmp_path / name)})

    assert (answer.status_code, answer.json()["type"]) == (422, "urn:thaw:problem:checkpoint-refused")
    assert "cannot be read" in answer.json()["detail"]


async def test_a_second_swap_is_refused_while_one_goes_on(
    space: Space, other: Checkpoint, other_path: Path, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with serving(space, settings) as client:
        async with held(monkeypatch, Swapper, "_catch_up") as reached:
            await client.post("/admin/model", json={"checkpoint": str(other_path)})
            await asyncio.to_thread(reached.wait, 60)
            refused = await client.post("/admin/model", json={"checkpoint": str(settings.checkpoint)})
        await swapper(client).finished()
        said = (await client.get("/model")).json()

    assert (refused.status_code, refused.json()["type"]) == (409, "urn:thaw:problem:swap-running")
    assert str(other_path) in refused.json()["detail"]
    assert (said["space"], said["swap"]["state"]) == (other.version, "done")


async def test_a_swap_needs_an_admin_key(space: Space, other_path: Path, settings: Settings) -> None:
    given = settings.model_copy(update={"write_keys": SecretStr("a-write-key-of-a-test")})
    async with serving(space, given) as client:
        body = {"checkpoint": str(other_path)}
        refused = await client.post("/admin/model", json=body, headers={"X-API-Key": "a-write-key-of-a-test"})
        said = (await client.get("/model")).json()

    assert refused.status_code == 403
    assert said["swap"]["state"] == "idle"


async def test_encoders_of_the_same_spec_are_not_loaded_again(space: Space, other_path: Path, settings: Settings) -> None:
    async with serving(space, settings) as client:
        before = dict(running(client).space.tower.encoders)
        await swap(client, other_path)
        after = running(client).space.tower.encoders

    assert [after[name] is encoder for name, encoder in before.items()] == [True] * len(before)


async def test_a_service_that_stops_gives_up_its_swap(
    space: Space, checkpoint: Checkpoint, other_path: Path, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with serving(space, settings) as client:
        await post(client, make_items(checkpoint)[SOME], [])
        async with held(monkeypatch, Catalogue, "fill") as reached:
            await client.post("/admin/model", json={"checkpoint": str(other_path)})
            await asyncio.to_thread(reached.wait, 60)
            closing = asyncio.create_task(swapper(client).close())
            await asyncio.sleep(0)
        await closing
        said = (await client.get("/model")).json()

    assert (said["space"], said["swap"]["state"]) == (checkpoint.version, "failed")


async def test_after_a_restart_the_checkpoint_that_was_swapped_in_serves(
    space: Space, checkpoint: Checkpoint, other: Checkpoint, other_path: Path, settings: Settings
) -> None:
    async with serving(space, settings) as client:
        await post(client, make_items(checkpoint)[SOME], [])
        await swap(client, other_path)
        before = await lists(client, USERS[:2])

    async with serving(open_configured_space(settings), settings) as client:
        after = await lists(client, USERS[:2])

    assert choose_checkpoint(settings) == other_path
    assert {user: dict(hits) for user, hits in after.items()} == {
        user: pytest.approx(dict(hits), abs=1e-5) for user, hits in before.items()
    }


async def test_a_swapped_in_checkpoint_that_is_gone_stops_the_start_unless_told_otherwise(
    space: Space, checkpoint: Checkpoint, other_path: Path, settings: Settings, tmp_path: Path
) -> None:
    moving = tmp_path / "moving"
    moving.mkdir()
    for file in other_path.iterdir():
        (moving / file.name).write_bytes(file.read_bytes())
    async with serving(space, settings) as client:
        await swap(client, moving)
    moving.rename(tmp_path / "moved")
    forced = settings.model_copy(update={"force_checkpoint": True})

    with pytest.raises(SettingsError, match="THAW_FORCE_CHECKPOINT=true") as error:
        open_configured_space(settings)
    async with serving(open_configured_space(forced), forced) as client:
        said = (await client.get("/model")).json()

    assert str(moving) in str(error.value)
    assert said["space"] == checkpoint.version
    assert choose_checkpoint(settings) == settings.checkpoint

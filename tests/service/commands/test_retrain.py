"""The closed loop, against a service in a process of its own."""

import tempfile
from dataclasses import replace
from pathlib import Path
from random import Random
from types import SimpleNamespace

import httpx
import numpy as np
import pytest
from pydantic import SecretStr

from model.checkpoint import load_checkpoint, load_manifest
from model.content import Content
from model.features import row_to_bytes
from model.ties import tie_key
from service.client import CallFailed, Client
from service.commands.compare import Comparison, Judged, compare
from service.commands.export import HoldOut
from service.commands.retrain import Retrained, RetrainFailed, Wishes, _options, retrain, say
from service.errors import StoreUnavailable
from service.serving.configured import choose_checkpoint
from service.settings import Settings
from service.space import Space
from service.store.records import StoredEmbedding, StoredFeatures, StoredItem
from service.thawing.reactions import Rules
from tests.processes import thaw_process
from training.data.demo import DemoItem, DemoUser, make_item, make_users

KEY = "an-admin-key-of-a-test"
WORSE = Comparison(serving=0.5, new=0.4, stderr=0.01, users=60, items=30)


def arrivals(count: int) -> list[DemoItem]:
    chance = Random(9)
    return [make_item(f"shop-{at:03}", at, chance, split="", part=2) for at in range(count)]


def reactions(users: list[DemoUser], items: list[DemoItem], each: int) -> list[dict[str, str]]:
    """Each user is shown some items and likes those to its taste."""
    chance = Random(10)
    met = [(user, item) for user in users for item in chance.sample(items, each)]
    return [
        {
            "event_id": f"r{at}",
            "user_id": user.user_id,
            "item_id": item.item_id,
            "event_type": "like" if user.likes(item) else "impression",
        }
        for at, (user, item) in enumerate(met)
    ]


@pytest.mark.slow
def test_what_was_gathered_trains_a_checkpoint_that_takes_over_unless_it_is_worse(
    checkpoint_path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("THAW_API_KEY", KEY)
    items = arrivals(40)
    settings = Settings(store_url=f"sqlite:///{tmp_path}/store.sqlite", checkpoint=checkpoint_path, admin_keys=SecretStr(KEY))
    with thaw_process(checkpoint_path, tmp_path, ADMIN_KEYS=KEY) as served, Client(served.url) as client:
        wishes = Wishes(served.url, tmp_path / "worse", HoldOut(least_likes=3))
        client.put_items([{"item_id": item.item_id, "title": item.title, "text": item.text} for item in items])
        with pytest.raises(RetrainFailed, match="nothing to compare on"):
            retrain(settings, wishes)
        client.send_events(reactions(make_users(40), items, 12))
        with monkeypatch.context() as patch:
            patch.setattr("service.commands.retrain._compare", lambda *_: WORSE)
            worse = retrain(settings, wishes)
        kept = client.model()["space"]
        done = retrain(settings, replace(wishes, out=tmp_path / "next", force=True))
        states = {item.item_id: client.get_item(item.item_id)["state"] for item in items}
        served_by = client.model()

    assert (worse.swapped, kept) == (False, load_manifest(checkpoint_path).version)
    assert done.swapped
    assert done.comparison
    assert (served_by["space"], served_by["swap"]["state"]) == (load_manifest(tmp_path / "next").version, "done")
    assert choose_checkpoint(settings) == tmp_path / "next"
    assert load_manifest(tmp_path / "next").recipe["set"] == {"width": "16"}  # as the one that served was trained
    assert 0 < done.comparison.items < 10
    assert done.comparison.users > 10
    assert 0 < done.comparison.serving < 1
    assert 0 < done.comparison.new < 1
    assert list(states.values()).count("thawing") == done.comparison.items
    assert list(states.values()).count("warm") > 20
    assert load_manifest(tmp_path / "next").events_through == done.events_through > 100


@pytest.mark.parametrize(
    ("asked", "encoders"),
    [("all", ["attributes=lexical-attributes"]), ("brand,size", []), ("none", [])],
)
def test_a_retraining_reads_the_attributes_that_were_asked_for(checkpoint_path: Path, asked: str, encoders: list[str]) -> None:
    """All of them, where all were: also those that no item had then."""
    manifest = load_manifest(checkpoint_path)
    told = replace(manifest, recipe={**manifest.recipe, "attributes": asked})

    options = _options(told)

    assert options[options.index("--attributes") + 1] == asked
    assert options[options.index("--text-fields") + 1] == "title,text"
    assert [option for option in options if option.startswith("attributes=")] == encoders


def test_a_retraining_reads_the_words_that_a_checkpoint_of_words_names(checkpoint_path: Path) -> None:
    """Whatever fields an old checkpoint names beside its pictures."""
    manifest = load_manifest(checkpoint_path)
    read = {"image": ("title", "text"), "text": ("brand",)}
    old = {name: replace(manifest.encoders[name], fields=fields) for name, fields in read.items()}

    options = _options(replace(manifest, encoders=old))

    assert options[options.index("--text-fields") + 1] == "brand"


def test_a_checkpoint_from_before_attributes_is_retrained_without_them(checkpoint_path: Path) -> None:
    manifest = load_manifest(checkpoint_path)
    recipe = {name: value for name, value in manifest.recipe.items() if name != "attributes"}

    options = _options(replace(manifest, recipe=recipe))

    assert options[options.index("--attributes") + 1] == "none"


@pytest.mark.slow
def test_what_cannot_be_compared_is_trained_and_taken_by_force_alone(
    checkpoint_path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("THAW_API_KEY", KEY)
    warm = list(load_checkpoint(checkpoint_path).item_ids)
    settings = Settings(store_url=f"sqlite:///{tmp_path}/store.sqlite", checkpoint=checkpoint_path, admin_keys=SecretStr(KEY))
    with thaw_process(checkpoint_path, tmp_path, ADMIN_KEYS=KEY) as served, Client(served.url) as client:
        client.put_items([{"item_id": item_id, "title": f"Item {item_id}"} for item_id in warm])
        client.send_events([{"event_id": "e", "user_id": "new", "item_id": warm[0], "event_type": "like"}])
        wishes = Wishes(served.url, tmp_path / "next")
        with pytest.raises(RetrainFailed, match="nothing to compare on; --force"):
            retrain(settings, wishes)
        done = retrain(settings, replace(wishes, force=True))
        served_by = client.model()["space"]

    assert (done.comparison, done.swapped) == (None, True)
    assert "not compared" in say(done)
    assert served_by == done.space
    assert "new" in load_checkpoint(tmp_path / "next").user_ids


def test_a_service_of_another_store_is_not_retrained(checkpoint_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    other = SimpleNamespace(model=lambda: {"space": "another"}, require_admin=lambda: None)
    monkeypatch.setattr(Client, "__enter__", lambda self: other)
    settings = Settings(store_url="sqlite:///nowhere.sqlite", checkpoint=checkpoint_path)

    with pytest.raises(RetrainFailed, match="serves another"):
        retrain(settings, Wishes("http://127.0.0.1:9"))


def test_a_retraining_removes_what_a_killed_one_left(
    checkpoint_path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Folders that it had made for itself; no link, and nothing of others."""
    left, kept, elsewhere = tmp_path / "thaw-retrain-ab_01xyz", tmp_path / "thaw-retrain-mine", tmp_path / "elsewhere"
    for folder in (left / "export", kept, elsewhere):
        folder.mkdir(parents=True)
    link = tmp_path / "thaw-retrain-01234567"
    link.symlink_to(elsewhere)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setattr("service.commands.retrain._require_serving", lambda url, version: None)
    settings = Settings(store_url=f"sqlite:///{tmp_path}/nowhere.sqlite", checkpoint=checkpoint_path)

    with pytest.raises(StoreUnavailable):
        retrain(settings, Wishes("http://127.0.0.1:9"))

    assert sorted(path.name for path in tmp_path.iterdir()) == ["elsewhere", link.name, kept.name]


@pytest.mark.parametrize("force", [False, True])
def test_without_an_admin_key_nothing_is_trained(checkpoint_path: Path, monkeypatch: pytest.MonkeyPatch, force: bool) -> None:
    """It is asked for first: the swap at the end needs it."""

    def answer(request: httpx.Request) -> httpx.Response:
        assert (request.url.path, request.content) == ("/admin/model", b"{}")
        return httpx.Response(403, json={"detail": "this call needs a key with the right to administer"})

    real = httpx.Client
    monkeypatch.setattr(httpx, "Client", lambda **options: real(**options, transport=httpx.MockTransport(answer)))
    monkeypatch.setattr("service.commands.retrain.export", lambda *_: pytest.fail("it was exported"))
    settings = Settings(store_url="sqlite:///nowhere.sqlite", checkpoint=checkpoint_path)

    with pytest.raises(CallFailed, match="the right to administer"):
        retrain(settings, Wishes("http://shop", force=force))


@pytest.mark.parametrize(("force", "told"), [(False, "the old one serves on"), (True, "although it is worse")])
def test_both_numbers_are_said(force: bool, told: str) -> None:
    said = say(Retrained(Path("next"), "abc", 7, WORSE, swapped=force))

    assert "0.5000 serving, 0.4000 new (difference -0.1000 ± 0.0100)" in said
    assert told in said


def test_a_few_items_are_said_to_say_little() -> None:
    assert "say little" in say(Retrained(Path("next"), "abc", 7, replace(WORSE, items=3), swapped=True))


@pytest.mark.parametrize("same", [False, True])
def test_it_is_said_where_a_comparison_favours_the_new_one(same: bool) -> None:
    said = say(Retrained(Path("next"), "abc", 7, WORSE, swapped=True, stopped_by_them=same))

    assert ("which favours it" in said) == same


def test_the_same_checkpoint_is_not_worse_than_itself(space: Space, checkpoint_path: Path) -> None:
    checkpoint = load_checkpoint(checkpoint_path)
    judged = Judged(_items(space), [], {}, {checkpoint.user_ids[0]: frozenset({"one"})}, frozenset(), None)

    found = compare(space, space, judged, Rules())

    assert found.serving == found.new > 0
    assert (found.users, found.items, found.is_worse, found.stderr) == (1, 2, False, 0.0)


def test_who_was_erased_judges_nothing(space: Space) -> None:
    judged = Judged(_items(space), [], {}, {"a": frozenset({"one"}), "b": frozenset({"two"})}, frozenset({"a"}), None)

    assert compare(space, space, judged, Rules()).users == 1


@pytest.mark.parametrize("likes_the_first", [True, False])
def test_equal_scores_are_ranked_by_the_hash_of_the_id_however_the_items_come(
    space: Space, monkeypatch: pytest.MonkeyPatch, likes_the_first: bool
) -> None:
    by_hash = sorted((f"item-{at}" for at in range(40)), key=tie_key)
    same = StoredEmbedding(space.version, np.ones(space.tower.width, np.float32), {})
    monkeypatch.setattr("service.commands.compare.embed_stored", lambda _, items: [same] * len(items))
    liked = by_hash[0 if likes_the_first else -1]
    for names in (by_hash, by_hash[::-1]):
        judged = Judged([StoredItem(name) for name in names], [], {}, {"a": frozenset({liked})}, frozenset(), None)

        assert compare(space, space, judged, Rules()).new == float(likes_the_first)


def _items(space: Space) -> list[StoredItem]:
    contents = {"one": Content("Sailboat mug", "Rope and wind"), "two": Content("Warm bread", "Flour and butter")}
    features = space.tower.encode([space.tower.prepare(content) for content in contents.values()])
    return [
        StoredItem(
            item_id,
            features={
                name: StoredFeatures(fingerprint, row_to_bytes(features.values[m], row))
                for m, (name, fingerprint) in enumerate(space.tower.fingerprints.items())
                if features.present[row, m]
            },
        )
        for row, item_id in enumerate(contents)
    ]

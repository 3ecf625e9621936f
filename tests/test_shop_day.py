"""
A shop's day: 500 items that nobody has touched arrive at a running service, and users with planted tastes react.

Everything is real: the process, its store, Redis, HTTP, the checkpoints. In the middle of the day another checkpoint takes
over under load, Redis is restarted, and at the end what was gathered trains the next checkpoint.
"""

import csv
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from random import Random
from typing import Any

import httpx
import numpy as np
import pytest
import scipy.sparse as sp
from pydantic import SecretStr

from model.checkpoint import Checkpoint, load_checkpoint, make_encoders, make_tower
from model.content import Content
from model.item_tower import ItemTower
from service.client import item_body
from service.commands.export import HoldOut
from service.commands.retrain import Wishes, retrain
from service.settings import Settings
from tests.conftest import HASHED
from tests.processes import free_port, redis_server, thaw_process
from tests.service.from_the_store import Recomputed
from tests.service.thawing.test_exactness import assert_same
from training.config import DataConfig, ReadingConfig, TrainConfig
from training.data.demo import DemoItem, DemoUser, make_item, make_users, write_demo
from training.data.demo_pictures import draw_pattern
from training.progress import SilentReporter
from training.train import train

KEY = "an-admin-key-of-a-test"
ITEMS, ROUNDS, SHOWN, USERS = 500, 8, 10, 40
WITHIN_SECONDS = 30.0  # on a busy machine; the promise is one


class Shop:
    """The shop's side: it shows what the service recommends, and tells what users did."""

    def __init__(self, url: str) -> None:
        self._http = httpx.Client(base_url=url, headers={"X-API-Key": KEY}, timeout=60, trust_env=False)
        self._pool = ThreadPoolExecutor(8)
        self.statuses: Counter[int] = Counter()

    def call(self, method: str, path: str, **options: Any) -> dict[str, Any]:
        answer = self._http.request(method, path, **options)
        self.statuses[answer.status_code] += 1
        assert answer.status_code < 400, f"{method} {path}: {answer.text}"
        body: dict[str, Any] = answer.json()
        return body

    def at_once(self, work: Callable[[Any], Any], over: Sequence[Any]) -> list[Any]:
        """Work for each, eight at a time."""
        return list(self._pool.map(work, over))

    def close(self) -> None:
        self._pool.shutdown()
        self._http.close()


class Visitors:
    """Users who like what is to their taste, one time in twenty the contrary, and are shown nothing twice."""

    def __init__(self, items: Sequence[DemoItem]) -> None:
        self.users = {user.user_id: user for user in make_users(USERS)}
        self._items = {item.item_id: item for item in items}
        self.shown: dict[str, list[str]] = {user_id: [] for user_id in self.users}
        self.clicks = 0

    @property
    def click_rate(self) -> float:
        return self.clicks / sum(map(len, self.shown.values()))

    def react(self, user_id: str, item_ids: Sequence[str]) -> list[str]:
        """The items of a list that the user clicked."""
        self.shown[user_id] += item_ids
        clicked = [item_id for item_id in item_ids if _likes(self.users[user_id], self._items[item_id])]
        self.clicks += len(clicked)
        return clicked


def _likes(user: DemoUser, item: DemoItem) -> bool:
    """The same in every run, whoever shows the item."""
    return user.likes(item) != (Random(f"{user.user_id} {item.item_id}").random() < 0.05)


class ContentProfiles:
    """The ranking to beat: cosine to the mean content features of what a user liked."""

    def __init__(self, tower: ItemTower, contents: Mapping[str, Content], likes: Mapping[str, Sequence[str]]) -> None:
        features = tower.encode([tower.prepare(content) for content in contents.values()])
        matrix = sp.csr_array(sp.hstack([sp.csr_array(value) for value in features.values]))
        self._matrix = sp.csr_array(sp.diags_array(1 / np.sqrt((matrix * matrix).sum(axis=1))) @ matrix)
        self._rows = {item_id: row for row, item_id in enumerate(contents)}
        self._liked = {user_id: [self._rows[item] for item in liked if item in self._rows] for user_id, liked in likes.items()}

    def like(self, user_id: str, item_ids: Sequence[str]) -> None:
        self._liked[user_id] += [self._rows[item_id] for item_id in item_ids]

    def rank(self, user_id: str, candidates: Sequence[str], count: int) -> list[str]:
        rows = [self._rows[item_id] for item_id in candidates]
        profile: np.ndarray = np.asarray(self._matrix[self._liked[user_id]].sum(axis=0)).ravel()
        return [candidates[at] for at in np.argsort(-(self._matrix[rows] @ profile), kind="stable")[:count]]


def content_of(item: DemoItem, chance: Random) -> Content:
    return Content(item.title, item.text, draw_pattern(item.pattern, chance) if item.has_image else None)


def catalogue_of(folder: Path) -> dict[str, Content]:
    with (folder / "catalogue" / "items.csv").open(newline="", encoding="utf-8") as file:
        return {
            row["item_id"]: Content(
                row["title"], row["text"], (folder / "catalogue" / row["image"]).read_bytes() if row["image"] else None
            )
            for row in csv.DictReader(file)
        }


def likes_of(checkpoint: Checkpoint) -> dict[str, list[str]]:
    kept = checkpoint.interactions
    return {
        user_id: [
            checkpoint.item_ids[kept.items[at]] for at in range(kept.indptr[row], kept.indptr[row + 1]) if kept.weights[at] > 0
        ]
        for row, user_id in enumerate(checkpoint.user_ids)
    }


def arrive(shop: Shop, contents: Mapping[str, Content]) -> None:
    def post(item_id: str) -> None:
        content = contents[item_id]
        shop.call("POST", "/items", json=item_body(item_id, title=content.title, text=content.text, image=content.image))

    shop.at_once(post, list(contents))


def visit(shop: Shop, visitors: Visitors, round_number: int) -> None:
    """Every user is shown a list and reacts to it."""

    def one(user_id: str) -> None:
        wish = {"user_id": user_id, "k": SHOWN, "cold_only": True, "exclude": visitors.shown[user_id]}
        answer = shop.call("POST", "/recommend", json=wish)
        listed = [hit["item_id"] for hit in answer["items"]]
        clicked = set(visitors.react(user_id, listed))
        named = {"user_id": user_id, "recommendation_id": answer["recommendation_id"]}
        events = [
            {**named, "event_id": f"{user_id} {item}", "item_id": item, "event_type": "like" if item in clicked else "impression"}
            for item in listed
        ]
        told = shop.call("POST", "/events", json={"events": events})
        assert told["counts"]["accepted"] == len(events), f"round {round_number}"

    shop.at_once(one, list(visitors.users))


def require_exact(shop: Shop, database: Path, checkpoint: Checkpoint, users: Sequence[str]) -> None:
    """Every list is the one that store and checkpoint give, as soon as what was moved is in the index."""
    expected = Recomputed(database, checkpoint)
    deadline = time.monotonic() + WITHIN_SECONDS
    for user_id in users:
        while True:
            answer = shop.call("GET", f"/recommend/{user_id}", params={"k": 500})
            served = [(hit["item_id"], hit["score"]) for hit in answer["items"]]
            assert answer["space"] == checkpoint.version
            try:
                assert_same(served, expected.list_for(user_id))
                break
            except AssertionError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.1)


@pytest.fixture(scope="module")
def yesterday(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the shop knew before: a folder with `catalogue`, and the checkpoints `one` and `two` trained on it."""
    folder = tmp_path_factory.mktemp("shop")
    write_demo(folder, items=300, users=USERS, seed=1)
    for name, seed, width in (("one", 0, "32"), ("two", 5, "24")):
        config = TrainConfig(
            DataConfig(folder / "catalogue", cache=folder / "cache"),
            folder / name,
            reading=ReadingConfig(encoders=HASHED),
            seed=seed,
            numbers={"width": width},
            device="cpu",
        )
        train(config, SilentReporter())
    return folder


@pytest.mark.slow
def test_a_shops_day(yesterday: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """500 cold items, a swap under load, Redis restarted, a retrain: all lists exact, no 5xx, more clicks than content gets."""
    monkeypatch.setenv("THAW_API_KEY", KEY)
    chance, database, port = Random(11), tmp_path / "store.sqlite", free_port()
    items = [make_item(f"shop-{at:03}", at, chance, split="", part=(0, 0, 2)[at % 3]) for at in range(ITEMS)]
    contents = {item.item_id: content_of(item, chance) for item in items}
    first, other = load_checkpoint(yesterday / "one"), load_checkpoint(yesterday / "two")
    tower = make_tower(first, make_encoders(first.manifest))
    profiles = ContentProfiles(tower, {**catalogue_of(yesterday), **contents}, likes_of(first))
    visitors, profiled = Visitors(items), Visitors(items)
    settings = Settings(store_url=f"sqlite:///{database}", checkpoint=yesterday / "one", admin_keys=SecretStr(KEY))
    users = list(visitors.users)
    environment = {"ADMIN_KEYS": KEY, "REDIS_URL": f"redis://127.0.0.1:{port}/0"}

    with thaw_process(yesterday / "one", tmp_path, **environment) as served:
        shop = Shop(served.url)
        with redis_server(tmp_path, port):
            arrive(shop, contents)
            for number in range(ROUNDS // 2):
                visit(shop, visitors, number)
            require_exact(shop, database, first, users)
            shop.call("POST", "/admin/model", json={"checkpoint": str(yesterday / "two")})
            number = ROUNDS // 2
            while shop.call("GET", "/model")["swap"]["state"] != "done":
                if number < ROUNDS - 2:
                    visit(shop, visitors, number)
                    number += 1
            require_exact(shop, database, other, users)
        visit(shop, visitors, number)  # without Redis
        with redis_server(tmp_path, port):
            for later in range(number + 1, ROUNDS):
                visit(shop, visitors, later)
            require_exact(shop, database, other, users)
            done = retrain(settings, Wishes(served.url, tmp_path / "next", HoldOut(seed=1), force=True))
            require_exact(shop, database, load_checkpoint(tmp_path / "next"), users)
            states = Counter(shop.at_once(lambda item: shop.call("GET", f"/items/{item}")["state"], list(contents)))
            shop.close()

    for _ in range(ROUNDS):
        for user_id in users:
            candidates = [item_id for item_id in contents if item_id not in set(profiled.shown[user_id])]
            profiles.like(user_id, profiled.react(user_id, profiles.rank(user_id, candidates, SHOWN)))
    assert not [status for status in shop.statuses if status >= 500], shop.statuses
    assert visitors.click_rate > profiled.click_rate
    assert done.swapped
    assert states["warm"] > states["thawing"] > 0

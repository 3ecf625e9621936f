"""What many tests need: a demo folder, trained checkpoints, a running service."""

from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TypeAlias

import httpx
import numpy as np
import pytest
import torch

from model.checkpoint import Checkpoint, load_checkpoint, make_encoders, make_tower
from service.http.app import create_app
from service.http.edge.keys import read_keys
from service.serving.running import open_service
from service.settings import Settings
from service.space import Space
from tests.processes import free_port, redis_server
from training.config import DataConfig, ReadingConfig, TrainConfig
from training.data.demo import write_demo
from training.progress import SilentReporter
from training.train import train

HASHED = {
    "image": "hash-image:32",
    "text": "hash-text:48",
    "title": "none",
    "sentences": "none",
    "words": "lexical-words",
    "phrases": "lexical-phrases",
}
ClientMaker: TypeAlias = Callable[..., "ServiceContext"]


@pytest.fixture(autouse=True)
def _seeded() -> None:
    torch.manual_seed(0)
    np.random.seed(0)


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="session", autouse=True)
def _one_thread() -> None:
    torch.set_num_threads(1)


@pytest.fixture(scope="session")
def demo_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small demo: `catalogue` and `new`."""
    folder = tmp_path_factory.mktemp("demo")
    write_demo(folder, items=80, users=40, seed=1)
    return folder


@pytest.fixture(scope="session")
def feature_cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A feature cache of the session's own."""
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(scope="session")
def checkpoint_path(demo_folder: Path, feature_cache: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkpoint of the recipe `thaw`, trained on the small demo with encoders that need no weights."""
    path = tmp_path_factory.mktemp("trained") / "checkpoint"
    config = TrainConfig(
        DataConfig(demo_folder / "catalogue", cache=feature_cache),
        path,
        reading=ReadingConfig(encoders=HASHED),
        numbers={"width": "16"},
        device="cpu",
    )
    train(config, SilentReporter())
    return path


@pytest.fixture(scope="session")
def other_path(demo_folder: Path, feature_cache: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Another checkpoint of the same encoders, in a space of another width."""
    path = tmp_path_factory.mktemp("other") / "checkpoint"
    config = TrainConfig(
        DataConfig(demo_folder / "catalogue", cache=feature_cache),
        path,
        reading=ReadingConfig(encoders=HASHED),
        seed=5,
        numbers={"width": "8"},
        device="cpu",
    )
    train(config, SilentReporter())
    return path


@pytest.fixture(scope="session")
def checkpoint(checkpoint_path: Path) -> Checkpoint:
    return load_checkpoint(checkpoint_path)


@pytest.fixture(scope="session")
def space(checkpoint: Checkpoint) -> Space:
    """The checkpoint as it serves."""
    return Space(checkpoint, make_tower(checkpoint, make_encoders(checkpoint.manifest)))


class ServiceContext:
    """A service in this process, over HTTP without a socket."""

    def __init__(self, space: Space, settings: Settings) -> None:
        self._space, self.settings = space, settings

    @asynccontextmanager
    async def client(self) -> AsyncIterator[httpx.AsyncClient]:
        service = open_service(self.settings, self._space)
        app = create_app(service, self.settings, read_keys(self.settings))
        transport = httpx.ASGITransport(app, raise_app_exceptions=False)
        async with app.router.lifespan_context(app), httpx.AsyncClient(transport=transport, base_url="http://thaw") as client:
            yield client


@pytest.fixture
def service(space: Space, tmp_path: Path) -> ClientMaker:
    """Makes a service over a store in this test's folder; call it again for the same store after a restart."""

    def make(**settings: object) -> ServiceContext:
        url = f"sqlite:///{tmp_path}/store.sqlite"
        return ServiceContext(space, Settings(**{"store_url": url, "checkpoint": tmp_path, **settings}))  # type: ignore[arg-type]

    return make


@pytest.fixture
async def client(service: ClientMaker) -> AsyncIterator[httpx.AsyncClient]:
    """A client of a service with an empty store."""
    async with service().client() as client:
        yield client


@pytest.fixture(scope="session")
def redis_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A real Redis."""
    port = free_port()
    with redis_server(tmp_path_factory.mktemp("redis"), port):
        yield f"redis://127.0.0.1:{port}/0"

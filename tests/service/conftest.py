"""What tests of the service share."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from pydantic import SecretStr

from model.checkpoint import Checkpoint, load_checkpoint
from service.settings import Settings
from tests.service.swapping import KEY


@pytest.fixture(autouse=True)
def _no_store_where_the_tests_run() -> Iterator[None]:
    """A store that a test opens lies in a folder of its own, its lock file too."""
    before = set(Path().glob("*.sqlite*"))
    yield
    assert set(Path().glob("*.sqlite*")) <= before


@pytest.fixture
def other(other_path: Path) -> Checkpoint:
    """The checkpoint that takes over."""
    return load_checkpoint(other_path)


@pytest.fixture
def settings(tmp_path: Path, checkpoint_path: Path) -> Settings:
    """A store of its own, and an admin key."""
    return Settings(store_url=f"sqlite:///{tmp_path}/store.sqlite", checkpoint=checkpoint_path, admin_keys=SecretStr(KEY))

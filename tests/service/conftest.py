"""What tests of the service share."""

from pathlib import Path

import pytest
from pydantic import SecretStr

from model.checkpoint import Checkpoint, load_checkpoint
from service.settings import Settings
from tests.service.swapping import KEY


@pytest.fixture
def other(other_path: Path) -> Checkpoint:
    """The checkpoint that takes over."""
    return load_checkpoint(other_path)


@pytest.fixture
def settings(tmp_path: Path, checkpoint_path: Path) -> Settings:
    """A store of its own, and an admin key."""
    return Settings(store_url=f"sqlite:///{tmp_path}/store.sqlite", checkpoint=checkpoint_path, admin_keys=SecretStr(KEY))

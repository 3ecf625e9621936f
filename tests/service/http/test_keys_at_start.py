"""A service that nobody protected says so in one sentence, before it does anything else."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow


def test_an_open_service_does_not_start_beyond_this_machine_and_trains_nothing(tmp_path: Path) -> None:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("THAW_")}
    environment = {**kept, "THAW_HOST": "0.0.0.0", "THAW_CHECKPOINT": str(tmp_path / "checkpoint")}
    command = [sys.executable, "-m", "service.cli", "serve", "--train-demo"]

    outcome = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=100)

    assert outcome.returncode == 1
    assert outcome.stderr.startswith("error: THAW_HOST is '0.0.0.0'")
    assert "THAW_ALLOW_OPEN" in outcome.stderr
    assert "Traceback" not in outcome.stderr
    assert list(tmp_path.iterdir()) == []


def test_no_demo_is_trained_over_what_is_no_checkpoint(tmp_path: Path) -> None:
    """A folder of checkpoints, say, or one that is still being copied."""
    kept = tmp_path / "checkpoints" / "1" / "manifest.json"
    kept.parent.mkdir(parents=True)
    kept.write_text("{}")
    environment = {name: value for name, value in os.environ.items() if not name.startswith("THAW_")}
    environment |= {"THAW_CHECKPOINT": str(tmp_path / "checkpoints"), "THAW_STORE_URL": f"sqlite:///{tmp_path}/store.sqlite"}
    command = [sys.executable, "-m", "service.cli", "serve", "--train-demo"]

    outcome = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=100)

    assert outcome.returncode == 1
    assert "holds something that is no checkpoint" in outcome.stderr
    assert kept.read_text() == "{}"

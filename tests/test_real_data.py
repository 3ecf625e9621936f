"""On real films, posters and likes: skipped where THAW_TEST_DATA names no plain folder."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = [pytest.mark.slow, pytest.mark.real_data]
PLAIN_RIDGE = 0.316
"""NDCG@20 of a ridge from content to SVD factors on the films' `cold_val`."""


@pytest.fixture
def data() -> Path:
    folder = os.environ.get("THAW_TEST_DATA")
    if not folder:
        pytest.skip("THAW_TEST_DATA is not set")
    return Path(folder)


def test_new_films_are_ranked_better_than_by_a_plain_ridge_and_the_service_agrees(data: Path, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "benchmarks.parity", "--data", str(data), "--work", str(tmp_path)]
    kept = {name: value for name, value in os.environ.items() if name in ("THAW_CACHE_DIR",) or not name.startswith("THAW_")}

    outcome = subprocess.run(command, env=kept, capture_output=True, text=True, check=False)

    assert outcome.returncode == 0, outcome.stdout + outcome.stderr
    online = next(line for line in outcome.stdout.splitlines() if line.startswith("online"))
    assert float(online.split()[2]) > PLAIN_RIDGE

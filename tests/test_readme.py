"""README says what is true: its commands run, and answer what it shows."""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from benchmarks.readme import API, OPERATIONS, README, copy_answer, find_block, find_code, render_settings, run_curl
from tests.processes import free_port

TEXT = README.read_text(encoding="utf-8")
ROOT = README.parent


def run(command: list[str], folder: Path, **environment: str) -> "subprocess.CompletedProcess[str]":
    kept = {name: value for name, value in os.environ.items() if not name.startswith("THAW_")}
    kept |= {"PYTHONPATH": str(ROOT), **environment}
    return subprocess.run(command, cwd=folder, env=kept, capture_output=True, text=True, check=False, timeout=500)


def test_the_settings_table_is_the_settings() -> None:
    assert find_block(OPERATIONS.read_text(encoding="utf-8"), "settings").strip() == render_settings()


def test_the_tour_of_the_api_shows_the_same_answer_for_the_same_item() -> None:
    shown = API.read_text(encoding="utf-8")

    assert copy_answer(shown, TEXT) == shown


@pytest.mark.parametrize("target", sorted(set(re.findall(r"(?:^|`)make ([\w-]+)", TEXT, re.MULTILINE))))
def test_every_make_target_exists(target: str) -> None:
    outcome = run(["make", "--dry-run", target], ROOT)

    assert outcome.returncode == 0, outcome.stderr


PATHS = sorted({path for path in re.findall(r"`(?:bash )?([\w./-]+/[\w./-]*)`", TEXT) if not path.startswith(("/", "demo/"))})


@pytest.mark.parametrize("path", PATHS)
def test_every_path_of_the_repository_exists(path: str) -> None:
    assert (ROOT / path).exists()


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory, feature_cache: Path) -> Iterator[tuple[Path, str]]:
    """What `make demo` runs once packages are installed: its folder and where it serves."""
    folder, port = tmp_path_factory.mktemp("readme"), free_port()
    thaw = [sys.executable, "-m", "service.cli", "demo"]
    outcome = run([*thaw, "--port", str(port)], folder, THAW_CACHE_DIR=str(feature_cache))
    assert outcome.returncode == 0, outcome.stdout + outcome.stderr
    yield folder, f"http://127.0.0.1:{port}"
    stopped = run([*thaw, "--stop"], folder)
    assert "the demo's service is stopped" in stopped.stdout


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")
def test_the_curl_commands_answer_as_shown(demo: tuple[Path, str]) -> None:
    """Times and ids of lists differ; all else is as README has it, up to rounding."""
    import json

    _, url = demo
    for name in ("ingest", "recommend"):
        block = find_block(TEXT, name)
        shown, answer = json.loads(find_code(block, "json")), run_curl(find_code(block, "sh"), url)
        assert_like(shown, answer, name)


def assert_like(shown: object, answer: object, where: str) -> None:
    """Equal but for times, ids of lists and spaces, whose kinds must agree, and for rounding."""
    if isinstance(shown, dict) and isinstance(answer, dict):
        assert shown.keys() == answer.keys(), where
        for name in shown:
            assert_like(shown[name], answer[name], f"{where}.{name}")
    elif isinstance(shown, list) and isinstance(answer, list):
        assert len(shown) == len(answer), where
        for at, (one, other) in enumerate(zip(shown, answer, strict=True)):
            assert_like(one, other, f"{where}[{at}]")
    elif isinstance(shown, float):
        assert answer == pytest.approx(shown, abs=0.02), where  # processors round differently, and training amplifies it
    elif where.endswith(("_at", "recommendation_id", "space")):
        assert type(answer) is type(shown), where
    else:
        assert answer == shown, where


@pytest.mark.slow
def test_training_on_own_data_runs_as_shown(demo: tuple[Path, str], feature_cache: Path) -> None:
    folder, _ = demo
    section = TEXT.split("## Train on your own data")[1]
    *lines, serve = find_code(section, "sh").strip().splitlines()

    assert len(lines) == 3
    for line in lines:
        words = line.split()
        assert words[0] == ".venv/bin/thaw"
        outcome = run([sys.executable, "-m", "service.cli", *words[1:]], folder, THAW_CACHE_DIR=str(feature_cache))
        assert outcome.returncode == 0, outcome.stdout + outcome.stderr

    assert (folder / "demo" / "mine.json").exists()
    assert serve.endswith(".venv/bin/thaw serve")

"""docs/api.md says what is true: its commands run in their order, and answer what it shows."""

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.fakes import draw_jpeg
from tests.processes import thaw_process

ROOT = Path(__file__).parent.parent
TEXT = (ROOT / "docs" / "api.md").read_text(encoding="utf-8")
KEY = "write-key-of-the-test"
OF_THE_CHECKPOINT = ("modalities", "gate", "experts")  # whose names are those of its views


def blocks() -> Iterator[tuple[str, str, str | None]]:
    """Language and text of each command, and the answer that is shown below it."""
    found = re.findall(r"```(\w+)\n(.*?)```", TEXT, re.DOTALL)
    for at, (language, code) in enumerate(found):
        if language != "json":
            shown = found[at + 1][1] if found[at + 1 : at + 2] and found[at + 1][0] == "json" else None
            yield language, code, shown


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")
def test_every_command_runs_and_answers_as_shown(checkpoint_path: Path, tmp_path: Path) -> None:
    (tmp_path / "mug.jpg").write_bytes(draw_jpeg())
    kept = {name: value for name, value in os.environ.items() if not name.startswith("THAW_")}
    environment = {**kept, "THAW_API_KEY": KEY, "PYTHONPATH": str(ROOT)}
    ran = 0
    with thaw_process(checkpoint_path, tmp_path, WRITE_KEYS=KEY) as service:
        for language, code, shown in blocks():
            program = {"sh": ["bash", "-euc"], "python": [sys.executable, "-c"]}[language]
            command = [*program, code.replace("http://127.0.0.1:8000", service.url)]
            outcome = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
            assert outcome.returncode == 0, f"{code}\n{outcome.stderr}"
            if shown is not None:
                assert_part(json.loads(shown), json.loads(outcome.stdout), code)
            ran += 1

    assert ran >= 8


def assert_part(shown: object, answer: object, where: str) -> None:
    """What is shown is in the answer; numbers and names that depend on the checkpoint agree in kind."""
    if isinstance(shown, dict) and isinstance(answer, dict):
        assert shown.keys() <= answer.keys(), where
        for name in shown:
            if name in OF_THE_CHECKPOINT:
                both = shown[name].keys() & answer[name].keys()  # the demo's checkpoint has more encoders than the tests'
                assert both, f"{where}.{name}"
                assert all(answer[name][one] for one in both if shown[name][one]), f"{where}.{name}"
            elif name != "item_id" or not isinstance(shown.get("score"), float):  # which of two is first depends on it too
                assert_part(shown[name], answer[name], f"{where}.{name}")
    elif isinstance(shown, list) and isinstance(answer, list):
        assert len(shown) == len(answer), where
        for one, other in zip(shown, answer, strict=True):
            assert_part(one, other, where)
    elif isinstance(shown, float):
        assert isinstance(answer, float), where
    else:
        assert answer == shown, where

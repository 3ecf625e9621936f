"""Real servers for tests: started on a free port, stopped at the end."""

import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest


def free_port() -> int:
    """A port of this machine that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


@contextmanager
def redis_server(folder: Path, port: int) -> Iterator["subprocess.Popen[bytes]"]:
    """A real redis-server that keeps nothing; skips the test where there is none, unless THAW_REQUIRE_REDIS is set."""
    program = shutil.which("redis-server")
    if program is None:
        if os.environ.get("THAW_REQUIRE_REDIS"):
            pytest.fail("redis-server is required and missing")
        pytest.skip("redis-server is not installed")
    options = ["--port", str(port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--dir", str(folder)]
    process = subprocess.Popen([program, *options], stdout=subprocess.DEVNULL)
    try:
        _wait_for_port(port, process)
        yield process
    finally:
        process.kill()
        process.wait()


class ThawProcess:
    """`thaw serve` as a process of its own."""

    def __init__(self, checkpoint: Path, folder: Path, **settings: str) -> None:
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        own = {"CHECKPOINT": str(checkpoint), "STORE_URL": f"sqlite:///{folder}/store.sqlite", "PORT": str(self.port)}
        self._settings = {f"THAW_{name}": value for name, value in {**own, "TORCH_THREADS": "1", **settings}.items()}
        self._log = folder / "service.log"
        self.process = self._start()

    def kill(self) -> None:
        """SIGKILL: nothing is finished or flushed."""
        self.process.kill()
        self.process.wait()

    def restart(self) -> None:
        """Starts it again over the same store, after a kill."""
        self.process = self._start()

    def wait_ready(self, seconds: float = 120) -> None:
        """Returns when it answers; fails with its log when it does not."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            if self.process.poll() is not None:
                pytest.fail(f"the service stopped: {self._log.read_text()[-2000:]}")
            try:
                if httpx.get(f"{self.url}/health/ready", trust_env=False).is_success:
                    return
            except httpx.TransportError:
                time.sleep(0.1)
        pytest.fail(f"the service was not ready: {self._log.read_text()[-2000:]}")

    def _start(self) -> "subprocess.Popen[bytes]":
        kept = {name: value for name, value in os.environ.items() if not name.startswith("THAW_")}
        with self._log.open("ab") as log:
            return subprocess.Popen(
                [sys.executable, "-m", "service.cli", "serve"], env={**kept, **self._settings}, stdout=log, stderr=log
            )


@contextmanager
def thaw_process(checkpoint: Path, folder: Path, **settings: str) -> Iterator[ThawProcess]:
    """A running `thaw serve`, ready to answer."""
    service = ThawProcess(checkpoint, folder, **settings)
    try:
        service.wait_ready()
        yield service
    finally:
        service.kill()


def _wait_for_port(port: int, process: "subprocess.Popen[bytes]") -> None:
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline and process.poll() is None:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    pytest.fail(f"nothing listens on port {port}")

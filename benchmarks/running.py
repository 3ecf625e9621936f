"""A service that runs while something is measured."""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from service.client import CallFailed, Client


@dataclass(frozen=True, slots=True)
class Running:
    """A process that answers on this machine."""

    port: int
    pid: int

    @property
    def url(self) -> str:
        """Where."""
        return f"http://127.0.0.1:{self.port}"

    def resident_bytes(self) -> int:
        """Memory that it holds."""
        pages = int(Path(f"/proc/{self.pid}/statm").read_text().split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE")

    def cpu_seconds(self) -> float:
        """What it has used of all cores together."""
        fields = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def new_store(work: Path) -> Path:
    """Where a store is to be that does not exist yet."""
    for old in work.glob("store.sqlite*"):
        old.unlink()
    return work / "store.sqlite"


@contextmanager
def serving(checkpoint: Path, store: Path) -> Iterator[Running]:
    """A `thaw serve` over a store, which is made where there is none, on a free port."""
    port = free_port()
    own = {"THAW_CHECKPOINT": checkpoint, "THAW_STORE_URL": f"sqlite:///{store}", "THAW_PORT": port}
    with running(port, ["-m", "service.cli", "serve"], {name: str(value) for name, value in own.items()}) as service:
        yield service


@contextmanager
def running(port: int, arguments: list[str], variables: dict[str, str]) -> Iterator[Running]:
    """A Python process that answers `/health/ready` on a port, from when it does."""
    process = subprocess.Popen([sys.executable, *arguments], env={**os.environ, **variables})
    try:
        service = Running(port, process.pid)
        _wait_ready(service.url, process)
        yield service
    finally:
        process.terminate()
        process.wait()


def thaw(*arguments: str) -> None:
    """Runs one of `thaw`'s commands."""
    subprocess.run([sys.executable, "-m", "service.cli", *arguments], check=True)


def free_port() -> int:
    """A port of this machine that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


def _wait_ready(url: str, process: "subprocess.Popen[bytes]") -> None:
    while process.poll() is None:
        try:
            with Client(url) as client:
                client.ready()
            return
        except CallFailed:
            time.sleep(0.05)
    sys.exit("the service did not start")

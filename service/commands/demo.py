"""The demo: from nothing to recommendations of items that nobody has touched."""

import csv
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from model.checkpoint import is_free
from service.client import CallFailed, Client
from service.commands.ingest_folder import ingest_folder
from service.errors import ServiceError

USERS = ("picture-stripes-01", "picture-leaves-01", "words-sailing-01")
_READY_SECONDS = 120


class DemoFailed(ServiceError):
    """A step of the demo went wrong; the message says which and where to look."""


def run_demo(folder: Path, port: int) -> None:
    """
    Generates, trains, serves, ingests and recommends; leaves the service running.

    Raises:
        DemoFailed: a step went wrong; nothing is left running.
    """
    console = Console(soft_wrap=True)
    started = time.monotonic()
    stop_demo(folder, quiet=True)
    _require_free_port(port)
    folder.mkdir(parents=True, exist_ok=True)
    console.rule("1. a catalogue with planted tastes")
    _train("demo-data", "--out", str(folder))
    console.rule("2. train on it: features, factors, experts, gate")
    _train("train", "--data", str(folder / "catalogue"), "--out", str(folder / "checkpoint"), "--overwrite")
    console.rule("3. serve the checkpoint")
    process = _start(folder, port)
    url = f"http://127.0.0.1:{port}"
    try:
        _wait_ready(process, url, folder / "service.log")
        console.rule("4. ingest items that training never saw")
        outcome = ingest_folder(folder / "new", url=url, split=None, workers=4)
        console.print(f"{outcome.created} cold items are in: with both, only a picture, only words", highlight=False)
        console.rule("5. recommend them")
        with Client(url) as client:
            for user_id in USERS:
                console.print(_explain(client, user_id, _truth(folder / "new")))
    except BaseException:
        stop_demo(folder, quiet=True)
        raise
    console.print(f"\nThat took {time.monotonic() - started:.0f} s. The service is running at {url} (docs at {url}/docs).")
    console.print(f"Try it in a browser: {url}/ui")
    console.print(f"Its log is {folder / 'service.log'}. Stop it with: make stop   (or: thaw demo --stop)")


def train_demo_checkpoint(path: Path) -> None:
    """
    Makes the demo's checkpoint at a path, unless one is there.

    Raises:
        DemoFailed: something else is there, or training went wrong; nothing was written there.
    """
    if (path / "manifest.json").exists():
        return
    if not is_free(path):
        raise DemoFailed(f"{path} holds something that is no checkpoint: nothing is trained there, name another THAW_CHECKPOINT")
    with tempfile.TemporaryDirectory() as folder:
        _train("demo-data", "--out", folder)
        _train("train", "--data", f"{folder}/catalogue", "--out", str(path))


def stop_demo(folder: Path, *, quiet: bool = False) -> None:
    """Stops the service that a demo left running in a folder, if there is one."""
    pid_file = folder / "service.pid"
    pid = int(pid_file.read_text()) if pid_file.exists() else 0
    if pid and _is_ours(pid):
        os.kill(pid, signal.SIGTERM)
        for _ in range(200):
            if not _is_ours(pid):
                break
            time.sleep(0.1)
    pid_file.unlink(missing_ok=True)
    if not quiet:
        print("the demo's service is stopped" if pid else "no service of the demo is running here")


def _is_ours(pid: int) -> bool:
    """Whether a process is a `thaw serve`: another program may have got the number since."""
    try:
        command = Path(f"/proc/{pid}/cmdline").read_bytes()
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return b"service.cli" in command and state != "Z"


def _require_free_port(port: int) -> None:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as error:
            raise DemoFailed(f"port {port} is taken: stop what listens there, or choose another with PORT=8001") from error


def _train(*arguments: str) -> None:
    status = subprocess.run([sys.executable, "-m", "training", *arguments], check=False).returncode
    if status:
        raise DemoFailed(f"`python -m training {arguments[0]}` failed; its message is above")


def _start(folder: Path, port: int) -> "subprocess.Popen[bytes]":
    for old in folder.glob("store.sqlite*"):
        old.unlink()
    own = {"THAW_CHECKPOINT": folder / "checkpoint", "THAW_STORE_URL": f"sqlite:///{folder / 'store.sqlite'}", "THAW_PORT": port}
    with (folder / "service.log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "service.cli", "serve"],
            env={**os.environ, **{name: str(value) for name, value in own.items()}},
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    (folder / "service.pid").write_text(str(process.pid))
    return process


def _wait_ready(process: "subprocess.Popen[bytes]", url: str, log: Path) -> None:
    deadline = time.monotonic() + _READY_SECONDS
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise DemoFailed(f"the service stopped at once; the end of {log}:\n{log.read_text()[-1000:]}")
        try:
            with Client(url) as client:
                client.ready()
            return
        except CallFailed:
            time.sleep(0.2)
    raise DemoFailed(f"the service was not ready after {_READY_SECONDS} s; see {log}")


def _truth(folder: Path) -> dict[str, dict[str, str]]:
    """What the tables and the answers beside them tell of each item."""
    rows: dict[str, dict[str, str]] = {}
    for name in ("items.csv", "truth.csv"):
        with (folder / name).open(newline="", encoding="utf-8") as file:
            for row in csv.DictReader(file):
                rows.setdefault(row["item_id"], {}).update(row)
    return rows


def _explain(client: Client, user_id: str, truth: dict[str, dict[str, str]]) -> Table:
    sense, taste, _ = user_id.split("-")
    liked = f"cares for {taste}, which only the {'picture shows' if sense == 'picture' else 'words tell'}"
    table = Table(title=f"{user_id}: {liked}", title_justify="left")
    for column in ("item", "score", "has", "pattern", "theme", "to its taste", "because of"):
        table.add_column(column, justify="right" if column == "score" else "left")
    for hit in client.recommend(user_id, k=6, cold_only=True)["items"]:
        item, true = client.get_item(hit["item_id"]), truth[hit["item_id"]]
        has = [part for part, there in (("picture", true["image"]), ("words", true["title"])) if there]
        fits = taste == true["pattern" if sense == "picture" else "theme"]
        shown = (true["pattern"] if true["image"] else "-", true["theme"] if true["title"] else "-")
        table.add_row(hit["item_id"], f"{hit['score']:.3f}", " + ".join(has), *shown, "yes" if fits else "no", _why(item))
    return table


def _why(item: dict[str, Any]) -> str:
    """The views that the gate trusted, most first."""
    weights = sorted(item["gate"].items(), key=lambda pair: -pair[1])
    return ", ".join(f"{view} {weight:.0%}" for view, weight in weights if weight >= 0.005)

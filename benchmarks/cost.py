"""
What Thaw costs: the numbers of README's cost table.

    python -m benchmarks.cost [--image NAME] [--skip-clone]

Clones this repository into a temporary folder and runs `make demo` there, timed, with an empty package cache and an
empty feature cache; then measures a fresh service of that clone. `--image` adds the size of a Docker image.
"""

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from random import Random

from benchmarks.running import free_port, new_store, serving
from service.client import Client
from training.data.demo_pictures import PATTERNS, draw_pattern
from training.machine import describe_machine

ITEMS = 300
MEGABYTE = 1e6


def main() -> None:
    options = _parse()
    rows: list[tuple[str, str]] = []
    with tempfile.TemporaryDirectory() as temporary:
        work = Path(temporary)
        root = Path(__file__).parent.parent if options.skip_clone else work / "clone"
        if not options.skip_clone:
            rows += _from_clone(root, work)
        rows += _service(root / "demo" / "checkpoint", work)
    if options.image:
        size = subprocess.run(
            ["docker", "image", "inspect", "-f", "{{.Size}}", options.image], capture_output=True, text=True, check=True
        )
        rows.append(("Docker image", f"{int(size.stdout) / MEGABYTE:,.0f} MB"))
    print("| what | cost |\n|---|---|\n" + "\n".join(f"| {name} | {value} |" for name, value in rows))
    print(f"\n{describe_machine()}.")


def _from_clone(root: Path, work: Path) -> list[tuple[str, str]]:
    start = time.monotonic()
    subprocess.run(["git", "clone", "-q", str(Path(__file__).parent.parent), str(root)], check=True)
    environment = {**os.environ, "PIP_CACHE_DIR": str(work / "pip"), "THAW_CACHE_DIR": str(work / "features")}
    environment.pop("VIRTUAL_ENV", None)
    port = f"PORT={free_port()}"
    subprocess.run(["make", "venv"], cwd=root, env=environment, check=True)
    installed = time.monotonic() - start
    subprocess.run(["make", "demo", port], cwd=root, env=environment, check=True)
    first = time.monotonic() - start
    subprocess.run(["make", "stop"], cwd=root, env=environment, check=True)
    wheels = work / "wheels"
    python = str(root / ".venv/bin/python")
    wanted = ["download", "-q", "-c", "constraints.txt", "-d", str(wheels), "torch==2.13.0+cpu", "."]
    subprocess.run([python, "-m", "pip", *wanted], cwd=root, env=environment, check=True)
    downloaded = _size(wheels)
    return [
        ("from clone to installed", f"{installed:.0f} s"),
        ("from clone to the first recommendation", f"{first:.0f} s"),
        ("`make demo` once packages are installed", f"{first - installed:.0f} s"),
        ("download (packages, CPU torch)", f"{downloaded / MEGABYTE:,.0f} MB"),
        ("virtual environment on disk", f"{_size(root / '.venv') / MEGABYTE:,.0f} MB"),
    ]


def _service(checkpoint: Path, work: Path) -> list[tuple[str, str]]:
    pictures = [draw_pattern(list(PATTERNS)[at % len(PATTERNS)], Random(at)) for at in range(ITEMS)]
    start = time.monotonic()
    with serving(checkpoint, new_store(work)) as service, Client(service.url) as client:
        ready = time.monotonic() - start
        memory = service.resident_bytes()
        before = time.monotonic()
        client.put_item("first", title="Sailboat mug", text="Rope and salt.", image=pictures[0])
        first_item = time.monotonic() - before
        before = time.monotonic()
        client.recommend("words-sailing-01")
        first_list = time.monotonic() - before
        used = service.cpu_seconds()
        for at, picture in enumerate(pictures):
            client.put_item(f"item-{at}", title=f"Mug {at}", text="A sailboat leaves the harbour at dawn.", image=picture)
        used = service.cpu_seconds() - used
        loaded = service.resident_bytes()
    return [
        ("start of the service", f"{ready:.1f} s"),
        ("memory when idle", f"{memory / MEGABYTE:,.0f} MB"),
        (f"memory after {ITEMS} items", f"{loaded / MEGABYTE:,.0f} MB"),
        ("first `POST /items`, picture and words", f"{1000 * first_item:.0f} ms"),
        ("first `GET /recommend`", f"{1000 * first_list:.0f} ms"),
        ("CPU per 1,000 items, picture and words, one at a time", f"{used / ITEMS * 1000:.0f} s"),
    ]


def _size(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file() and not path.is_symlink())


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--image")
    parser.add_argument("--skip-clone", action="store_true", help="measure only a service, on this checkout's demo checkpoint")
    options = parser.parse_args()
    if not shutil.which("make"):
        sys.exit("make is missing")
    return options


if __name__ == "__main__":
    main()

"""
How fast a service of many items answers, beside floors that are measured in the same run.

    python -m benchmarks.serving [--items N] [--work DIR] [--seconds S]

Generates a shop of N items and N users, trains on it (briefly: it is not about quality), serves the checkpoint, and posts
the whole shop. Then lists are asked for, each by another user: as many as go, beside a route that does nothing on the same
server; and by the clock, alone and while pictures and words are posted. New items are posted one by one, each beside the
same encoders and one commit without a service. What `--work` holds of an earlier run is used again, but for the store.
"""

import argparse
import itertools
import json
import sqlite3
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from random import Random
from statistics import median
from urllib.parse import quote

from benchmarks.load import Load, ask
from benchmarks.running import Running, free_port, new_store, running, serving, thaw
from benchmarks.shop import draw_item, user_id, write_shop
from model.content import Content
from service.client import Client
from service.space import Space, open_space
from training.machine import describe_machine

QUICK = ("--set", "landmarks=1024", "--set", "head_epochs=1", "--set", "gate_epochs=1")
CONNECTIONS = 16
NEW_ITEMS = 100
_MEGABYTE = 1e6
Row = tuple[str, str]


def main() -> None:
    options = _parse()
    with tempfile.TemporaryDirectory() as temporary:
        work = options.work or Path(temporary)
        rows = measure(work, options.items, options.seconds)
    print("| what | measured |\n|---|---|\n" + "\n".join(f"| {name} | {value} |" for name, value in rows))
    print(f"\n{options.items:,} items and as many users, {CONNECTIONS} connections; {describe_machine()}.")


def measure(work: Path, items: int, seconds: float) -> list[Row]:
    """Every row, in the order in which it is measured."""
    shop, checkpoint, store = work / f"shop-{items}", work / f"checkpoint-{items}", new_store(work)
    if not (checkpoint / "manifest.json").exists():
        write_shop(shop, items)
        thaw("train", "--data", str(shop), "--out", str(checkpoint), "--overwrite", *QUICK)
    paths = _paths(work, items)
    with serving(checkpoint, store) as service:
        rows = _ingest(service, shop, items)
    start = time.monotonic()
    with serving(checkpoint, store) as service:
        rows.append((f"from start to ready with {items:,} items", f"{time.monotonic() - start:.1f} s"))
        rows.append(("memory then", f"{service.resident_bytes() / _MEGABYTE:,.0f} MB"))
        rows += _throughput(service, work, paths, seconds)
        rows += _latency(service, paths, seconds)
        rows += _posting(service, open_space(checkpoint, device="cpu", places={}, threads=1), work)
    return rows


def _ingest(service: Running, shop: Path, items: int) -> list[Row]:
    start = time.monotonic()
    thaw("ingest", str(shop), "--url", service.url)
    took = time.monotonic() - start
    return [("`thaw ingest` of all, every fiftieth with words and picture", f"{took:.0f} s, {items / took:,.0f} items/s")]


def _throughput(service: Running, work: Path, paths: Path, seconds: float) -> list[Row]:
    answer = work / "answer.json"
    with Client(service.url) as client:
        answer.write_text(json.dumps(client.recommend(user_id(0), k=20), separators=(",", ":")))
    port = free_port()
    with running(port, ["-m", "benchmarks.bare", str(port), str(answer)], {}) as bare:
        floor = _checked(ask(bare.port, paths, connections=CONNECTIONS, seconds=seconds))
    used = service.cpu_seconds()
    found = _checked(ask(service.port, paths, connections=CONNECTIONS, seconds=seconds))
    used = service.cpu_seconds() - used
    filtered = _checked(ask(service.port, _filtered(work, paths), connections=CONNECTIONS, seconds=seconds))
    return [
        ("a route that does nothing", f"{floor.per_second:,.0f} requests/s"),
        ("lists of 20, each for another user", f"{found.per_second:,.0f} requests/s"),
        ("of the route that does nothing", f"{found.per_second / floor.per_second:.0%}"),
        ("CPU of one list", f"{1000 * used / found.answers:.2f} ms"),
        ("such lists of all but one colour", f"{filtered.per_second:,.0f} requests/s"),
    ]


def _latency(service: Running, paths: Path, seconds: float) -> list[Row]:
    rows = []
    for rate in (100, 300):
        alone = _checked(ask(service.port, paths, connections=64, seconds=seconds, rate=rate))
        with _posts(service) as posted:
            beside = _checked(ask(service.port, paths, connections=64, seconds=seconds, rate=rate))
        rows.append((f"lists at {rate} a second: half, 99 of 100 within", _times(alone)))
        rows.append((f"the same while {len(posted) / seconds:.0f} items a second are posted", _times(beside)))
    return rows


def _posting(service: Running, space: Space, work: Path) -> list[Row]:
    """New items one by one over HTTP, each after the same work without a service."""
    random = Random(1)
    floors, posts = [], []
    with Client(service.url) as client, sqlite3.connect(work / "floor.sqlite") as database:
        database.execute("PRAGMA journal_mode=WAL")
        database.execute("PRAGMA synchronous=FULL")
        database.execute("CREATE TABLE IF NOT EXISTS kept (embedding BLOB)")
        for number in range(NEW_ITEMS):
            title, text, picture = draw_item(random)
            start = time.perf_counter()
            _embed_and_commit(space, Content(title, text, picture, {}), database)
            between = time.perf_counter()
            client.put_item(f"new-{number}", title=title, text=text, image=picture)
            floors.append(between - start)
            posts.append(time.perf_counter() - between)
    floor, post = median(floors), median(posts)
    return [
        ("decode, encode, embed and commit one item, without a service", f"{1000 * floor:.1f} ms"),
        ("`POST /items` of it", f"{1000 * post:.1f} ms, {post / floor:.2f} times that"),
    ]


def _embed_and_commit(space: Space, content: Content, database: sqlite3.Connection) -> None:
    tower = space.tower
    embedded = tower.embed(tower.encode([tower.prepare(content)]))
    database.execute("INSERT INTO kept VALUES (?)", (embedded.embeddings.tobytes(),))
    database.commit()


@contextmanager
def _posts(service: Running) -> Iterator[list[int]]:
    """Posts pictures and words, one after the other, until it is left; the numbers of those posted so far."""
    posted: list[int] = []
    stop = threading.Event()
    random = Random(2)
    drawn = itertools.cycle([draw_item(random) for _ in range(NEW_ITEMS)])  # before: drawing takes time of its own

    def post() -> None:
        with Client(service.url) as client:
            while not stop.is_set():
                title, text, picture = next(drawn)
                client.put_item(f"poured-{time.monotonic_ns()}", title=title, text=text, image=picture)
                posted.append(len(posted))

    thread = threading.Thread(target=post)
    thread.start()
    try:
        yield posted
    finally:
        stop.set()
        thread.join()


def _paths(work: Path, users: int) -> Path:
    order = list(range(users))
    Random(0).shuffle(order)
    paths = work / "paths.txt"
    paths.write_text("\n".join(f"/recommend/{user_id(number)}?k=20" for number in order))
    return paths


def _filtered(work: Path, paths: Path) -> Path:
    """The same lists, without the items of a colour."""
    wanted = quote('{"must_not": [{"attribute": "colour", "equals": "blue"}]}')
    filtered = work / "filtered.txt"
    filtered.write_text("\n".join(f"{path}&filter={wanted}" for path in paths.read_text().splitlines()))
    return filtered


def _times(load: Load) -> str:
    return f"{load.percentile(0.5):.1f} ms, {load.percentile(0.99):.1f} ms"


def _checked(load: Load) -> Load:
    if load.failures or not load.answers:
        raise SystemExit(f"{load.failures} of {load.answers} answers were no lists")
    return load


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--items", type=int, default=100_000)
    parser.add_argument("--work", type=Path, help="where the shop, the checkpoint and the store are kept")
    parser.add_argument("--seconds", type=float, default=10, help="of each measurement under load")
    return parser.parse_args()


if __name__ == "__main__":
    main()

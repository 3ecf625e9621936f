"""
How the recipe `thaw` grows: seconds and peak memory of training on generated sets of N users and N items.

    python -m benchmarks.scale [--sizes 12500 25000 50000 100000] [--landmarks N] [--epochs N]

Each size is trained in a process of its own. The slope between successive sizes says how many bytes one more item
(and one more user) costs: a slope that stays the same is linear, one that doubles with the size is quadratic. No
encoder runs: features are drawn at random around planted tastes, two modalities far narrower than the default encoders', and
only the recipe is measured: it is the slope that is looked for, not what a catalogue needs.
"""

import argparse
import json
import resource
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from model.content import FloatArray
from model.encoders.spec import EncoderSpec, Kind
from model.features import Features
from training.dataset import ColdData, WarmData
from training.machine import describe_machine
from training.progress import ConsoleReporter
from training.recipes.thaw import train_thaw
from training.recipes.thaw_numbers import ThawNumbers
from training.recipes.trained import Job

SIZES = (12_500, 25_000, 50_000, 100_000)
TASTES = 64
DIM = 64
COLD = 1_000
LIKES, ASTRAY, COLD_LIKES = 16, 4, 2
"""Of each user: of its own taste, of any taste, and among the cold items."""


@dataclass(frozen=True, slots=True)
class Cost:
    """What training on one size took."""

    size: int
    seconds: float
    data_bytes: int
    """Resident before training began, the generated set included."""
    peak_bytes: int
    """The most that was resident at any time."""


def main() -> None:
    options = _parse()
    if options.measure:
        print(json.dumps(measure(options.measure, options.landmarks, options.epochs)))
        return
    costs = []
    for size in sorted(options.sizes):
        costs.append(_apart(size, options.landmarks, options.epochs))
        print(f"{size:,}: {costs[-1].seconds:.0f} s, {costs[-1].peak_bytes / 1e6:,.0f} MB", file=sys.stderr, flush=True)
    print(to_table(costs))
    print(
        f"\nN users and N items, {LIKES + ASTRAY} likes a user, {options.landmarks:,} landmarks, {options.epochs} epochs a stage."
    )
    print(f"{describe_machine()}.")


def measure(size: int, landmarks: int, epochs: int) -> dict[str, float]:
    """Trains on one generated set in this process; the fields of `Cost`."""
    job = make_job(size)
    before = _peak()
    start = time.monotonic()
    train_thaw(job, ThawNumbers(landmarks=landmarks, head_epochs=epochs, gate_epochs=epochs))
    return {"size": size, "seconds": time.monotonic() - start, "data_bytes": before, "peak_bytes": _peak()}


def make_job(size: int, seed: int = 0) -> Job:
    """`size` users and `size` warm items around planted tastes, and some cold items to judge by."""
    random = np.random.default_rng(seed)
    tastes = random.standard_normal((2, TASTES, DIM)).astype(np.float32)
    warm, cold = random.integers(0, TASTES, size), random.integers(0, TASTES, COLD)
    of_users = random.integers(0, TASTES, size)
    likes = _draw_likes(of_users, warm, LIKES, ASTRAY, random)
    return Job(
        WarmData(_ids("i", size), _draw_features(tastes, warm, random), _ids("u", size), likes, likes, np.zeros(size, np.bool_)),
        ColdData(_ids("c", COLD), _draw_features(tastes, cold, random), _draw_likes(of_users, cold, COLD_LIKES, 0, random)),
        {str(kind): EncoderSpec(f"drawn-{kind}", kind, DIM, "float32", "drawn at random") for kind in (Kind.IMAGE, Kind.TEXT)},
        seed,
        "cpu",
        ConsoleReporter(30),
    )


def to_table(costs: Sequence[Cost]) -> str:
    """Markdown: each size's cost, the slope from the size before it, and that slope over the first one (1: linear)."""
    lines = [
        "| N | seconds | peak MB | above the data MB | bytes an item, from the last size | over the first slope |",
        "|---" * 6 + "|",
    ]
    slopes: list[float] = []
    for at, cost in enumerate(costs):
        shown = ["", ""]
        if at:
            slopes.append((cost.peak_bytes - costs[at - 1].peak_bytes) / (cost.size - costs[at - 1].size))
            shown = [f"{slopes[-1]:,.0f}", f"{slopes[-1] / slopes[0]:.2f}"]
        above = cost.peak_bytes - cost.data_bytes
        cells = [f"{cost.size:,}", f"{cost.seconds:.0f}", f"{cost.peak_bytes / 1e6:,.0f}", f"{above / 1e6:,.0f}", *shown]
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def _draw_features(tastes: FloatArray, of: NDArray[np.int64], random: np.random.Generator) -> Features:
    values = []
    for centres in tastes:
        drawn = centres[of] + random.standard_normal((len(of), DIM), dtype=np.float32)
        values.append(drawn / np.linalg.norm(drawn, axis=1, keepdims=True))
    return Features(tuple(values), np.ones((len(of), len(values)), np.bool_))


def _draw_likes(
    users: NDArray[np.int64], items: NDArray[np.int64], own: int, astray: int, random: np.random.Generator
) -> sp.csr_array:
    """Each user's likes: `own` of its taste, the first ones more often, and `astray` of any."""
    order = np.argsort(items, kind="stable")
    starts = np.searchsorted(items[order], np.arange(TASTES + 1))
    room = starts[users + 1] - starts[users]  # (U,)
    places = starts[users, None] + (random.random((len(users), own)) ** 2 * room[:, None]).astype(np.int64)
    columns = np.concatenate(
        [order[np.minimum(places, len(items) - 1)], random.integers(0, len(items), (len(users), astray))], axis=1
    )
    rows = np.repeat(np.arange(len(users)), columns.shape[1])
    likes = sp.csr_array((np.ones(columns.size, np.float32), (rows, columns.ravel())), shape=(len(users), len(items)))
    likes.sum_duplicates()
    likes.data[:] = 1
    return likes


def _ids(letter: str, count: int) -> list[str]:
    return [f"{letter}{at}" for at in range(count)]


def _peak() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def _apart(size: int, landmarks: int, epochs: int) -> Cost:
    words = ["--measure", str(size), "--landmarks", str(landmarks), "--epochs", str(epochs)]
    done = subprocess.run([sys.executable, "-m", "benchmarks.scale", *words], stdout=subprocess.PIPE, text=True, check=True)
    return Cost(**json.loads(done.stdout))


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="seconds and peak memory of training `thaw` on ever larger generated sets")
    parser.add_argument("--sizes", type=int, nargs="+", default=SIZES, help="users, and as many items, of each set")
    parser.add_argument("--landmarks", type=int, default=ThawNumbers().landmarks)
    parser.add_argument("--epochs", type=int, default=2, help="of each stage of learning to rank")
    parser.add_argument("--measure", type=int, help=argparse.SUPPRESS)
    return parser.parse_args()


if __name__ == "__main__":
    main()

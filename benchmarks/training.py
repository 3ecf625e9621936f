"""
What training costs beside its products alone: the numbers of the training table in docs/ranking.md.

    python -m benchmarks.training --data DIR [--epochs N]

Trains each recipe on the folder's features, `paper` for a few epochs, and times it. Then trains again and notes the
shape of every product of torch's (forward and backward) and of every positive system that is solved; and times these
alone, on random numbers of the same shapes. Products of numpy's, sparse ones, and systems and eigenvectors that numpy and
scipy find elsewhere are not noted, so that the floor is a little too low, and training looks a little worse beside it than it is.
"""

import argparse
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
import torch
from numpy.typing import NDArray
from torch.utils._python_dispatch import TorchDispatchMode

from training.config import ENCODERS, DataConfig, ReadingConfig, read_numbers
from training.machine import describe_machine
from training.progress import ConsoleReporter, SilentReporter
from training.protocols.run import ProtocolConfig, open_arena
from training.protocols.trial import Cut, draw_trial
from training.recipes import calibration, closed_form, likeness
from training.recipes.paper import PaperNumbers, train_paper
from training.recipes.thaw import train_thaw
from training.recipes.thaw_numbers import ThawNumbers
from training.recipes.trained import Job

_PRODUCTS = ("mm", "addmm", "bmm", "baddbmm")
_REPEATS = 5
Shapes = tuple[tuple[int, ...], ...]


def main() -> None:
    options = _parse()
    numbers = read_numbers(PaperNumbers, {"epochs": str(options.epochs), "patience": str(options.epochs)})
    runs: dict[str, Callable[[Job], object]] = {
        "thaw": lambda job: train_thaw(job, ThawNumbers()),
        "paper": lambda job: train_paper(job, numbers),
    }
    print("| recipe | training | its products and solutions alone | share |\n|---|---|---|---|")
    for name, train in runs.items():
        job = _read(options.data, ENCODERS[name])
        took = _seconds(lambda train=train, job=job: train(job))  # type: ignore[misc]
        with note_shapes() as products, note_systems() as systems:
            train(job)
        floor = replay_products(products) + replay_systems(systems)
        label = f"`{name}`, {options.epochs} epochs" if name == "paper" else f"`{name}`"
        print(f"| {label} | {took:.1f} s | {floor:.1f} s | {floor / took:.0%} |", flush=True)
    print(f"\n{describe_machine()}, torch threads: {torch.get_num_threads()}.")


def _read(data: Path, encoders: Mapping[str, str]) -> Job:
    config = ProtocolConfig("cold-only", DataConfig(data), reading=ReadingConfig(encoders={"*": "none", **encoders}))
    trial = draw_trial(open_arena(config, ConsoleReporter()), 0, Cut(), SilentReporter())
    return replace(trial.job, reporter=SilentReporter())


@contextmanager
def note_shapes() -> Iterator[Counter[Shapes]]:
    """How often torch multiplies matrices of which shapes while this is open."""
    found: Counter[Shapes] = Counter()

    class Noting(TorchDispatchMode):  # type: ignore[no-untyped-call]
        def __torch_dispatch__(self, func: Any, types: Any, args: Sequence[Any] = (), kwargs: Any = None) -> Any:
            if func.overloadpacket.__name__ in _PRODUCTS:
                pair = args[-2:] if len(args) > 1 else args
                found[tuple(tuple(matrix.shape) for matrix in pair)] += 1
            return func(*args, **(kwargs or {}))

    with Noting():  # type: ignore[no-untyped-call]
        yield found


@contextmanager
def note_systems() -> Iterator[Counter[tuple[int, int]]]:
    """How often which systems are solved while this is open: equations, right-hand sides, 0 of these for an inverse."""
    found: Counter[tuple[int, int]] = Counter()
    solve, invert = closed_form.solve_positive, closed_form.invert_positive

    def noting(inner: NDArray[np.float64], right: NDArray[np.floating]) -> NDArray[np.float64]:
        found[(len(inner), right.shape[1])] += 1
        return solve(inner, right)

    def noting_inverse(matrix: NDArray[closed_form.Real]) -> NDArray[closed_form.Real]:
        found[(len(matrix), 0)] += 1
        return invert(matrix)

    with ExitStack() as patches:
        for user in (closed_form, likeness):
            patches.enter_context(mock.patch.object(user, "solve_positive", noting))
        for user in (closed_form, calibration):
            patches.enter_context(mock.patch.object(user, "invert_positive", noting_inverse))
        yield found


def replay_products(shapes: Mapping[Shapes, int]) -> float:
    """Seconds for as many products of these shapes."""
    total = 0.0
    for (left, right), count in shapes.items():
        one, other = torch.rand(left), torch.rand(right)
        repeats = min(count, _REPEATS)
        took = _seconds(lambda one=one, other=other, repeats=repeats: [one @ other for _ in range(repeats)])  # type: ignore[misc]
        total += took / repeats * count
    return total


def replay_systems(systems: Mapping[tuple[int, int], int]) -> float:
    """Seconds for as many solutions of such systems."""
    total = 0.0
    for (size, columns), count in systems.items():
        inner = (np.eye(size) + 0.5 / size).astype(np.float64 if columns else np.float32)
        total += _seconds(partial(_solve, inner, columns)) * count
    return total


def _solve(inner: NDArray[Any], columns: int) -> None:
    if columns:
        closed_form.solve_positive(inner, np.ones((len(inner), columns)))
    else:
        closed_form.invert_positive(inner)


def _seconds(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--epochs", type=int, default=2, help="of `paper`")
    return parser.parse_args()


if __name__ == "__main__":
    main()

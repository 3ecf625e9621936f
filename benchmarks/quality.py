"""
How well a recipe's checkpoint ranks held-out items.

    python -m benchmarks.quality --data DIR [--split-seed N ...] [--recipe thaw --recipe paper] [--set paper.epochs=20]

Trains each recipe on the folder, on its own split or on random ones, and prints the metrics on the items held out as
`cold_val`. These items also say when training stops, so the numbers flatter every recipe a little, and alike.
"""

import argparse
import sys
import time
from pathlib import Path

import numpy as np

from training.config import DataConfig, TrainConfig
from training.data.plain import read_folder
from training.features import encode_folder
from training.machine import describe_machine
from training.progress import ConsoleReporter, SilentReporter
from training.readings import make_reader, make_readings
from training.train import split_labels, train_on

SHOWN = ("ndcg@10", "ndcg@20", "ndcg@50", "recall@20", "hr@10")


def main() -> None:
    options = _parse()
    folder = read_folder(options.data)
    print(f"| recipe | {' | '.join(SHOWN)} | training |\n|---|{'---|' * (len(SHOWN) + 1)}")
    for recipe in options.recipe or ["thaw", "paper"]:
        numbers = dict(pair.partition(".")[2].split("=", 1) for pair in options.set or [] if pair.startswith(f"{recipe}."))
        found = []
        start = time.monotonic()
        for seed in options.split_seed or [None]:
            config = TrainConfig(DataConfig(options.data), Path(), recipe, split_seed=seed, numbers=numbers)
            readings = make_readings(config.full_reading, folder, split_labels(folder, config), "cpu", ConsoleReporter())
            features = encode_folder(folder, folder.items, make_reader(readings), config.data, ConsoleReporter())
            found.append(train_on(folder, features, readings, config, SilentReporter()).manifest.metrics)
        seconds = (time.monotonic() - start) / len(found)
        means = [np.mean([metrics[name] for metrics in found]) for name in SHOWN]
        label = ", ".join([f"`{recipe}`", *(f"{name} {value}" for name, value in numbers.items())])
        print(f"| {label} | {' | '.join(f'{mean:.3f}' for mean in means)} | {seconds:.0f} s |")
        sys.stdout.flush()
    print(f"\n{describe_machine()}.")


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--split-seed", type=int, action="append")
    parser.add_argument("--recipe", action="append")
    parser.add_argument("--set", action="append", help="RECIPE.NAME=VALUE")
    return parser.parse_args()


if __name__ == "__main__":
    main()

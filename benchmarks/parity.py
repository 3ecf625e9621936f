"""
Train-serve parity on a real data folder: NDCG@20 from answers over HTTP beside what `thaw evaluate` prints.

    python -m benchmarks.parity --data DIR [--split cold_val] [--recipe thaw] [--work DIR]

Trains on the folder, serves the checkpoint, posts every item of the split, asks for the k = 20 cold items of every
user that likes one of them, and compares. Exit status 1 if the two differ by more than 0.001.
"""

import argparse
import json
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np

from benchmarks.running import new_store, serving, thaw
from service.client import CallFailed, Client
from training.data.folder import DataFolder
from training.data.plain import read_folder

K = 20


def main() -> None:
    options = _parse()
    with tempfile.TemporaryDirectory() as temporary:
        work = options.work or Path(temporary)
        work.mkdir(parents=True, exist_ok=True)
        start = time.monotonic()
        checkpoint = work / "checkpoint"
        thaw("train", "--data", str(options.data), "--out", str(checkpoint), "--recipe", options.recipe, "--overwrite")
        trained = time.monotonic() - start
        result = work / "evaluation.json"
        common = ("--data", str(options.data), "--split", options.split, "--json", str(result))
        thaw("evaluate", "--checkpoint", str(checkpoint), *common)
        offline = json.loads(result.read_text())
        with serving(checkpoint, new_store(work)) as service:
            thaw("ingest", str(options.data), "--url", service.url, "--split", options.split)
            online, users = ndcg_over_http(service.url, read_folder(options.data), options.split)
    print(f"offline NDCG@{K} {offline[f'ndcg@{K}']:.6f} over {offline['users']} users, {offline['items']} items")
    print(f"online  NDCG@{K} {online:.6f} over {users} users")
    print(f"trained in {trained:.0f} s, all in {time.monotonic() - start:.0f} s")
    sys.exit(int(abs(online - offline[f"ndcg@{K}"]) > 1e-3 or users != offline["users"]))


def ndcg_over_http(url: str, folder: DataFolder, split: str) -> tuple[float, int]:
    """Mean NDCG@20 over the users that like an item of the split and that the service knows, and their number."""
    candidates = {row for row, item in enumerate(folder.items) if item.split == split}
    table = folder.interactions
    liked: dict[int, set[str]] = {}
    for user, row in zip(table.users[table.positive].tolist(), table.items[table.positive].tolist(), strict=True):
        if row in candidates:
            liked.setdefault(user, set()).add(folder.items[row].item_id)
    with Client(url) as client, ThreadPoolExecutor(4) as pool:

        def measure(user: int) -> float | None:
            try:
                answer = client.recommend(table.user_ids[user], k=K, cold_only=True, exclude_seen=False)
            except CallFailed as error:
                if error.status == 404:
                    return None
                raise
            return ndcg([hit["item_id"] for hit in answer["items"]], liked[user])

        found = [value for value in pool.map(measure, liked) if value is not None]
    return float(np.mean(found)), len(found)


def ndcg(ranking: list[str], liked: set[str]) -> float:
    """Written again on purpose: what is compared must not share its arithmetic."""
    discounts = 1 / np.log2(np.arange(2, K + 2))
    gained = sum(discount for discount, item_id in zip(discounts, ranking, strict=False) if item_id in liked)
    return float(gained / discounts[: len(liked)].sum())


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--split", default="cold_val")
    parser.add_argument("--recipe", default="thaw")
    parser.add_argument("--work", type=Path)
    return parser.parse_args()


if __name__ == "__main__":
    main()

"""Who likes what may be as odd as it is in a shop of second-hand things: training finds what there is to find."""

import json
from pathlib import Path

import numpy as np
import pytest

from model.checkpoint import load_checkpoint
from tests.training.test_small_catalogues import every, run, write

ONE_OF_EACH_USER = [(user, user % 20) for user in range(30)]
ONE_OF_EACH_ITEM = [(at % 5, at) for at in range(20)]
EVERYBODY_THE_SAME = [(user, at) for user in range(10) for at in range(0, 20, 2)]
ONE_USER = [(0, at) for at in range(20)]


@pytest.mark.parametrize(
    ("recipe", "likes"),
    [
        ("thaw", ONE_OF_EACH_USER),
        ("thaw", ONE_OF_EACH_ITEM),
        ("thaw", EVERYBODY_THE_SAME),
        ("thaw", ONE_USER),
        ("paper", ONE_OF_EACH_ITEM),
    ],
    ids=["one of each user", "one of each item", "everybody the same", "one user", "paper, one of each item"],
)
def test_audiences_that_do_not_differ_are_trained_on(tmp_path: Path, recipe: str, likes: list[tuple[int, int]]) -> None:
    """Without what an own like put into a taste, nothing may be left of it but rounding."""
    folder = write(tmp_path / "data", items=20, users=2, image=every, words=every)
    rows = [{"user_id": f"user-{user}", "item_id": f"item-{at}"} for user, at in [*likes, (0, 4), (0, 5)]]
    (folder / "interactions.jsonl").write_text("\n".join(map(json.dumps, rows)))
    items = [json.loads(line) for line in (folder / "items.jsonl").read_text().splitlines()]
    split = [{**row, "split": "cold_val" if at == 4 else "warm"} for at, row in enumerate(items)]
    (folder / "items.jsonl").write_text("\n".join(map(json.dumps, split)))

    run(folder, recipe, width="8")
    checkpoint = load_checkpoint(folder / "out")

    assert all(np.isfinite(values).all() for values in checkpoint.fold_in.values())


def test_items_that_nobody_liked_stay_cold(tmp_path: Path) -> None:
    """All that could be learned of them would make them like each other; what was said against them is kept."""
    folder = write(tmp_path / "data", items=30, users=15, image=every, words=every)
    rows = [json.loads(line) for line in (folder / "interactions.jsonl").read_text().splitlines()]
    liked = [row for row in rows if row["item_id"] not in ("item-3", "item-4")]
    rated = {"user_id": "user-0", "item_id": "item-3", "event_type": "rating", "value": 0}
    (folder / "interactions.jsonl").write_text("\n".join(map(json.dumps, [*liked, rated])))
    items = [json.loads(line) for line in (folder / "items.jsonl").read_text().splitlines()]
    split = [{**row, "split": "cold_val" if at % 5 == 0 else "warm"} for at, row in enumerate(items)]
    (folder / "items.jsonl").write_text("\n".join(map(json.dumps, split)))

    run(folder, "thaw", width="8")
    checkpoint = load_checkpoint(folder / "out")

    assert not {"item-3", "item-4"} & set(checkpoint.item_ids)
    assert ("user-0", "item-3", 0.0) in set(checkpoint.held_out.rows())

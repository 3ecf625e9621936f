"""Folders as MMRec and LATTICE lay them out, made on the spot."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

PARTS = ("train", "val", "test")
PAIRS = ((7, 0, 0), (7, 2, 1), (3, 1, 0), (3, 2, 2), (7, 1, 0), (7, 2, 0))
"""User, item, and the part it is in; the last is there twice."""
LIKED = {("7", "0"), ("7", "1"), ("7", "2"), ("3", "1"), ("3", "2")}


def write_features(folder: Path, image: NDArray[Any] | None = None, text: NDArray[Any] | None = None) -> Path:
    """The two files; by default of three items: pictures (3, 2) in float64, as the real files are, and words (3, 3)."""
    folder.mkdir(parents=True, exist_ok=True)
    np.save(folder / "image_feat.npy", np.array([[3.0, 4.0], [0.0, 2.0], [1.0, 0.0]]) if image is None else image)
    np.save(folder / "text_feat.npy", np.eye(3, dtype=np.float32) * 5 if text is None else text)
    return folder


def write_inter(folder: Path, pairs: Sequence[tuple[int, int, int]] = PAIRS) -> None:
    lines = [f"{user}\t{item}\t1.0\t1390694400\t{part}" for user, item, part in pairs]
    (folder / "baby.inter").write_text("\n".join(["userID\titemID\trating\ttimestamp\tx_label", *lines]) + "\n")


def write_parts(folder: Path, suffix: str, pairs: Sequence[tuple[int, int, int]] = PAIRS) -> None:
    """Three files of `json` or `txt`, in which every user stands in every file."""
    folder.mkdir(exist_ok=True)
    for number, part in enumerate(PARTS):
        lists: dict[int, list[int]] = {user: [] for user, _, _ in pairs}
        for user, item, where in pairs:
            if where == number:
                lists[user].append(item)
        lines = [" ".join(map(str, [user, *items])) for user, items in lists.items()]
        (folder / f"{part}.{suffix}").write_text(json.dumps(lists) if suffix == "json" else "\n".join(lines) + "\n")


def write_catalogue(folder: Path, items: int = 60, users: int = 50) -> Path:
    """One of planted tastes, each of four shown in the picture and in the words, noise on both."""
    random = np.random.default_rng(0)
    taste = np.arange(items) % 4
    shown = np.eye(4)[taste]
    image = shown @ random.normal(size=(4, 10)) + 0.1 * random.normal(size=(items, 10))
    text = (shown @ random.normal(size=(4, 6)) + 0.1 * random.normal(size=(items, 6))).astype(np.float32)
    write_features(folder, image, text)
    likes = [(user, item) for user in range(users) for item in range(items) if taste[item] == user % 4 and random.random() < 0.6]
    write_inter(folder, [(user, item, int(random.integers(3))) for user, item in likes])
    return folder

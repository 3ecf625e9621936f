"""A demo whose items come with vectors: of a sound that says which pattern the picture has."""

import shutil
from pathlib import Path

import numpy as np

from model.content import FloatArray
from tests.fakes import read_truth

DIM = 12
PATTERNS = ("dots", "leaves", "stripes", "waves")


def sound_of(pattern: str, seed: int = 0) -> FloatArray:
    """(DIM,) float32: one direction for each pattern, and some noise."""
    noise = np.random.default_rng(seed).standard_normal(DIM)
    return np.asarray(3 * np.eye(DIM)[PATTERNS.index(pattern)] + 0.2 * noise, np.float32)


def copy_with_sounds(catalogue: Path, out: Path) -> None:
    """The same folder, and `vectors/sound.npz` beside its tables."""
    shutil.copytree(catalogue, out)
    truth = read_truth(catalogue)
    sounds = {item_id: sound_of(row["pattern"], seed) for seed, (item_id, row) in enumerate(truth.items())}
    write_vectors(out, "sound", sounds)


def write_vectors(folder: Path, name: str, vectors: dict[str, FloatArray]) -> None:
    """Writes `vectors/NAME.npz`."""
    (folder / "vectors").mkdir(exist_ok=True)
    np.savez(folder / "vectors" / f"{name}.npz", item_id=np.array(list(vectors)), vectors=np.stack(list(vectors.values())))

"""An encoder of no understanding, for tests: equal content gives equal features, and that is all."""

import hashlib
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from model.content import FloatArray
from model.encoders.spec import EncoderSpec, Kind, Raw


class HashEncoder:
    """
    Words: a fixed random direction each, summed. Pictures: mean colours of a 4 x 4 grid, mixed at random.

    Chosen only by its name, `hash-text:DIM` or `hash-image:DIM`; never a fallback.
    """

    backend = "numpy"

    def __init__(self, kind: Kind, dim: int) -> None:
        self.spec = EncoderSpec(id=f"hash-{kind}", kind=kind, dim=dim, precision="float32", preprocessing="none")

    def shrink(self, picture: Image.Image) -> NDArray[np.uint8]:
        """(4, 4, 3)."""
        return np.array(picture.resize((4, 4)), np.uint8)

    def encode(self, raws: Sequence[Raw]) -> FloatArray:
        features: FloatArray = np.zeros((len(raws), self.spec.dim), np.float32)
        for row, raw in enumerate(raws):
            features[row] = self._direction(raw) if isinstance(raw, str) else self._colours(raw)
        features /= np.linalg.norm(features, axis=1, keepdims=True)
        return features

    def _direction(self, words: str) -> FloatArray:
        drawn = [_random(word.encode(), (self.spec.dim,)) for word in words.lower().split()]
        total: FloatArray = np.sum(drawn, axis=0, dtype=np.float32)
        return total

    def _colours(self, raw: Raw) -> FloatArray:
        assert not isinstance(raw, str)
        pixels = self.shrink(raw) if isinstance(raw, Image.Image) else raw
        grid = pixels.astype(np.float32).reshape(-1) / np.float32(255) - np.float32(0.5)  # (48,)
        mixed: FloatArray = np.append(grid, np.float32(0.1)).astype(np.float32) @ _random(b"grid", (49, self.spec.dim))
        return mixed


def _random(seed: bytes, shape: tuple[int, ...]) -> FloatArray:
    digest = int.from_bytes(hashlib.sha256(seed).digest()[:8])
    return np.random.default_rng(digest).standard_normal(shape, dtype=np.float32)

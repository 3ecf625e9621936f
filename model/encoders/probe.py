"""Fixed content that shows whether two encoders compute the same: kept in each checkpoint with what it came to."""

import base64
import io
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from model.encoders.picture import decode_image
from model.encoders.spec import Encoder, EncoderSpec, Kind
from model.errors import ProbeMismatch
from model.features import Encoding, row_to_bytes, rows_of_bytes

_WORDS = (
    "A lantern.",
    "Two brothers restore an old sailing boat and cross the northern sea in autumn.",
    "Caffè, naïve façade, 12 € & 3 kg: prices, accents and signs!",
)
SAME_BACKEND, OTHER_BACKEND = 0.999, 0.99999


@dataclass(frozen=True, slots=True)
class Probes:
    """Probe inputs and each modality's features of them."""

    words: tuple[str, ...]
    pictures: tuple[bytes, ...]
    """PNG files."""
    features: Mapping[str, Encoding]
    """By modality, (P, d_m) float32."""

    def verify(self, modality: str, encoder: Encoder, backend: str) -> None:
        """
        Args:
            backend: what the checkpoint's features were computed with; another one must agree more closely.

        Raises:
            ProbeMismatch: the encoder gives other features.
        """
        got = _encode(encoder, self.words, self.pictures)
        cosine = float((got * self.features[modality]).sum(axis=1).min())  # element by element, sparse arrays too
        limit = SAME_BACKEND if encoder.backend == backend else OTHER_BACKEND
        if not cosine >= limit:  # a NaN must not pass
            raise ProbeMismatch(modality, cosine=cosine, limit=limit)

    def to_inputs(self) -> dict[str, list[str]]:
        """The inputs as a JSON file holds them."""
        return {"words": list(self.words), "pictures": [base64.b64encode(png).decode() for png in self.pictures]}

    def to_arrays(self) -> dict[str, NDArray[np.uint8]]:
        """The features as a file of arrays holds them: each probe's row as bytes."""
        return {
            f"{modality}.{row}": np.frombuffer(row_to_bytes(encoding, row), np.uint8)
            for modality, encoding in self.features.items()
            for row in range(encoding.shape[0])
        }

    @classmethod
    def read(
        cls, inputs: Mapping[str, list[str]], arrays: Mapping[str, NDArray[np.uint8]], specs: Mapping[str, EncoderSpec]
    ) -> "Probes":
        """The opposite of `to_inputs` and `to_arrays`."""
        pictures = tuple(base64.b64decode(png) for png in inputs["pictures"])
        counts = {Kind.TEXT: len(inputs["words"]), Kind.IMAGE: len(pictures)}
        features = {}
        for modality, spec in specs.items():
            rows = [arrays[f"{modality}.{row}"].tobytes() for row in range(counts[spec.kind])]
            features[modality] = rows_of_bytes(rows, spec.dim, sparse=spec.sparse)
        return cls(tuple(inputs["words"]), pictures, features)


def take_probes(encoders: Mapping[str, Encoder]) -> Probes:
    """The fixed probes, encoded by each modality's encoder."""
    pictures = tuple(_draw(seed) for seed in range(3))
    features = {name: _encode(encoder, _WORDS, pictures) for name, encoder in encoders.items()}
    return Probes(_WORDS, pictures, features)


def _encode(encoder: Encoder, words: tuple[str, ...], pictures: tuple[bytes, ...]) -> Encoding:
    if encoder.spec.kind is Kind.TEXT:
        return encoder.encode(words)
    return encoder.encode([decode_image(png) for png in pictures])


def _draw(seed: int) -> bytes:
    """Smooth colours with a hard edge: what resizing and cropping treat differently when they differ."""
    down, across = np.mgrid[0:300, 0:240] / 300
    waves = [np.sin((seed + 2) * (3 * down + c * across)) for c in range(1, 4)]
    pixels = 127 + 120 * np.stack(waves, axis=-1) * np.where(down > across, 1, -1)[..., None]
    file = io.BytesIO()
    Image.fromarray(pixels.astype(np.uint8)).save(file, format="PNG")
    return file.getvalue()

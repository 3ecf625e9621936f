"""Fixed content that shows whether two encoders compute the same: kept in each checkpoint with what it came to."""

import base64
import io
from collections.abc import Mapping
from dataclasses import dataclass, replace

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
_FACTS = ('{"colour": "Red|blue", "price": 12.5}', '{"in_stock": true, "year": "1995"}')
SAME_BACKEND, OTHER_BACKEND = 0.999, 0.99999


@dataclass(frozen=True, slots=True)
class Probes:
    """Probe inputs and each modality's features of them."""

    words: tuple[str, ...]
    pictures: tuple[bytes, ...]
    """PNG files."""
    features: Mapping[str, Encoding]
    """By modality, (P, d_m) float32."""
    facts: tuple[str, ...] = ()
    """Attributes, as `Content.facts` writes them."""

    def verify(self, modality: str, encoder: Encoder, backend: str) -> None:
        """
        Of features that came with the data there is nothing to try.

        Args:
            backend: what the checkpoint's features were computed with; another one must agree more closely.

        Raises:
            ProbeMismatch: the encoder gives other features.
        """
        if encoder.spec.is_given:
            return
        got = self.encode(encoder)
        cosine = float((got * self.features[modality]).sum(axis=1).min())  # element by element, sparse arrays too
        limit = SAME_BACKEND if encoder.backend == backend else OTHER_BACKEND
        if not cosine >= limit:  # a NaN must not pass
            raise ProbeMismatch(modality, cosine=cosine, limit=limit)

    def encode(self, encoder: Encoder) -> Encoding:
        """What an encoder makes of those of its kind."""
        if encoder.spec.kind is Kind.IMAGE:
            return encoder.encode([decode_image(png) for png in self.pictures])
        return encoder.encode(self.words if encoder.spec.kind is Kind.TEXT else self.facts)

    def to_inputs(self) -> dict[str, list[str]]:
        """The inputs as a JSON file holds them."""
        pictures = [base64.b64encode(png).decode() for png in self.pictures]
        return {"words": list(self.words), "pictures": pictures, "facts": list(self.facts)}

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
        facts = tuple(inputs.get("facts", ()))  # of a checkpoint from before there were encoders of attributes: none
        counts = {Kind.TEXT: len(inputs["words"]), Kind.IMAGE: len(pictures), Kind.ATTRIBUTES: len(facts)}
        features = {}
        for modality, spec in specs.items():
            if spec.is_given:
                continue
            rows = [arrays[f"{modality}.{row}"].tobytes() for row in range(counts[spec.kind])]
            features[modality] = rows_of_bytes(rows, spec.dim, sparse=spec.sparse)
        return cls(tuple(inputs["words"]), pictures, features, facts)


def take_probes(encoders: Mapping[str, Encoder]) -> Probes:
    """The fixed probes, encoded by each modality's encoder; by none whose features came with the data."""
    pictures = tuple(_draw(seed) for seed in range(3))
    inputs = Probes(_WORDS, pictures, {}, _FACTS)
    tried = {name: encoder for name, encoder in encoders.items() if not encoder.spec.is_given}
    return replace(inputs, features={name: inputs.encode(encoder) for name, encoder in tried.items()})


def _draw(seed: int) -> bytes:
    """Smooth colours with a hard edge: what resizing and cropping treat differently when they differ."""
    down, across = np.mgrid[0:300, 0:240] / 300
    waves = [np.sin((seed + 2) * (3 * down + c * across)) for c in range(1, 4)]
    pixels = 127 + 120 * np.stack(waves, axis=-1) * np.where(down > across, 1, -1)[..., None]
    file = io.BytesIO()
    Image.fromarray(pixels.astype(np.uint8)).save(file, format="PNG")
    return file.getvalue()

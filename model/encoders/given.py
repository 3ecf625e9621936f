"""Features that came with the data: what made them is not here."""

from collections.abc import Mapping, Sequence

import numpy as np

from model.content import FloatArray
from model.encoders.spec import GIVEN, EncoderSpec, Kind, Raw
from model.errors import EncoderUnavailable, UnusableVector
from model.features import Encoding

MOST_VECTORS, MOST_NUMBERS = 16, 16_384
"""Of one item, and of one vector."""

NOTHING_TO_MAKE = (
    "its features came as a file with the data that the checkpoint was trained on, and what made them is not known here; "
    "such a checkpoint ranks the items of a folder that has the same file, and cannot read what is posted to a service"
)


class GivenEncoder:
    """Stands where an encoder would: its spec names the file of features, and it encodes nothing."""

    backend = "given"

    def __init__(self, kind: Kind, dim: int, files: Mapping[str, str]) -> None:
        """
        Args:
            dim: the width of the file's rows.
            files: SHA-256 of the file, by name: features of another file are other features.
        """
        self.spec = EncoderSpec(f"{GIVEN}{kind}", kind, dim, "float32", "as given, rows scaled to length 1", files)

    def encode(self, raws: Sequence[Raw]) -> Encoding:
        """
        Raises:
            EncoderUnavailable: always.
        """
        raise EncoderUnavailable(self.spec.id, NOTHING_TO_MAKE)


class VectorEncoder:
    """
    Takes what somebody else's encoder made, as it comes with each item.

    Two of as many numbers count as the same encoder: what made the vectors is known to those who send them alone.
    """

    backend = "given"

    def __init__(self, dim: int) -> None:
        self.spec = EncoderSpec(f"{GIVEN}vectors", Kind.VECTORS, dim, "float32", "as given, rows scaled to length 1")

    def encode(self, raws: Sequence[Raw]) -> Encoding:
        """(B, dim) float32: (dim,) vectors scaled to length 1; see `check_vector`."""
        rows = np.array(raws, np.float64).reshape(len(raws), self.spec.dim)
        return np.asarray(rows / np.linalg.norm(rows, axis=1, keepdims=True), np.float32)


def check_vector(modality: str, vector: FloatArray, dim: int) -> FloatArray:
    """
    A vector that `VectorEncoder` can scale.

    Raises:
        UnusableVector: it has another length, is not finite, or all zeros.
    """
    if vector.shape != (dim,):
        raise UnusableVector(modality, f"it has {vector.size:,} numbers, and {dim:,} are read")
    if not np.isfinite(vector).all():
        raise UnusableVector(modality, "it holds a number that is not finite")
    if not vector.any():
        raise UnusableVector(modality, "it is all zeros, which has no direction: leave it out where there is none")
    return vector

"""What an encoder is, and what makes two of them the same one."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Protocol, Self, TypeAlias, runtime_checkable

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from model.errors import CheckpointFormat, EncoderMismatch
from model.features import Encoding

Raw: TypeAlias = str | Image.Image | NDArray[np.uint8] | NDArray[np.float32]
"""
What one encoder reads of one item: its words, its attributes as `Content.facts` writes them, its decoded picture, perhaps
shrunk to the pixels that the encoder looks at, or a vector that came with it.
"""

GIVEN = "given-"
"""How the id of an encoder begins whose features came with the data (model/encoders/given.py)."""


class Kind(StrEnum):
    """Which part of an item's content a modality is made of."""

    IMAGE = "image"
    TEXT = "text"
    ATTRIBUTES = "attributes"
    VECTORS = "vectors"
    """Numbers that somebody else made of it: of its sound, say, or of its picture by a network that is not here."""


@dataclass(frozen=True, slots=True)
class EncoderSpec:
    """
    Everything that decides an encoder's output, the machine and its backend apart.

    Two encoders of equal fingerprint give the same features up to rounding.
    """

    id: str
    kind: Kind
    dim: int
    precision: str
    preprocessing: str
    files: Mapping[str, str] = field(default_factory=dict)
    """SHA-256 of each file of weights and configuration, by name."""
    sparse: bool = False
    """Nearly all of its output is zero: kept as positions and values."""

    @property
    def fingerprint(self) -> str:
        """SHA-256 over all fields, hexadecimal."""
        return hashlib.sha256(json.dumps(asdict(self), sort_keys=True).encode()).hexdigest()

    @property
    def is_given(self) -> bool:
        """Whether the features come with the data or with the items, so that there is no encoder to try."""
        return self.id.startswith(GIVEN)

    def content(self, modality: str) -> str:
        """The kind of content that a modality of this encoder tells of; vectors are of a kind of their own, named as they are."""
        return modality if self.kind is Kind.VECTORS else str(self.kind)

    def require_same(self, modality: str, other: Self) -> None:
        """
        Raises:
            EncoderMismatch: naming the first field in which `other` differs from this.
        """
        mine, theirs = asdict(self), asdict(other)
        for name, expected in mine.items():
            if theirs[name] != expected:
                raise EncoderMismatch(modality, name, expected=expected, got=theirs[name])

    @classmethod
    def read(cls, fields: Mapping[str, object]) -> Self:
        """
        The spec that a manifest holds.

        Raises:
            CheckpointFormat: a field is missing, unknown or of the wrong kind.
        """
        try:
            return cls(**{**fields, "kind": Kind(str(fields["kind"]))})  # type: ignore[arg-type]
        except (TypeError, KeyError, ValueError) as error:
            raise CheckpointFormat("encoders", expected="a complete encoder spec", got=str(error)) from error


class Encoder(Protocol):
    """A frozen network from raw content to features."""

    @property
    def spec(self) -> EncoderSpec: ...

    @property
    def backend(self) -> str:
        """What computes it, such as `torch/cpu`: recorded, not part of the fingerprint."""
        ...

    def encode(self, raws: Sequence[Raw]) -> Encoding:
        """
        Args:
            raws: B of the spec's kind, none blank. One thread at a time.

        Returns:
            (B, dim) float32, rows of length 1; a `csr_array` when the spec says sparse.
        """
        ...


@runtime_checkable
class Shrinks(Protocol):
    """An encoder of pictures that looks at few of their pixels: what waits for it need not hold all of them."""

    def shrink(self, picture: Image.Image) -> NDArray[np.uint8]:
        """The pixels that it looks at: `encode` gives the same of them as of the picture. Any thread."""
        ...


def hash_file(path: Path) -> str:
    """SHA-256 of a file's bytes, hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()

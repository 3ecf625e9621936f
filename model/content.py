"""What an item shows of itself."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

FloatArray: TypeAlias = NDArray[np.float32]
BoolArray: TypeAlias = NDArray[np.bool_]
Scalar: TypeAlias = str | int | float | bool | None


@dataclass(frozen=True, slots=True)
class Content:
    """An item as a shop describes it: words, a picture's file, attributes."""

    title: str = ""
    text: str = ""
    image: bytes | None = None
    attributes: Mapping[str, Scalar] = field(default_factory=dict)
    more_images: tuple[bytes, ...] = ()
    """Further pictures of it; their features and the first one's are averaged."""
    vectors: Mapping[str, FloatArray] = field(default_factory=dict)
    """By modality, (d,) float32: what somebody else's encoder made of it."""

    @property
    def pictures(self) -> tuple[bytes, ...]:
        """All of its pictures."""
        return (*(() if self.image is None else (self.image,)), *self.more_images)

    @property
    def pictures_hash(self) -> str:
        """SHA-256 over its pictures' bytes in their order, hexadecimal; empty where there is none."""
        if not self.pictures:
            return ""
        return hashlib.sha256(b"".join(hashlib.sha256(picture).digest() for picture in self.pictures)).hexdigest()

    def vector_hash(self, modality: str) -> str:
        """SHA-256 of a vector that came with it, hexadecimal; empty where there is none."""
        vector = self.vectors.get(modality)
        return "" if vector is None else hashlib.sha256(vector.tobytes()).hexdigest()

    def words(self, fields: Sequence[str]) -> str:
        """
        The words that text encoders read; blank when the item has none.

        Args:
            fields: names among `title`, `text` and the attributes, in reading order; `a|b` is the first of them
                that is not blank.
        """
        parts = (next(filter(None, map(self._field, names.split("|"))), "") for names in fields)
        return ". ".join(part for part in parts if part)

    def facts(self, names: Sequence[str]) -> str:
        """
        The attributes that are read, as one text: JSON, names in rising order; blank when the item has none of them.

        Args:
            names: of the attributes.
        """
        found = {name: self.attributes[name] for name in sorted(names) if _shown(self.attributes.get(name))}
        return json.dumps(found) if found else ""

    def _field(self, name: str) -> str:
        return _shown({"title": self.title, "text": self.text}.get(name, self.attributes.get(name)))


def _shown(value: Scalar) -> str:
    return "" if value is None else str(value).strip()

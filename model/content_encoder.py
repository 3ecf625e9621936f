"""ContentEncoder: raw content in, features out."""

from collections.abc import Mapping, Sequence
from typing import TypeAlias

import numpy as np

from model.content import Content
from model.encoders.picture import MAX_PIXELS, decode_image
from model.encoders.spec import Encoder, Kind, Raw
from model.errors import NothingPresent
from model.features import Encoding, Features, spread_rows, zeros

Prepared: TypeAlias = tuple[Raw | None, ...]
"""What each modality's encoder will read of an item, in the network's order; None where missing."""


class ContentEncoder:
    """
    The encoders of all modalities behind one call.

    `prepare` may run in many threads; `encode` in one at a time.
    """

    def __init__(self, encoders: Mapping[str, Encoder], fields: Mapping[str, Sequence[str]]) -> None:
        """
        Args:
            encoders: by modality, in the network's order.
            fields: by modality, what a text encoder reads of an item: `title`, `text`, names of attributes.
        """
        self.encoders = dict(encoders)
        self.fields = {name: tuple(fields[name]) for name in encoders}

    def prepare(self, content: Content, max_pixels: int = MAX_PIXELS) -> Prepared:
        """
        Decodes an item's picture and joins its words.

        Raises:
            NothingPresent: neither a picture nor a word that an encoder reads.
            UnreadableImage, ImageTooLarge: there is a picture, and it cannot be used.
        """
        image = None if content.image is None else decode_image(content.image, max_pixels)
        prepared = tuple(
            image if encoder.spec.kind is Kind.IMAGE else content.words(self.fields[name]) or None
            for name, encoder in self.encoders.items()
        )
        if all(raw is None for raw in prepared):
            raise NothingPresent
        return prepared

    def encode(self, items: Sequence[Prepared]) -> Features:
        """The features of B prepared items: one call of each encoder for all that it can read."""
        present = np.array([[raw is not None for raw in item] for item in items], np.bool_)
        columns = [_encode_column(encoder, [item[m] for item in items]) for m, encoder in enumerate(self.encoders.values())]
        return Features(tuple(columns), present.reshape(len(items), len(columns)))


def _encode_column(encoder: Encoder, raws: Sequence[Raw | None]) -> Encoding:
    rows = np.array([row for row, raw in enumerate(raws) if raw is not None], np.intp)
    if not len(rows):
        return zeros(len(raws), encoder.spec.dim, sparse=encoder.spec.sparse)
    encoded = encoder.encode([raw for raw in raws if raw is not None])
    return encoded if len(rows) == len(raws) else spread_rows(encoded, rows, len(raws))

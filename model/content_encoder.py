"""ContentEncoder: raw content in, features out."""

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeAlias

import numpy as np

from model.content import BoolArray, Content
from model.encoders.picture import MAX_PIXELS, decode_image
from model.encoders.spec import Encoder, Kind, Raw
from model.errors import NothingPresent
from model.features import Encoding, Features, spread_rows

Prepared: TypeAlias = tuple[Raw | None, ...]
"""What each modality's encoder will read of an item, in the network's order; None where missing."""


class ContentEncoder:
    """
    The encoders of all modalities behind one call.

    Pictures and words are encoded beside each other, each by one thread: torch's own threads wait for each other
    by spinning, which on a machine that has other work to do makes a picture ten times slower.
    `prepare` may run in many threads; `encode` and `run` in one at a time.
    """

    def __init__(self, encoders: Mapping[str, Encoder], fields: Mapping[str, Sequence[str]]) -> None:
        """
        Args:
            encoders: by modality, in the network's order.
            fields: by modality, what a text encoder reads of an item: `title`, `text`, names of attributes.
        """
        self.encoders = dict(encoders)
        self.fields = {name: tuple(fields[name]) for name in encoders}
        self._lanes = ThreadPoolExecutor(len(Kind), thread_name_prefix="encoder")

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
        present = present.reshape(len(items), len(self.encoders))
        encoded = self.run([[raw for item in items if (raw := item[m]) is not None] for m in range(len(self.encoders))])
        columns = [_spread(encoding, present[:, m]) for m, encoding in enumerate(encoded)]
        return Features(tuple(columns), present)

    def run(self, raws: Sequence[Sequence[Raw]]) -> list[Encoding]:
        """
        Each modality's encoder on what it is given.

        Args:
            raws: by modality, any number for each.
        """
        busy = {encoder.spec.kind for encoder, given in zip(self.encoders.values(), raws, strict=True) if given}
        if len(busy) < 2:
            return [encoder.encode(given) for encoder, given in zip(self.encoders.values(), raws, strict=True)]
        lanes = {kind: self._lanes.submit(self._run_lane, kind, raws) for kind in busy}
        found = {at: encoding for lane in lanes.values() for at, encoding in lane.result().items()}
        return [found[at] for at in range(len(raws))]

    def _run_lane(self, kind: Kind, raws: Sequence[Sequence[Raw]]) -> dict[int, Encoding]:
        mine = [(at, encoder) for at, encoder in enumerate(self.encoders.values()) if encoder.spec.kind is kind]
        return {at: encoder.encode(raws[at]) for at, encoder in mine}


def _spread(encoding: Encoding, present: BoolArray) -> Encoding:
    return encoding if present.all() else spread_rows(encoding, np.flatnonzero(present), len(present))

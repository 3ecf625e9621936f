"""ContentEncoder: raw content in, features out."""

import hashlib
from collections.abc import Collection, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from model.content import Content
from model.encoders.given import check_vector
from model.encoders.picture import MAX_PIXELS, Picture, decode_image
from model.encoders.spec import Encoder, Kind, Raw, Shrinks
from model.encoders.thumbnail import make_thumbnail
from model.errors import NothingPresent
from model.features import Encoding, Features, mean_rows, spread_rows


@dataclass(frozen=True, slots=True)
class Prepared:
    """An item whose content is decoded."""

    raws: tuple[tuple[Raw, ...], ...]
    """What each modality's encoder will read, in the network's order: nothing where missing, several pictures become one mean."""
    thumbnail: bytes | None = None
    """Of its first picture, if there is one and it was decoded."""

    @property
    def is_empty(self) -> bool:
        """Whether no encoder has anything to read."""
        return not any(self.raws)


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
            fields: by modality, what a text encoder reads of an item: `title`, `text`, names of attributes; or which
                attributes an encoder of attributes reads.
        """
        self.encoders = dict(encoders)
        self.fields = {name: tuple(fields[name]) for name in encoders}
        self._lanes = ThreadPoolExecutor(2, thread_name_prefix="encoder")

    def is_picture(self, modality: str) -> bool:
        """Whether a modality is made of pictures; others are made of what is written of an item, or come with it as vectors."""
        return self.encoders[modality].spec.kind is Kind.IMAGE

    def is_vector(self, modality: str) -> bool:
        """Whether a modality's features come with the items."""
        return self.encoders[modality].spec.kind is Kind.VECTORS

    def written(self, modality: str, content: Content) -> str:
        """What a modality's encoder reads of what is written of an item: words, or attributes; blank where there is nothing."""
        fields = self.fields[modality]
        return content.facts(fields) if self.encoders[modality].spec.kind is Kind.ATTRIBUTES else content.words(fields)

    def inputs(self, content: Content) -> dict[str, str]:
        """By modality that the item has: the hash of what its encoder reads. Equal hashes, equal features."""
        read = {name: self.input(name, content) for name in self.encoders}
        return {name: found for name, found in read.items() if found}

    def input(self, modality: str, content: Content) -> str:
        """The hash of what one modality's encoder reads; blank where the item has none of it."""
        if self.is_vector(modality):
            return content.vector_hash(modality)
        return content.pictures_hash if self.is_picture(modality) else _hash(self.written(modality, content))

    def prepare(self, content: Content, max_pixels: int = MAX_PIXELS, known: Collection[str] = ()) -> Prepared:
        """
        Decodes an item's pictures, joins its words and its attributes, and looks at its vectors.

        Args:
            known: modalities of which the features are there already, also others than the network's; nothing is prepared
                for them.

        Raises:
            NothingPresent: no picture, word, attribute or vector that an encoder reads.
            UnreadableImage, ImageTooLarge, UnusableVector: there is one, and it cannot be used.
        """
        raws: dict[str, list[Raw]] = {name: [] for name in self.encoders}
        for name in raws.keys() - known:
            if not self.is_picture(name) and (read := self.read_given(name, content)) is not None:
                raws[name].append(read)
        thumbnail = self._read_pictures(content, max_pixels, raws, known)
        prepared = Prepared(tuple(map(tuple, raws.values())), thumbnail)
        if prepared.is_empty and not known:
            raise NothingPresent
        return prepared

    def read_given(self, modality: str, content: Content) -> Raw | None:
        """
        What a modality's encoder reads of an item where that is no picture; None where there is nothing.

        Raises:
            UnusableVector: there is a vector, and it cannot be used.
        """
        if not self.is_vector(modality):
            return self.written(modality, content) or None
        vector = content.vectors.get(modality)
        return None if vector is None else check_vector(modality, vector, self.encoders[modality].spec.dim)

    def encode(self, items: Sequence[Prepared]) -> Features:
        """The features of B prepared items: one call of each encoder for all that it can read."""
        counts = np.array([[len(raws) for raws in item.raws] for item in items], np.intp)
        counts = counts.reshape(len(items), len(self.encoders))
        encoded = self.run([[raw for item in items for raw in item.raws[m]] for m in range(len(self.encoders))])
        columns = [_gather(encoding, counts[:, m]) for m, encoding in enumerate(encoded)]
        return Features(tuple(columns), counts > 0)

    def read_attributes(self, modality: str, contents: Sequence[Content]) -> tuple[Encoding, list[bool]]:
        """The features of B items' attributes (B, d), zeros where an item has none that is read, and which have one."""
        written = [self.written(modality, content) for content in contents]
        rows = np.flatnonzero([bool(facts) for facts in written])
        encoded = self.encoders[modality].encode([written[row] for row in rows])
        return spread_rows(encoded, rows, len(written)), [bool(facts) for facts in written]

    def run(self, raws: Sequence[Sequence[Raw]]) -> list[Encoding]:
        """
        Each modality's encoder on what it is given.

        Args:
            raws: by modality, any number for each.
        """
        busy = {self.is_picture(name) for name, given in zip(self.encoders, raws, strict=True) if given}
        if len(busy) < 2:
            return [encoder.encode(given) for encoder, given in zip(self.encoders.values(), raws, strict=True)]
        lanes = [self._lanes.submit(self._run_lane, pictures, raws) for pictures in busy]
        found = {at: encoding for lane in lanes for at, encoding in lane.result().items()}
        return [found[at] for at in range(len(raws))]

    def _read_pictures(
        self, content: Content, max_pixels: int, raws: dict[str, list[Raw]], known: Collection[str]
    ) -> bytes | None:
        """Adds to `raws` what the encoders look at of each picture, decoding one at a time; returns the first one's thumbnail."""
        readers = [name for name in self.encoders if self.is_picture(name)]
        wanted = [name for name in readers if name not in known]
        if readers and not wanted:
            return None
        thumbnail = None
        for data in content.pictures:
            picture = decode_image(data, max_pixels)
            thumbnail = thumbnail or make_thumbnail(picture)
            for name in wanted:
                raws[name].append(shrink(self.encoders[name], picture))
        return thumbnail

    def _run_lane(self, pictures: bool, raws: Sequence[Sequence[Raw]]) -> dict[int, Encoding]:
        mine = [(at, name) for at, name in enumerate(self.encoders) if self.is_picture(name) is pictures]
        return {at: self.encoders[name].encode(raws[at]) for at, name in mine}


def shrink(encoder: Encoder, picture: Picture) -> Raw:
    """What an encoder looks at of a picture, or all of it where the encoder does not say."""
    return encoder.shrink(picture) if isinstance(encoder, Shrinks) else picture


def _gather(encoding: Encoding, counts: NDArray[np.intp]) -> Encoding:
    """(B, d) features of items that have so many rows each, those that have none as zeros."""
    rows = np.flatnonzero(counts)
    if (counts > 1).any():
        encoding = mean_rows(encoding, counts[rows])
    return encoding if len(rows) == len(counts) else spread_rows(encoding, rows, len(counts))


def _hash(words: str) -> str:
    return hashlib.sha256(words.encode()).hexdigest() if words else ""

"""A text as the mean of its sentences: each has its say, however long the others are."""

import re
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from model.content import FloatArray
from model.encoders.sentence import SentenceEncoder
from model.encoders.spec import EncoderSpec, Raw

_ENDS = re.compile(r"(?<=[.!?\n])\s+")
MAX_SENTENCES = 16


class SentenceMeanEncoder:
    """Encodes the first 16 sentences of a text one by one, and takes their mean, scaled to length 1."""

    def __init__(self, inner: SentenceEncoder) -> None:
        self._inner = inner
        splitting = f"; mean of the first {MAX_SENTENCES} sentences"
        self._spec = replace(inner.spec, id=f"{inner.spec.id}-sentences", preprocessing=inner.spec.preprocessing + splitting)

    @property
    def spec(self) -> EncoderSpec:
        return self._spec

    @property
    def backend(self) -> str:
        return self._inner.backend

    def encode(self, raws: Sequence[Raw]) -> FloatArray:
        split = [split_sentences(str(raw)) for raw in raws]
        encoded = self._inner.encode([sentence for sentences in split for sentence in sentences])
        features = np.zeros((len(raws), self._spec.dim), np.float32)
        np.add.at(features, np.repeat(np.arange(len(raws)), [len(sentences) for sentences in split]), encoded)
        lengths: FloatArray = np.maximum(np.linalg.norm(features, axis=1, keepdims=True), np.float32(1e-9))
        features /= lengths
        return features


def split_sentences(text: str) -> list[str]:
    """The sentences of a text, at least one; what is beyond the limit is left out."""
    sentences = [part.strip() for part in _ENDS.split(text) if any(letter.isalnum() for letter in part)]
    return sentences[:MAX_SENTENCES] or [text]

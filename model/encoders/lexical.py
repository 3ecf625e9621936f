"""Which words and phrases occur, hashed: names, places and years that a sentence's meaning blurs."""

import math
import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import pairwise
from zlib import crc32

import numpy as np
import scipy.sparse as sp

from model.content import FloatArray
from model.encoders.spec import EncoderSpec, Kind, Raw
from model.features import Encoding

_PHRASES = re.compile(r"[.,;:!?()|\"\n]+")
_WORDS = re.compile(r"[^\W_]+")
DIM = 2**20
"""So many that two terms of one catalogue seldom share a place."""


class LexicalEncoder:
    """
    Hashes of a text's terms, sparse; needs no weights and knows no language.

    Two texts' inner product is the cosine of their counts (1 + log n) of terms.

    Source: Weinberger et al., "Feature Hashing for Large Scale Multitask Learning", ICML 2009, without signs:
        at this width there is next to nothing to cancel.
    """

    backend = "numpy"

    def __init__(self, name: str) -> None:
        """
        Args:
            name: `words`: words, and pairs of words within a phrase. `phrases`: what stands between punctuation marks.
        """
        self._terms = _TERMS[name]
        preprocessing = f"lower case; {name}; 1 + log count; crc32"
        self.spec = EncoderSpec(f"lexical-{name}", Kind.TEXT, DIM, "float32", preprocessing, sparse=True)

    def encode(self, raws: Sequence[Raw]) -> Encoding:
        counted = (Counter(list(self._terms(str(raw).lower())) or [str(raw)]) for raw in raws)
        return hash_terms([{term: 1 + math.log(count) for term, count in terms.items()} for terms in counted])


def hash_terms(rows: Sequence[Mapping[str, float]]) -> Encoding:
    """
    Weighted terms at the places of their hashes, each row of length 1.

    Args:
        rows: B items' terms, one or more, and their weights; terms that share a place are added.

    Returns:
        (B, DIM) float32, a `csr_array`.
    """
    placed = [_place(row) for row in rows]
    indptr = np.cumsum([0, *(len(row) for row in placed)])
    places = np.fromiter((place for row in placed for place in row), np.int32)
    values = np.concatenate([np.zeros(0, np.float32), *(_to_length_one(list(row.values())) for row in placed)])
    return sp.csr_array((values, places, indptr), shape=(len(rows), DIM), dtype=np.float32)


def _words(text: str) -> Iterator[str]:
    for phrase in _PHRASES.split(text):
        words = _WORDS.findall(phrase)
        yield from words
        yield from (f"{first}_{second}" for first, second in pairwise(words))


def _phrases(text: str) -> Iterator[str]:
    for phrase in _PHRASES.split(text):
        words = _WORDS.findall(phrase)
        if words:
            yield " ".join(words)


_TERMS: dict[str, Callable[[str], Iterator[str]]] = {"words": _words, "phrases": _phrases}


def _place(terms: Mapping[str, float]) -> dict[int, float]:
    """Weights by place, in rising order of places."""
    placed: dict[int, float] = {}
    for term, weight in terms.items():
        place = crc32(term.encode("utf-8", "replace")) % DIM
        placed[place] = placed.get(place, 0.0) + weight
    return dict(sorted(placed.items()))


def _to_length_one(weights: Sequence[float]) -> FloatArray:
    found = np.array(weights, np.float32)
    return found / np.linalg.norm(found)

"""Which words and phrases occur, hashed: names, places and years that a sentence's meaning blurs."""

import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
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
        rows = [_hash_terms(list(self._terms(str(raw).lower())) or [str(raw)]) for raw in raws]
        indptr = np.cumsum([0, *(len(row) for row in rows)])
        places = np.fromiter((place for row in rows for place in row), np.int32)
        values = np.concatenate([np.zeros(0, np.float32), *(_weigh(list(row.values())) for row in rows)])
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


def _hash_terms(terms: Sequence[str]) -> dict[int, int]:
    """Counts by place, in rising order of places."""
    return dict(sorted(Counter(crc32(term.encode("utf-8", "replace")) % DIM for term in terms).items()))


def _weigh(counts: Sequence[int]) -> FloatArray:
    weights = (1 + np.log(np.array(counts, np.float64))).astype(np.float32)
    return weights / np.linalg.norm(weights)

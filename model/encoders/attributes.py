"""What an item's attributes are: each value a term, numbers in steps of several widths, hashed."""

import json
import math
import re
from collections.abc import Iterator, Sequence

from model.content import Scalar
from model.encoders.lexical import DIM, hash_terms
from model.encoders.spec import EncoderSpec, Kind, Raw
from model.features import Encoding

_SEPARATORS = re.compile(r"[|,;]")
_MOST_VALUES = 64
_POWERS = range(2, 10)
"""How many times the power of two above a number is halved for the widths of its steps."""
_LEAST_EXPONENT = -1000
_SHIFTS = (0.0, 0.5)
"""Two grids of steps, that neighbours on either side of one's border share one of the other."""


class AttributeEncoder:
    """
    Hashes of an item's attributes, sparse; needs no weights.

    Two items' inner product is the mean over their attributes of how much of each they share: of a text that lists
    several values (`Comedy|Drama`) the share of these, of a number the share of steps that hold both, so that
    1995 is like 1996, a little like 1970, and not like 12. Each attribute counts the same here; what training makes of
    it counts rare values more (`model.experts.VocabularyLens`).
    """

    backend = "numpy"

    def __init__(self) -> None:
        preprocessing = "lower case; values between | , ; and numbers in 8 widths of steps, 2 grids; crc32"
        self.spec = EncoderSpec("lexical-attributes", Kind.ATTRIBUTES, DIM, "float32", preprocessing, sparse=True)

    def encode(self, raws: Sequence[Raw]) -> Encoding:
        return hash_terms([_terms(json.loads(str(raw))) for raw in raws])


def _terms(attributes: dict[str, Scalar]) -> dict[str, float]:
    """Terms and their weights; the squares of an attribute's weights add up to 1."""
    found: dict[str, float] = {}
    for name, value in attributes.items():
        terms = list(dict.fromkeys(_values(name, value)))[:_MOST_VALUES]
        found |= dict.fromkeys(terms, 1 / math.sqrt(max(len(terms), 1)))
    return found


def _values(name: str, value: Scalar) -> Iterator[str]:
    number = read_number(value)
    if number is not None:
        yield from _steps(name, number)
        return
    words = str(value).strip().lower()
    parts = [part.strip() for part in _SEPARATORS.split(words) if part.strip()]
    yield from (f"{name}={part}" for part in parts or [words])


def read_number(value: Scalar) -> float | None:
    """The number that an attribute is, also one that a table holds as text; None for words, true, false, what is too large."""
    if value is None or isinstance(value, bool):
        return None
    try:
        number = float(value)
    except (ValueError, OverflowError):
        return None
    return number if math.isfinite(number) else None


def _steps(name: str, number: float) -> Iterator[str]:
    if number == 0:
        yield f"{name}#0"
        return
    exponent = max(math.frexp(number)[1], _LEAST_EXPONENT)
    for power in _POWERS:
        width = 2.0 ** (exponent - power)
        yield from (f"{name}#{width}#{shift}#{math.floor(number / width + shift)}" for shift in _SHIFTS)

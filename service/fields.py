"""Fields of what clients send: what an id, words, attributes, a moment or a file may be."""

import base64
import binascii
import math
import re
import string
from datetime import UTC, datetime
from typing import Annotated, Any, Literal, TypeAlias

import numpy as np
from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, WithJsonSchema, model_validator

from model.content import FloatArray, Scalar
from model.encoders.given import MOST_NUMBERS, MOST_VECTORS

MAX_ID_BYTES = 256
MAX_ATTRIBUTES = 100
MAX_ATTRIBUTE_LENGTH = 100_000
"""Characters of all names and values of an item."""
_MOST_MEMBERS = 100
_CONTROLS = re.compile("[\x00-\x1f\x7f-\x9f\ud800-\udfff]")  # Unicode's categories Cc and Cs
_WHITE_SPACE = string.whitespace.encode()
_UNKEPT = re.compile("[\x00\ud800-\udfff]")


def check_id(value: str) -> str:
    """
    An id as it is.

    Raises:
        ValueError: empty, over 256 bytes of UTF-8, with a control character, with blanks around it, which tables lose, or `.`
            or `..`, which URLs swallow.
    """
    if not value or value in (".", ".."):
        raise ValueError("an id must not be empty, . or ..")
    if value != value.strip():
        raise ValueError("an id must not begin or end with blanks")
    if _CONTROLS.search(value):
        raise ValueError("an id must not hold control characters")
    if len(value) > MAX_ID_BYTES or len(value.encode()) > MAX_ID_BYTES:
        raise ValueError(f"an id has at most {MAX_ID_BYTES} bytes of UTF-8")
    return value


def check_words(value: str) -> str:
    """
    Words as they are.

    Raises:
        ValueError: they hold a NUL or half of a surrogate pair, which no database keeps.
    """
    if _UNKEPT.search(value):
        raise ValueError("words must not hold NUL characters or halves of surrogate pairs")
    return value


def check_attributes(value: dict[str, Any]) -> dict[str, Scalar]:
    """
    Attributes as they are.

    Raises:
        ValueError: one is a list, an object or no finite number, or there are too many, or too long ones.
    """
    if len(value) > MAX_ATTRIBUTES:
        raise ValueError(f"at most {MAX_ATTRIBUTES} attributes")
    if (length := sum(len(name) + len(str(scalar)) for name, scalar in value.items())) > MAX_ATTRIBUTE_LENGTH:
        raise ValueError(f"{length:,} characters in attributes, and at most {MAX_ATTRIBUTE_LENGTH:,} are taken")
    for name, scalar in value.items():
        check_words(name)
        if isinstance(scalar, str):
            check_words(scalar)
        elif isinstance(scalar, float) and not math.isfinite(scalar):
            raise ValueError(f"the attribute {name!r} must be finite")
        elif not isinstance(scalar, (int, float, bool, type(None))):
            raise ValueError(f"the attribute {name!r} must be a string, a number, true, false or null")
    return value


def read_vectors(value: object) -> object:
    """
    Lists of numbers by name as (d,) float32 arrays.

    Raises:
        ValueError: one is no flat list of numbers, or too long.
    """
    return {name: _read_vector(name, numbers) for name, numbers in value.items()} if isinstance(value, dict) else value


def _read_vector(name: str, numbers: object) -> FloatArray:
    if not isinstance(numbers, list) or not 1 <= len(numbers) <= MOST_NUMBERS:
        raise ValueError(f"the vector {name!r} must be a list of 1 to {MOST_NUMBERS:,} numbers")
    if not all(type(number) in (int, float) for number in numbers):
        raise ValueError(f"the vector {name!r} must hold numbers and nothing else")
    with np.errstate(over="ignore"):
        return np.array(numbers, np.float64).astype(np.float32)


def read_base64(value: object) -> object:
    """
    The bytes of a base64 string; white space in it is passed over.

    Raises:
        ValueError: it is no base64.
    """
    if not isinstance(value, str):
        return value
    try:
        return base64.b64decode(value.encode("ascii").translate(None, _WHITE_SPACE), validate=True)
    except (binascii.Error, ValueError) as error:
        raise ValueError("it must be a file in standard base64, with padding") from error


Id = Annotated[str, AfterValidator(check_id)]
Words = Annotated[str, AfterValidator(check_words)]
EventType: TypeAlias = Literal["like", "purchase", "rating", "view", "impression", "hide", "return"]
"""`EVENT_TYPES`, as a type."""
_MOMENT = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt ][0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]+)?([Zz]|[+-][0-9]{2}:[0-9]{2})")


def read_moment(value: object) -> float:
    """
    Seconds since 1970 of a moment as RFC 3339 writes it.

    Raises:
        ValueError: it is none, has no zone, or lies outside the years 1 to 9998.
    """
    try:
        if not isinstance(value, str) or not _MOMENT.fullmatch(value):
            raise ValueError
        moment = datetime.fromisoformat(value.upper()).astimezone(UTC)
    except (ValueError, OverflowError):
        raise ValueError("it must be a moment in RFC 3339 with its zone, such as 2026-11-23T18:00:00Z") from None
    if moment.year > 9998:
        raise ValueError("it must lie in the years 1 to 9998")
    return moment.timestamp()


Moment = Annotated[float, BeforeValidator(read_moment), WithJsonSchema({"type": "string", "format": "date-time"})]
Base64File = Annotated[bytes, BeforeValidator(read_base64), WithJsonSchema({"type": "string", "format": "base64"})]


class Body(BaseModel):
    """What a client sends. A body of more members than any call takes is refused before each of them is validated."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    @model_validator(mode="before")
    @classmethod
    def _have_few_members(cls, fields: object) -> object:
        if isinstance(fields, dict) and len(fields) > _MOST_MEMBERS:
            raise ValueError(f"it has {len(fields):,} members, and no call takes so many")
        return fields


def at_most(count: int) -> BeforeValidator:
    """Refuses a longer list, or an object of more members, before anybody looks at what is in it."""

    def check(value: object) -> object:
        if isinstance(value, (list, dict)) and len(value) > count:
            raise ValueError(f"it has {len(value):,} entries, and at most {count:,} are taken")
        return value

    return BeforeValidator(check)


Attributes = Annotated[dict[str, Any], AfterValidator(check_attributes), at_most(MAX_ATTRIBUTES)]
_VECTORS_SCHEMA = {
    "type": "object",
    "maxProperties": MOST_VECTORS,
    "additionalProperties": {"type": "array", "items": {"type": "number"}, "minItems": 1, "maxItems": MOST_NUMBERS},
}
Vectors = Annotated[dict[str, Any], BeforeValidator(read_vectors), at_most(MOST_VECTORS), WithJsonSchema(_VECTORS_SCHEMA)]

"""Names of lists that tell what made them, so that no list needs to be kept to know it later."""

import binascii
import secrets
import zlib
from dataclasses import dataclass

SOURCES = ("user", "prior", "history", "other")
"""Whose embedding may have ranked a list. Add at the end: a name holds the place in here."""
_RANDOM, _SPACE, _CHECK = 7, 6, 2  # bytes, and one for the source


@dataclass(frozen=True, slots=True)
class Origin:
    """What made a list."""

    source: str
    space: str


def name_list(origin: Origin) -> str:
    """A new name for a list: 32 hexadecimal digits, unlike any other."""
    source = SOURCES.index(origin.source if origin.source in SOURCES else "other")
    told = secrets.token_bytes(_RANDOM) + bytes([source]) + bytes.fromhex(origin.space[: 2 * _SPACE]).ljust(_SPACE, b"\0")
    return (told + _check(told)).hex()


def read_name(recommendation_id: str) -> Origin | None:
    """What made the list of a name; None where the name is none that `name_list` gives."""
    try:
        data = bytes.fromhex(recommendation_id)
    except ValueError:
        return None
    told, check = data[:-_CHECK], data[-_CHECK:]
    if len(told) != _RANDOM + 1 + _SPACE or check != _check(told) or told[_RANDOM] >= len(SOURCES):
        return None
    return Origin(SOURCES[told[_RANDOM]], binascii.hexlify(told[_RANDOM + 1 :]).decode())


def _check(told: bytes) -> bytes:
    return zlib.crc32(told).to_bytes(4, "big")[:_CHECK]

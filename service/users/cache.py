"""User vectors, kept near: a value says for which space and after which event it holds, and proves whose and that it is whole."""

import struct
import zlib
from collections import OrderedDict
from typing import Protocol

import numpy as np

from model.content import FloatArray

_HEADER = struct.Struct("<4s16sqI")  # format, space, event number, CRC of the user id and the vector
_FORMAT = b"THW2"


class UserCache(Protocol):
    """Bytes by user id, that may be lost at any time; no call raises or waits long."""

    @property
    def degraded(self) -> bool:
        """Whether it is out of order: answers stay right and come slower."""
        ...

    async def probe(self) -> None:
        """Looks whether it is in order again, where it was not."""
        ...

    async def get(self, user_id: str) -> bytes | None: ...

    async def put(self, user_id: str, value: bytes) -> None: ...

    async def drop(self, user_id: str) -> None: ...

    def recent(self, most: int) -> list[str]:
        """Users who were asked for last, the newest last; none where it does not know."""
        ...

    async def close(self) -> None: ...


class LocalUserCache:
    """In this process, the least recently used ones forgotten first."""

    degraded = False

    async def probe(self) -> None:
        pass

    def __init__(self, size: int) -> None:
        self._size = size
        self._values: OrderedDict[str, bytes] = OrderedDict()

    async def get(self, user_id: str) -> bytes | None:
        value = self._values.get(user_id)
        if value is not None:
            self._values.move_to_end(user_id)
        return value

    async def put(self, user_id: str, value: bytes) -> None:
        self._values[user_id] = value
        self._values.move_to_end(user_id)
        while len(self._values) > self._size:
            self._values.popitem(last=False)

    async def drop(self, user_id: str) -> None:
        self._values.pop(user_id, None)

    def recent(self, most: int) -> list[str]:
        return list(self._values)[-most:]

    async def close(self) -> None:
        self._values.clear()


def pack_user(user_id: str, space: str, event_number: int, vector: FloatArray) -> bytes:
    """A vector as caches keep it."""
    data = vector.astype("<f4").tobytes()
    return _HEADER.pack(_FORMAT, space.encode(), event_number, _checksum(user_id, data)) + data


def unpack_user(value: bytes, user_id: str, space: str, event_number: int, dim: int) -> FloatArray | None:
    """
    The vector, if it is whole, finite, this user's and of this space and event number; else None.

    So a late writer or a returning server cannot bring back what no longer holds.
    """
    if len(value) != _HEADER.size + 4 * dim:
        return None
    kind, its_space, its_number, checksum = _HEADER.unpack_from(value)
    data = value[_HEADER.size :]
    current = (kind, its_space.rstrip(b"\0"), its_number) == (_FORMAT, space.encode(), event_number)
    if not current or _checksum(user_id, data) != checksum:
        return None
    vector = np.frombuffer(data, "<f4").astype(np.float32)
    return vector if np.isfinite(vector).all() else None


def _checksum(user_id: str, data: bytes) -> int:
    return zlib.crc32(data, zlib.crc32(user_id.encode()))

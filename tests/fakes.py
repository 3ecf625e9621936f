"""Small working stand-ins, and content made on the spot."""

import csv
import io
import random
from pathlib import Path

from PIL import Image

from service.users.redis_cache import RedisUserCache


def draw_jpeg(seed: int = 0, size: tuple[int, int] = (64, 64)) -> bytes:
    """A small JPEG of random blocks of colour."""
    pixels = random.Random(seed)
    image = Image.new("RGB", (4, 4))
    image.putdata([(pixels.randrange(256), pixels.randrange(256), pixels.randrange(256)) for _ in range(16)])
    file = io.BytesIO()
    image.resize(size, Image.Resampling.NEAREST).save(file, format="JPEG")
    return file.getvalue()


class BrokenUserCache:
    """A cache whose server is gone: never has anything, and says that it is out of order."""

    degraded = True

    async def probe(self) -> None:
        return None

    async def get(self, user_id: str) -> bytes | None:
        return None

    async def put(self, user_id: str, value: bytes) -> None:
        return None

    async def drop(self, user_id: str) -> None:
        return None

    def recent(self, most: int) -> list[str]:
        return []

    async def close(self) -> None:
        return None


class RubbishUserCache:
    """A cache that gives back the same bytes for everyone."""

    degraded = False

    def __init__(self, rubbish: bytes) -> None:
        self._rubbish = rubbish

    async def probe(self) -> None:
        return None

    async def get(self, user_id: str) -> bytes | None:
        return self._rubbish

    async def put(self, user_id: str, value: bytes) -> None:
        return None

    async def drop(self, user_id: str) -> None:
        return None

    def recent(self, most: int) -> list[str]:
        return []

    async def close(self) -> None:
        return None


def open_redis(url: str) -> RedisUserCache:
    """A cache in a real Redis, patient enough for a busy machine."""
    return RedisUserCache(url, timeout_seconds=2.0)


def read_truth(folder: Path) -> dict[str, dict[str, str]]:
    """Pattern and theme of each item of a demo catalogue."""
    with (folder / "truth.csv").open(newline="", encoding="utf-8") as file:
        return {row["item_id"]: row for row in csv.DictReader(file)}

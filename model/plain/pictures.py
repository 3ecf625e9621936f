"""The pictures that a plain folder names by URL: each is fetched once and kept."""

import asyncio
import hashlib
import os
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TypeAlias

from model.errors import ImageFetchFailed, ImageUrlRefused
from model.fetch_image import ImageFetcher, ImageUrlPolicy
from model.plain.bad_rows import BadRows
from model.plain.items import CatalogueItem

OpenFetcher: TypeAlias = Callable[[], ImageFetcher]
_AT_ONCE = 8
_PATIENCE = 20
"""So many pictures in a row may a host leave unanswered, each for the policy's timeout, before it is not asked again."""


def default_cache() -> Path:
    """Where pictures and features are kept: `THAW_CACHE_DIR`, or `thaw` in the user's cache folder."""
    own = os.environ.get("THAW_CACHE_DIR")
    home = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(own) if own else Path(home) / "thaw"


def open_fetcher() -> ImageFetcher:
    """A fetcher that asks every public host: the folder's owner wrote the URLs."""
    return ImageFetcher(ImageUrlPolicy())


class PictureCache:
    """
    Pictures by their URL, a file each.

    Each is whole or not there, so that a run may be stopped at any time and the next one goes on. What failed
    is not kept and is tried again by the next run. A picture that changed at its host is not noticed.
    """

    def __init__(self, folder: Path, open_fetcher: OpenFetcher = open_fetcher) -> None:
        """
        Args:
            folder: the pictures lie in `pictures` below it.
        """
        self._folder, self._open_fetcher = folder / "pictures", open_fetcher

    def missing(self, items: Iterable[CatalogueItem]) -> list[str]:
        """The URLs that items name and that are not here, each once."""
        return [url for url in dict.fromkeys(item.image_url for item in items) if url and not self._holds(url)]

    def fetch(self, urls: Sequence[str], advance: Callable[[int], None]) -> dict[str, str]:
        """
        Fetches pictures, a few at once.

        Args:
            advance: is told of each that is done, well or not.

        Returns:
            Why some did not come, by URL.
        """
        return asyncio.run(self._fetch(urls, advance))

    def place(self, items: Iterable[CatalogueItem], failed: Mapping[str, str], bad: BadRows) -> list[CatalogueItem]:
        """The items with their pictures' files; one whose picture did not come is noted and has none."""
        placed = []
        for item in items:
            if item.image_url in failed:
                host = item.image_url.split("/")[2]  # the rest of a URL may be a secret
                bad.note("picture not fetched", f"{item.item_id}: {host}: {failed[item.image_url]}")
            elif item.image_url:
                item = replace(item, image=self._path(item.image_url))  # noqa: PLW2901 - the same item, now with its file
            placed.append(item)
        return placed

    async def _fetch(self, urls: Sequence[str], advance: Callable[[int], None]) -> dict[str, str]:
        failed: dict[str, str] = {}
        unanswered: Counter[str] = Counter()
        waiting = iter(urls)

        async def work(fetcher: ImageFetcher) -> None:
            for url in waiting:
                reason = await self._fetch_one(url, fetcher, unanswered)
                if reason:
                    failed[url] = reason
                advance(1)

        async with self._open_fetcher() as fetcher:
            await asyncio.gather(*(work(fetcher) for _ in range(_AT_ONCE)))
        return failed

    async def _fetch_one(self, url: str, fetcher: ImageFetcher, unanswered: "Counter[str]") -> str:
        """Why the picture did not come; blank where it did."""
        host = url.split("/")[2].lower()
        if unanswered[host] >= _PATIENCE:
            return f"the host left {_PATIENCE} pictures in a row unanswered, and was not asked again"
        try:
            self._put(url, await fetcher.fetch(url))
        except ImageUrlRefused as error:
            return error.reason
        except ImageFetchFailed as error:
            unanswered[host] = 0 if error.answered else unanswered[host] + 1
            return error.reason
        unanswered[host] = 0
        return ""

    def _put(self, url: str, data: bytes) -> None:
        path = self._path(url)
        path.parent.mkdir(parents=True, exist_ok=True)
        beside = path.with_suffix(f".{os.getpid()}")
        beside.write_bytes(data)
        beside.replace(path)

    def _holds(self, url: str) -> bool:
        path = self._path(url)
        return path.is_file() and path.stat().st_size > 0  # empty: the machine lost power before the bytes were on its disk

    def _path(self, url: str) -> Path:
        name = hashlib.sha256(url.encode()).hexdigest()
        return self._folder / name[:2] / name

"""Fetches the pictures that items name by URL, from the hosts that the settings allow."""

import asyncio
from collections.abc import Sequence

from model.errors import ImageUrlRefused
from model.fetch_image import ImageFetcher


class Images:
    """One fetcher for the service's life; without allowed hosts it asks nobody."""

    def __init__(self, fetcher: ImageFetcher | None) -> None:
        """
        Args:
            fetcher: None where no host is allowed.
        """
        self._fetcher = fetcher

    async def fetch(self, urls: Sequence[str]) -> tuple[bytes, ...]:
        """
        The pictures' files, in the order of their URLs.

        Raises:
            ImageUrlRefused: a URL is not one that we ask.
            ImageFetchFailed: a picture did not come, whole and in time.
        """
        if not urls:
            return ()
        if self._fetcher is None:
            raise ImageUrlRefused("", "no host is allowed here; THAW_IMAGE_HOSTS names the hosts to fetch from")
        fetches = [asyncio.ensure_future(self._fetcher.fetch(url)) for url in urls]
        try:
            return tuple(await asyncio.gather(*fetches))
        finally:
            for fetch in fetches:  # one that failed leaves no other behind
                fetch.cancel()

    async def close(self) -> None:
        """Lets the connections go."""
        if self._fetcher is not None:
            await self._fetcher.close()

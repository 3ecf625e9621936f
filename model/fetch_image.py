"""
Fetches a picture from an https URL, without being led astray by it.

A URL may come from anyone, so it must not make us talk to our own network: https only, port 443, public addresses
only, every address that the name stands for checked, the connection made to a checked one, and all of it again for
each redirect. Size and time are bounded.
"""

import asyncio
import socket
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from http.cookiejar import CookieJar, DefaultCookiePolicy
from types import TracebackType
from typing import Self, TypeAlias

import httpx

from model.errors import ImageFetchFailed, ImageUrlRefused
from model.public_address import is_public

Resolve: TypeAlias = Callable[[str], Sequence[str]]
"""A host's name to its addresses; OSError where it has none. Runs in a thread."""

_ADDRESSES_TRIED = 3
_RESOLVERS = 8
_REDIRECTS = (301, 302, 303, 307, 308)
_HEADERS = {"User-Agent": "thaw", "Accept": "image/jpeg, image/png, image/webp", "Accept-Encoding": "identity"}


@dataclass(frozen=True, slots=True)
class ImageUrlPolicy:
    """What may be fetched, and how much of it."""

    hosts: tuple[str, ...] | None = None
    """Hosts that may be asked, `.example.com` for a domain with all below it; None: every public one, (): none."""
    max_bytes: int = 16 * 2**20
    timeout_seconds: float = 10.0
    """For one picture, from the look-up of its host to its last byte, redirects included."""
    max_redirects: int = 3

    def allows(self, host: str) -> bool:
        """Whether a host may be asked."""
        if self.hosts is None:
            return True
        return any(host == entry.lstrip(".") or (entry[:1] == "." and host.endswith(entry)) for entry in self.hosts)


def resolve_host(host: str) -> list[str]:
    """All addresses of a host, by the system's resolver."""
    found = socket.getaddrinfo(host, 443, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(address[4][0]) for address in found))


class ImageFetcher:
    """
    Fetches pictures under one policy; many at once in one event loop.

    Raises:
        ImageUrlRefused: from `fetch`, where the URL, or one that it redirects to, is not one that we ask; nothing was
            sent to it.
        ImageFetchFailed: from `fetch`, where no picture came, whole and in time.
    """

    def __init__(
        self, policy: ImageUrlPolicy, *, resolve: Resolve = resolve_host, transport: httpx.AsyncBaseTransport | None = None
    ) -> None:
        """
        Args:
            resolve, transport: stand-ins for the system's resolver and for the network.
        """
        self._policy, self._resolve = policy, resolve
        # Of its own: a resolver that hangs outlasts every timeout, and must not hold up what else needs a thread.
        self._resolvers = ThreadPoolExecutor(_RESOLVERS, thread_name_prefix="resolve")
        # A kept connection is found again by its address, and another host may share that: each is used once.
        once = httpx.Limits(max_keepalive_connections=0)
        no_cookies = CookieJar(DefaultCookiePolicy(allowed_domains=()))  # they would be kept by address, too
        self._http = httpx.AsyncClient(
            transport=transport,
            limits=once,
            cookies=no_cookies,
            timeout=policy.timeout_seconds,
            trust_env=False,
            headers=_HEADERS,
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        await self.close()

    async def close(self) -> None:
        """Lets the connections go."""
        await self._http.aclose()
        self._resolvers.shutdown(wait=False, cancel_futures=True)

    async def fetch(self, url: str) -> bytes:
        """The bytes of the picture at a URL: what begins like a JPEG, PNG or WebP and is not over the policy's size."""
        target = _parse(url)
        try:
            async with asyncio.timeout(self._policy.timeout_seconds):
                return await self._follow(target)
        except TimeoutError as error:
            reason = f"it did not come within {self._policy.timeout_seconds:g} seconds"
            raise ImageFetchFailed(target.host, reason) from error
        except (httpx.HTTPError, OSError, ValueError) as error:  # ValueError: httpx, of a redirect to what is no name
            raise ImageFetchFailed(target.host, str(error) or type(error).__name__) from error

    async def _follow(self, url: httpx.URL) -> bytes:
        for _ in range(self._policy.max_redirects + 1):
            answer = await self._ask(url, await self._look_up(url))
            if isinstance(answer, bytes):
                return answer
            url = _parse(answer, url)
        raise ImageFetchFailed(url.host, f"more than {self._policy.max_redirects} redirects", answered=True)

    async def _look_up(self, url: httpx.URL) -> Sequence[str]:
        host = url.raw_host.decode("ascii").rstrip(".").lower()
        if not self._policy.allows(host):
            raise ImageUrlRefused(host, f"only these hosts are asked: {', '.join(self._policy.hosts or ()) or 'none'}")
        try:
            addresses = await asyncio.get_running_loop().run_in_executor(self._resolvers, self._resolve, host)
        except (OSError, ValueError) as error:  # what is no name for the system at all is a ValueError
            raise ImageFetchFailed(host, "the host's name has no address") from error
        if not addresses:
            raise ImageFetchFailed(host, "the host's name has no address")
        if not all(map(is_public, addresses)):
            raise ImageUrlRefused(host, "its address is not one of the public internet")
        return addresses[:_ADDRESSES_TRIED]

    async def _ask(self, url: httpx.URL, addresses: Sequence[str]) -> bytes | str:
        """The picture, or where the host sends us instead."""
        for address in addresses[:-1]:
            try:
                return await self._ask_address(url, address)
            except httpx.ConnectError:
                continue
        return await self._ask_address(url, addresses[-1])

    async def _ask_address(self, url: httpx.URL, address: str) -> bytes | str:
        request = self._http.build_request(
            "GET",
            url.copy_with(host=address),
            headers={"Host": url.netloc.decode("ascii")},
            extensions={"sni_hostname": url.raw_host.decode("ascii")},  # the certificate must be the name's, not the address's
        )
        response = await self._http.send(request, stream=True)
        try:
            if response.status_code in _REDIRECTS:
                return str(response.headers.get("Location", ""))
            return await self._read(url.host, response)
        finally:
            await response.aclose()

    async def _read(self, host: str, response: httpx.Response) -> bytes:
        if response.status_code != 200:
            raise ImageFetchFailed(host, f"the host answered with status {response.status_code}", answered=True)
        if response.headers.get("Content-Encoding", "identity") != "identity":
            raise ImageFetchFailed(host, "it came compressed, which was not asked for", answered=True)
        data = bytearray()
        async for chunk in response.aiter_raw():
            data += chunk
            if len(data) > self._policy.max_bytes:
                raise ImageFetchFailed(host, f"it is over the limit of {self._policy.max_bytes:,} bytes", answered=True)
        if not _looks_like_picture(data):
            raise ImageFetchFailed(host, "what came is no JPEG, PNG or WebP", answered=True)
        return bytes(data)


def _parse(text: str, sent_by: httpx.URL | None = None) -> httpx.URL:
    """
    Args:
        sent_by: the URL that redirects to this one, which may be relative to it.
    """
    try:
        url = httpx.URL(text) if sent_by is None else sent_by.join(text)
        host = url.host  # decodes the name, which fails where that is no IDNA
    except (httpx.InvalidURL, ValueError) as error:
        raise ImageUrlRefused("", "it is no URL") from error
    if url.scheme != "https" or not host:
        raise ImageUrlRefused(host, "only https URLs are fetched")
    if url.port not in (None, 443):
        raise ImageUrlRefused(host, f"only port 443 is asked, not {url.port}")
    if url.userinfo:
        raise ImageUrlRefused(host, "a URL with a user name or password is not asked")
    return url


def _looks_like_picture(data: bytearray) -> bool:
    return data.startswith((b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n")) or (data[:4] == b"RIFF" and data[8:12] == b"WEBP")

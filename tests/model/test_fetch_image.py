"""Pictures from URLs: what is fetched, what is refused, and what is never asked."""

import asyncio
import shutil
import ssl
import subprocess
import threading
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import httpx
import pytest

from model.errors import ImageFetchFailed, ImageUrlRefused
from model.fetch_image import ImageFetcher, ImageUrlPolicy
from model.public_address import is_public
from tests.fakes import draw_jpeg
from tests.internet import PUBLIC, Internet

PICTURE = draw_jpeg()
pytestmark = pytest.mark.anyio


def picture() -> httpx.Response:
    return httpx.Response(200, stream=httpx.ByteStream(PICTURE))


def redirect(location: str) -> Callable[[], httpx.Response]:
    return lambda: httpx.Response(302, headers={"Location": location})


async def fetch(url: str, internet: Internet, names: dict[str, list[str]] | None = None, **policy: object) -> bytes:
    known = {"shop.example": [PUBLIC], **(names or {})}

    def resolve(host: str) -> list[str]:
        if host not in known:
            raise OSError("unknown")
        return known[host]

    async with ImageFetcher(ImageUrlPolicy(**policy), resolve=resolve, transport=internet) as fetcher:  # type: ignore[arg-type]
        return await fetcher.fetch(url)


async def test_a_picture_is_fetched_from_the_checked_address() -> None:
    internet = Internet({"shop.example/a.jpg": picture})

    assert await fetch("https://shop.example/a.jpg?size=1", internet) == PICTURE
    assert internet.asked == [f"{PUBLIC} shop.example/a.jpg?size=1"]
    assert internet.requests[0].extensions["sni_hostname"] == "shop.example"


@pytest.mark.parametrize(
    "url",
    [
        "http://shop.example/a.jpg",
        "file:///etc/passwd",
        "https:///a.jpg",
        "//shop.example/a.jpg",
        "https://shop.example:8443/a.jpg",
        "https://user:secret@shop.example/a.jpg",
        "https://[::1",
        "https://xn--/",
        "",
    ],
)
async def test_a_url_that_is_not_plain_https_is_refused(url: str) -> None:
    internet = Internet({})

    with pytest.raises(ImageUrlRefused) as caught:
        await fetch(url, internet)

    assert internet.asked == []
    assert caught.value.field == "image_url"
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1",
        "10.1.2.3",
        "169.254.169.254",
        "100.64.0.1",
        "192.0.0.192",
        "0.0.0.0",
        "224.0.0.1",
        "255.255.255.255",
        "::1",
        "::ffff:127.0.0.1",
        "64:ff9b::a9fe:a9fe",
        "2002:a9fe:a9fe::",
        "2001:0:a9fe:a9fe::1",
        "fd00::1",
        "fe80::1%eth0",
        "ff02::1",
        "nonsense",
    ],
)
async def test_our_own_network_is_never_asked(address: str) -> None:
    """Not even where only one of the name's addresses lies in it."""
    internet = Internet({"shop.example/a.jpg": picture})

    with pytest.raises(ImageUrlRefused, match="not one of the public internet"):
        await fetch("https://shop.example/a.jpg", internet, {"shop.example": [PUBLIC, address]})

    assert internet.asked == []


def test_public_addresses_are_public() -> None:
    assert is_public(PUBLIC)
    assert is_public("2606:2800:220:1:248:1893:25c8:1946")


async def test_every_redirect_is_checked_again() -> None:
    names = {"cdn.example": ["93.184.215.15"], "inner.example": ["10.0.0.1"]}
    internet = Internet(
        {
            "shop.example/a": redirect("https://cdn.example/b"),
            "cdn.example/b": redirect("c.jpg"),
            "cdn.example/c.jpg": picture,
            "shop.example/in": redirect("https://inner.example/"),
            "shop.example/plain": redirect("http://shop.example/a.jpg"),
        }
    )

    assert await fetch("https://shop.example/a", internet, names) == PICTURE
    assert internet.asked[1:] == ["93.184.215.15 cdn.example/b", "93.184.215.15 cdn.example/c.jpg"]
    for path in ("in", "plain"):
        asked = len(internet.asked)
        with pytest.raises(ImageUrlRefused):
            await fetch(f"https://shop.example/{path}", internet, names)
        assert len(internet.asked) == asked + 1  # the redirect alone


@pytest.mark.parametrize("location", ["https://xn--/", "https://[::1", "//xn--a.example:1x"])
async def test_a_redirect_to_what_is_no_url_is_not_followed(location: str) -> None:
    with pytest.raises(ImageFetchFailed, match=r"from shop\.example"):
        await fetch("https://shop.example/a", Internet({"shop.example/a": redirect(location)}))


async def test_redirects_come_to_an_end() -> None:
    internet = Internet({"shop.example/a": redirect("https://shop.example/a")})

    with pytest.raises(ImageFetchFailed, match="more than 3 redirects"):
        await fetch("https://shop.example/a", internet)

    assert len(internet.asked) == 4


async def test_only_allowed_hosts_are_asked_where_there_is_a_list() -> None:
    internet = Internet({"shop.example/a": picture, "img.cdn.example/a": picture})
    names = {"img.cdn.example": [PUBLIC], "evilcdn.example": [PUBLIC]}
    hosts = ("shop.example", ".cdn.example")

    assert await fetch("https://SHOP.example/a", internet, names, hosts=hosts) == PICTURE
    assert await fetch("https://img.cdn.example/a", internet, names, hosts=hosts) == PICTURE
    for url in ("https://evilcdn.example/a", "https://shop.example.evil/a", "https://xshop.example/a"):
        with pytest.raises(ImageUrlRefused, match=r"shop\.example, \.cdn\.example"):
            await fetch(url, internet, names, hosts=hosts)
    with pytest.raises(ImageUrlRefused, match="none"):
        await fetch("https://shop.example/a", internet, hosts=())
    assert len(internet.asked) == 2


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (httpx.Response(404), "status 404"),
        (httpx.Response(200, stream=httpx.ByteStream(b"<html>")), "no JPEG, PNG or WebP"),
        (httpx.Response(200, stream=httpx.ByteStream(b"")), "no JPEG, PNG or WebP"),
        (httpx.Response(200, headers={"Content-Encoding": "gzip"}, stream=httpx.ByteStream(b"")), "compressed"),
        (httpx.Response(200, stream=httpx.ByteStream(PICTURE + bytes(20_000))), "limit of 20,000 bytes"),
    ],
)
async def test_what_is_no_picture_within_bounds_is_not_taken(answer: httpx.Response, reason: str) -> None:
    with pytest.raises(ImageFetchFailed, match=reason):
        await fetch("https://shop.example/a", Internet({"shop.example/a": lambda: answer}), max_bytes=20_000)


async def test_a_host_that_drips_is_given_up() -> None:
    async def drip() -> AsyncIterator[bytes]:
        yield PICTURE[:10]
        await asyncio.Event().wait()

    class Dripping(httpx.AsyncByteStream):
        def __aiter__(self) -> AsyncIterator[bytes]:
            return drip()

    internet = Internet({"shop.example/a": lambda: httpx.Response(200, stream=Dripping())})
    with pytest.raises(ImageFetchFailed, match=r"within 0\.05 seconds"):
        await fetch("https://shop.example/a", internet, timeout_seconds=0.05)


async def test_an_address_that_does_not_answer_is_passed_over() -> None:
    class HalfDown(Internet):
        async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
            if request.url.host != PUBLIC:
                raise httpx.ConnectError("refused")
            return await super().handle_async_request(request)

    internet = HalfDown({"shop.example/a": picture})

    assert await fetch("https://shop.example/a", internet, {"shop.example": ["93.184.215.9", PUBLIC]}) == PICTURE
    with pytest.raises(ImageFetchFailed, match="refused"):
        await fetch("https://shop.example/a", internet, {"shop.example": ["93.184.215.9"]})


async def test_a_name_without_an_address_is_said() -> None:
    for names in ({}, {"gone.example": list[str]()}):
        with pytest.raises(ImageFetchFailed, match="no address"):
            await fetch("https://gone.example/a", Internet({}), names)


async def test_a_connection_that_breaks_below_http_has_failed() -> None:
    def broken() -> httpx.Response:
        raise ssl.SSLError("bad record")

    with pytest.raises(ImageFetchFailed, match="bad record"):
        await fetch("https://shop.example/a", Internet({"shop.example/a": broken}))


async def test_no_cookie_is_kept() -> None:
    """Connections go to addresses, which hosts share: one's cookie would reach another."""
    answer = httpx.Response(302, headers={"Location": "https://shop.example/b", "Set-Cookie": "a=b; Path=/"})
    internet = Internet({"shop.example/a": lambda: answer, "shop.example/b": picture})

    await fetch("https://shop.example/a", internet)

    assert "cookie" not in internet.requests[1].headers


class ThroughTo(httpx.AsyncHTTPTransport):
    """The real network with all addresses at one port of this machine."""

    def __init__(self, port: int, trusted: ssl.SSLContext) -> None:
        super().__init__(verify=trusted, trust_env=False)
        self._port = port

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        request.url = request.url.copy_with(host="127.0.0.1", port=self._port)
        return await super().handle_async_request(request)


@pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl is not installed")
async def test_the_certificate_must_be_the_names(tmp_path: Path) -> None:
    """Over real TLS: connected by address, verified by name."""
    subprocess.run(
        f"openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=shop.example "
        f"-addext subjectAltName=DNS:shop.example -keyout {tmp_path}/key.pem -out {tmp_path}/cert.pem".split(),
        check=True,
        capture_output=True,
    )

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(PICTURE) + PICTURE)
        await writer.drain()
        writer.close()

    own = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    own.load_cert_chain(tmp_path / "cert.pem", tmp_path / "key.pem")
    server = await asyncio.start_server(answer, "127.0.0.1", 0, ssl=own)
    async with server:
        port = server.sockets[0].getsockname()[1]
        trusted = ssl.create_default_context(cafile=str(tmp_path / "cert.pem"))

        async def ask(host: str) -> bytes:
            transport = ThroughTo(port, trusted)
            async with ImageFetcher(ImageUrlPolicy(), resolve=lambda _: [PUBLIC], transport=transport) as fetcher:
                return await fetcher.fetch(f"https://{host}/a.jpg")

        assert await ask("shop.example") == PICTURE
        with pytest.raises(ImageFetchFailed, match=r"[Cc]ertificate"):
            await ask("other.example")


async def test_a_resolver_that_hangs_holds_nothing_else_up() -> None:
    """Whatever else needs a thread of this process gets one while it hangs."""
    release = threading.Event()

    def resolve(_host: str) -> list[str]:
        release.wait(60)
        return [PUBLIC]

    policy = ImageUrlPolicy(timeout_seconds=0.05)
    try:
        async with ImageFetcher(policy, resolve=resolve, transport=Internet({})) as fetcher:
            asked = [fetcher.fetch(f"https://host{at}.example/a.jpg") for at in range(64)]
            failed = await asyncio.gather(*asked, return_exceptions=True)
            answer = await asyncio.wait_for(asyncio.to_thread(lambda: "at once"), 30)
    finally:
        release.set()

    assert all(isinstance(error, ImageFetchFailed) for error in failed)
    assert answer == "at once"

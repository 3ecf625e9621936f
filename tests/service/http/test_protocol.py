"""Whoever connects must say soon, and in few bytes, what it wants."""

import socket
import threading
import time
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

import httpx
import pytest
import uvicorn

from service.http.edge.protocol import MOST_HEAD_BYTES, BoundedProtocol
from tests.processes import free_port


async def count_bytes(
    _scope: dict[str, Any], receive: Callable[[], Awaitable[dict[str, Any]]], send: Callable[[dict[str, Any]], Awaitable[None]]
) -> None:
    """Answers how long the body was."""
    size, more = 0, True
    while more:
        message = await receive()
        size, more = size + len(message.get("body", b"")), message.get("more_body", False)
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": str(size).encode()})


@pytest.fixture
def port(monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    monkeypatch.setattr("service.http.edge.protocol.HEAD_SECONDS", 0.5)
    at = free_port()
    config = uvicorn.Config(count_bytes, port=at, http=BoundedProtocol, log_config=None, lifespan="off")
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run)
    thread.start()
    while not server.started:
        time.sleep(0.01)
    yield at
    server.should_exit = True
    thread.join()


def exchange(port: int, *parts: bytes) -> bytes:
    """What comes back until the connection ends, for a client that sends all that it can."""
    with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
        try:
            for part in parts:
                connection.sendall(part)
                time.sleep(0.01)
        except OSError:  # refused on the way
            pass
        answer = b""
        while data := connection.recv(65_536):
            answer += data
    return answer


def test_a_head_without_an_end_is_refused(port: int) -> None:
    answer = exchange(port, b"GET / HTTP/1.1\r\nx: ", *[b"a" * 10_000] * 7)

    assert answer.startswith(b"HTTP/1.1 431 ")
    assert b"urn:thaw:problem:head-too-large" in answer
    assert f"{MOST_HEAD_BYTES:,}".encode() in answer


@pytest.mark.parametrize("begun", [b"", b"GET / HT", b"GET / HTTP/1.1\r\nhost: here\r\n\r\nGET / HT"])
def test_a_connection_that_does_not_go_on_is_closed(port: int, begun: bytes) -> None:
    start = time.monotonic()

    exchange(port, begun)

    assert 0.4 < time.monotonic() - start < 5


def test_long_bodies_and_many_requests_on_a_connection_pass(port: int) -> None:
    with httpx.Client(base_url=f"http://127.0.0.1:{port}", trust_env=False) as client:
        for size in (0, 10 * MOST_HEAD_BYTES, 3):
            assert client.post("/", content=b"x" * size).text == str(size)
        pieces = (b"x" * 100 for _ in range(2000))
        assert client.post("/", content=pieces).text == "200000"


@pytest.mark.parametrize("begun", [b"CONNECT shop:443 HTTP/1.1\r\nhost: shop\r\n\r\n", b"no such thing\r\n\r\n"])
def test_what_is_no_request_here_is_answered_400(port: int, begun: bytes) -> None:
    assert exchange(port, begun).startswith(b"HTTP/1.1 400 ")


@pytest.mark.parametrize("head", [b"POST / HTTP/1.0\r\nConnection: upgrade", b"POST / HTTP/1.1\r\nConnection: close, Upgrade"])
def test_a_connection_that_was_to_end_ends_whatever_else_it_wished_for(port: int, head: bytes) -> None:
    start = time.monotonic()

    answer = exchange(port, head + b"\r\nhost: here\r\nUpgrade: h2c\r\ncontent-length: 0\r\n\r\n")

    assert b" 200 " in answer.splitlines()[0]
    assert time.monotonic() - start < 0.4


@pytest.mark.parametrize("protocol", ["h2c", "websocket", "something"])
@pytest.mark.parametrize("pause", [0.0, 0.1])
def test_a_wish_for_another_protocol_is_passed_over(port: int, protocol: str, pause: float) -> None:
    """Some clients send it with everything: the body is the body, and no request of its own."""
    head = f"POST / HTTP/1.1\r\nhost: here\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: {protocol}\r\n"
    body = b"GET / HTTP/1.1\r\nhost: here\r\n\r\n"
    with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
        connection.sendall(f"{head}content-length: {len(body)}\r\n\r\n".encode() + (b"" if pause else body))
        time.sleep(pause)
        connection.sendall(body if pause else b"")
        time.sleep(0.2)
        connection.sendall(b"POST / HTTP/1.1\r\nhost: here\r\nconnection: close\r\ncontent-length: 3\r\n\r\nabc")
        answer = b""
        while data := connection.recv(65_536):
            answer += data

    assert answer.count(b"HTTP/1.1 200 OK") == answer.count(b"HTTP/1.1 ") == 2
    bodies = [part.split(b"\r\n\r\n")[1] for part in answer.split(b"HTTP/1.1 200 OK")[1:]]
    assert str(len(body)).encode() in bodies[0]
    assert b"3" in bodies[1]

"""The server's side of a connection, with bounds on what comes before a request is complete enough to be answered."""

import asyncio
from http import HTTPStatus
from typing import Any

import httptools
import structlog
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from service.http.edge.problems import problem_response

MOST_HEAD_BYTES = 65_536
"""Of a request's line and headers, and of whatever else a client sends that is no part of a body."""
HEAD_SECONDS = 20.0
"""In which a connection must send its first request's head, and each further one from its first byte."""
_log = structlog.get_logger(__name__)


class BoundedProtocol(HttpToolsProtocol):
    """
    HTTP/1.1 as uvicorn speaks it, for clients that mean no good.

    The server itself bounds neither how long a head may be nor how long it may take: without a key a client could fill the
    memory, or hold every connection that the process may have.
    """

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self._idle_bytes = 0
        self._timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._expect_head()

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_waiting()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        self._idle_bytes += len(data)
        self._unset_keepalive_if_required()
        try:
            self._feed(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade):  # the latter of CONNECT, which is an upgrade as such
            _log.warning("what came is no HTTP request")
            self.send_400_response("Invalid HTTP request received.")
            return
        if self._idle_bytes > MOST_HEAD_BYTES and not self.transport.is_closing():
            self._refuse()

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._expect_head()

    def on_headers_complete(self) -> None:
        self._stop_waiting()
        self._idle_bytes = 0
        if not self.parser.should_upgrade():
            super().on_headers_complete()

    def on_message_complete(self) -> None:
        if not self.parser.should_upgrade():
            super().on_message_complete()

    def on_body(self, body: bytes) -> None:
        self._idle_bytes = 0
        super().on_body(body)

    def _feed(self, data: bytes) -> None:
        """
        Parses what came. A wish for another protocol is passed over, and the request is one like any other.

        The parser ends at such a head, and what follows would be lost, or taken for another request: it starts again on
        the same head without the wish.
        """
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserUpgrade as wish:
            version = self.parser.get_http_version().encode()
            head = [self.parser.get_method() + b" " + self.url + b" HTTP/" + version]
            head += [name + b": " + _without_wishes(name, value) for name, value in self.headers if name != b"upgrade"]
            self.parser = httptools.HttpRequestParser(self)
            self.parser.feed_data(b"\r\n".join(head) + b"\r\n\r\n" + data[wish.args[0] :])

    def _expect_head(self) -> None:
        if self._timer is None:
            self._timer = self.loop.call_later(HEAD_SECONDS, self._give_up)

    def _stop_waiting(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _give_up(self) -> None:
        self._timer = None
        self.transport.close()

    def _refuse(self) -> None:
        _log.warning("a request's head is over the limit", limit_bytes=MOST_HEAD_BYTES)
        detail = f"the request's line and headers are over the limit of {MOST_HEAD_BYTES:,} bytes"
        answer = problem_response(431, "head-too-large", "The request's head is too large", detail)
        head = f"HTTP/1.1 431 {HTTPStatus(431).phrase}\r\nconnection: close\r\n".encode()
        lines = b"".join(name + b": " + value + b"\r\n" for name, value in answer.raw_headers)
        self.transport.write(head + lines + b"\r\n" + bytes(answer.body))
        self.transport.close()


def _without_wishes(name: bytes, value: bytes) -> bytes:
    """A header's value, that of `Connection` without what belongs to a wish for another protocol."""
    if name != b"connection":
        return value
    tokens = [token.strip() for token in value.split(b",")]
    return b", ".join(token for token in tokens if token.lower() not in (b"upgrade", b"http2-settings"))

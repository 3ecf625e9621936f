"""
Asks a service for many paths over connections that stay open, in a process of its own.

    python -m benchmarks.load PORT PATHS --connections N --seconds S [--rate R]

PATHS is a file of paths, one a line, asked for in turn. Without a rate each connection asks again as soon as it has its
answer: that tells how many requests a second there can be. With one, requests are sent by the clock, whether or not
earlier ones were answered, and each one's time counts from when it was due: that tells how long a caller waits.
Prints a JSON object: the fields of `Load`.
"""

import argparse
import asyncio
import itertools
import json
import subprocess
import sys
import tempfile
import time
from collections import deque
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import cast

import uvloop

_END = b"\r\n\r\n"
_LENGTH = b"content-length: "


@dataclass(frozen=True, slots=True)
class Load:
    """What came of asking."""

    answers: int
    failures: int
    """Answers of another status than 200."""
    seconds: float
    milliseconds: list[float]
    """Of each answer, in no order."""

    @property
    def per_second(self) -> float:
        return self.answers / self.seconds

    def percentile(self, share: float) -> float:
        """Milliseconds that this share of the answers kept to."""
        ordered = sorted(self.milliseconds)
        return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def ask(port: int, paths: Path, *, connections: int, seconds: float, rate: float | None = None) -> Load:
    """Asks from another process, so that asking and answering share no interpreter."""
    words = [str(port), str(paths), "--connections", str(connections), "--seconds", str(seconds)]
    words += ["--rate", str(rate)] if rate else []
    with tempfile.TemporaryFile("w+") as answer:  # a pipe was once cut off at what it holds
        subprocess.run([sys.executable, "-m", "benchmarks.load", *words], stdout=answer, check=True)
        answer.seek(0)
        return Load(**json.load(answer))


class _Connection(asyncio.Protocol):
    """One request at a time; what was asked when is known by whoever hands out requests."""

    def __init__(self, asking: "_Asking") -> None:
        self._asking, self._held, self.due = asking, b"", 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._asking.give(self)

    def send(self, request: bytes, due: float) -> None:
        self.due = due
        self._transport.write(request)

    def data_received(self, data: bytes) -> None:
        self._held += data
        end = self._held.find(_END)
        if end < 0:
            return
        head = self._held[:end].lower()
        length = int(head.partition(_LENGTH)[2].partition(b"\r\n")[0])
        if len(self._held) >= end + len(_END) + length:
            is_good, self._held = head.startswith(b"http/1.1 200"), b""
            self._asking.note(self.due, is_good)
            self._asking.give(self)

    def connection_lost(self, exc: Exception | None) -> None:
        self._asking.lost()


class _Asking:
    """Hands requests to connections that are free: at once, or as they fall due."""

    def __init__(self, requests: Iterator[bytes], rate: float | None) -> None:
        self._requests, self._rate = requests, rate
        self._free: deque[_Connection] = deque()
        self._due: deque[float] = deque()
        self._milliseconds: list[float] = []
        self._failures, self._running, self._under_way = 0, True, 0
        self._closed: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def give(self, connection: _Connection) -> None:
        if not self._running:
            return
        if self._rate is None:
            self._send(connection, time.perf_counter())
        elif self._due:
            self._send(connection, self._due.popleft())
        else:
            self._free.append(connection)

    def _send(self, connection: _Connection, due: float) -> None:
        self._under_way += 1
        connection.send(next(self._requests), due)

    def note(self, due: float, is_good: bool) -> None:
        self._under_way -= 1
        if self._running:
            self._milliseconds.append(1000 * (time.perf_counter() - due))
            self._failures += not is_good

    def lost(self) -> None:
        if self._running and not self._closed.done():
            self._closed.set_exception(ConnectionError("the service closed a connection"))

    async def run(self, seconds: float) -> Load:
        start = time.perf_counter()
        asking = asyncio.sleep(seconds) if self._rate is None else self._by_the_clock(start, seconds, self._rate)
        work = asyncio.ensure_future(asking)
        await asyncio.wait([work, self._closed], return_when=asyncio.FIRST_COMPLETED)
        if self._closed.done():
            work.cancel()
            await self._closed
        await work
        took, self._running = time.perf_counter() - start, False
        return Load(len(self._milliseconds), self._failures, took, self._milliseconds)

    async def _by_the_clock(self, start: float, seconds: float, rate: float) -> None:
        for number in range(int(seconds * rate)):
            due = start + number / rate
            if (ahead := due - time.perf_counter()) > 0:
                await asyncio.sleep(ahead)
            if self._free:
                self._send(self._free.popleft(), due)
            else:
                self._due.append(due)
        while self._due or self._under_way:  # those who still wait count, too
            await asyncio.sleep(0.01)


async def _ask(options: argparse.Namespace) -> Load:
    lines = options.paths.read_text().split()
    requests = [f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{options.port}\r\n\r\n".encode() for path in lines]
    asking = _Asking(itertools.cycle(requests), options.rate)
    loop = asyncio.get_running_loop()
    for _ in range(options.connections):
        await loop.create_connection(lambda: _Connection(asking), "127.0.0.1", options.port)
    return await asking.run(options.seconds)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("port", type=int)
    parser.add_argument("paths", type=Path)
    parser.add_argument("--connections", type=int, default=16)
    parser.add_argument("--seconds", type=float, default=10)
    parser.add_argument("--rate", type=float, help="requests a second, by the clock")
    print(json.dumps(asdict(uvloop.run(_ask(parser.parse_args())))))


if __name__ == "__main__":
    main()

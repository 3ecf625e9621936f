"""An internet of a few hosts, for what fetches pictures."""

from collections.abc import Callable

import httpx

PUBLIC = "93.184.215.14"
"""An address that may be asked."""


class Internet(httpx.AsyncBaseTransport):
    """Answers by host and path; keeps what was asked, and from which address."""

    def __init__(self, answers: dict[str, Callable[[], httpx.Response]]) -> None:
        self.answers, self.asked, self.requests = answers, list[str](), list[httpx.Request]()

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        self.asked.append(f"{request.url.host} {request.headers['host']}{request.url.raw_path.decode()}")
        self.requests.append(request)
        return self.answers[request.headers["host"] + request.url.path]()

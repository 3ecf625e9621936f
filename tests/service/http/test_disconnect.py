"""A client that leaves before its body is there is no mistake of the service's."""

from typing import Any

import httpx
import pytest

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize(
    ("path", "kind"),
    [("/items", b"application/json"), ("/items", b"multipart/form-data; boundary=x"), ("/recommend", b"application/json")],
)
async def test_whoever_hangs_up_while_sending_is_no_500(client: httpx.AsyncClient, path: str, kind: bytes) -> None:
    app: Any = client._transport.app  # type: ignore[attr-defined]
    messages = iter([{"type": "http.request", "body": b"{", "more_body": True}, {"type": "http.disconnect"}])
    answered: list[Any] = []

    async def receive() -> Any:
        return next(messages)

    async def send(message: Any) -> None:
        answered.append(message)

    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": "POST",
        "scheme": "http",
        "path": path,
        "raw_path": path.encode(),
        "query_string": b"",
        "headers": [(b"content-type", kind), (b"content-length", b"900")],
        "client": ("127.0.0.1", 1),
        "server": ("thaw", 80),
        "app": app,
    }
    await app(scope, receive, send)

    assert answered[0]["status"] == 400

"""Forms are in UTF-8."""

from typing import Any

import httpx
import pytest

from tests.service.http.test_bad_input import assert_problem

pytestmark = pytest.mark.anyio


def form(content_type: str, title: bytes) -> dict[str, Any]:
    """An item as a form of one part a field."""
    parts = [(b"item_id", b"a"), (b"title", title)]
    lines = [b'--x\r\nContent-Disposition: form-data; name="%s"\r\n\r\n%s\r\n' % part for part in parts]
    return {
        "content": b"".join(lines) + b"--x--\r\n",
        "headers": {"content-type": f"multipart/form-data; boundary=x{content_type}"},
    }


@pytest.mark.parametrize("charset", ["punycode", "undefined", '"Unicode_Escape"', "utf-16", "latin-1", "no-such", '"utf-8\' x"'])
async def test_a_form_in_another_charset_than_utf8_is_refused(client: httpx.AsyncClient, charset: str) -> None:
    answer = await client.post("/items", **form(f"; charset={charset}", b"\\ud800"))

    assert_problem(answer, 415, "content-type")
    assert "charset=utf-8" in answer.json()["detail"]


@pytest.mark.parametrize("charset", ["", "; charset=utf-8", "; Charset=UTF-8", '; charset="us-ascii"', "; charset=utf8"])
async def test_a_form_in_utf8_is_read_however_it_says_so(client: httpx.AsyncClient, charset: str) -> None:
    answer = await client.post("/items", **form(charset, b"Mug"))

    assert (answer.status_code, answer.json()["title"]) == (201, "Mug")

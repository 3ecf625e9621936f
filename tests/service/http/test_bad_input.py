"""Bad input gets a problem that names the field, and changes nothing."""

import base64
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from pydantic import SecretStr

from tests.conftest import ClientMaker
from tests.fakes import draw_jpeg

pytestmark = pytest.mark.anyio
USER = "words-sailing-01"
JPEG = draw_jpeg(size=(200, 200))


def encoded(data: bytes) -> str:
    return base64.b64encode(data).decode()


def assert_problem(answer: httpx.Response, status: int, field: str | None) -> None:
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    body = answer.json()
    assert body["type"].startswith("urn:thaw:problem:")
    assert body["status"] == status
    assert body["detail"]
    assert body.get("field") == field


@pytest.fixture
async def client(service: ClientMaker) -> Any:
    async with service(max_body_bytes=200_000, max_image_pixels=100_000).client() as client:
        await client.post("/items", json={"item_id": "there", "title": "as it was"})
        yield client
        assert [item["title"] for item in (await client.get("/items")).json()["items"]] == ["as it was"]
        assert (await client.get("/health/ready")).json()["items"] == 1


BAD_ITEMS: list[tuple[str, dict[str, Any], str]] = [
    ("no modality", {}, "content"),
    ("blank words", {"title": " ", "text": "\n\t"}, "content"),
    ("not an image", {"image_base64": encoded(b"hello")}, "image"),
    ("truncated image", {"image_base64": encoded(JPEG[: len(JPEG) // 2])}, "image"),
    ("bad image beside good words", {"title": "x", "image_base64": encoded(b"hello")}, "image"),
    ("too many pixels", {"image_base64": encoded(draw_jpeg(size=(400, 400)))}, "image"),
    ("undecodable base64", {"image_base64": "%%%"}, "image_base64"),
    ("base64 of a wrong type", {"image_base64": 7}, "image_base64"),
    ("nested attribute", {"title": "x", "attributes": {"a": {"b": 1}}}, "attributes"),
    ("list attribute", {"title": "x", "attributes": {"a": [1]}}, "attributes"),
    ("attributes no object", {"title": "x", "attributes": [1]}, "attributes"),
    ("long attributes", {"title": "x", "attributes": {"a": "x" * 60_000, "b": "x" * 60_000}}, "attributes"),
    ("too many attributes", {"title": "x", "attributes": {str(i): i for i in range(101)}}, "attributes"),
    ("title no text", {"title": 5}, "title"),
    ("NUL in text", {"text": "a\0b"}, "text"),
    ("unknown field", {"title": "x", "colour": "red"}, "colour"),
]


@pytest.mark.parametrize(("content", "field"), [(c, f) for _, c, f in BAD_ITEMS], ids=[name for name, _, _ in BAD_ITEMS])
async def test_a_bad_item_is_refused(client: httpx.AsyncClient, content: dict[str, Any], field: str) -> None:
    assert_problem(await client.post("/items", json={"item_id": "there", **content}), 422, field)


async def test_an_attribute_beside_the_fields_is_told_where_it_goes(client: httpx.AsyncClient) -> None:
    posted = await client.post("/items", json={"item_id": "there", "title": "x", "price": 3})
    patched = await client.patch("/items/there", json={"price": 3})
    listed = await client.post("/recommend", json={"user_id": USER, "price": 3})

    for answer in (posted, patched, listed):
        assert_problem(answer, 422, "price")
    assert "goes under `attributes`" in posted.json()["detail"]
    assert "goes under `attributes`" in patched.json()["detail"]
    assert listed.json()["detail"] == "price: there is no such field"


@pytest.mark.parametrize("item_id", ["", "a\nb", "a\x00b", "\x7f", "x" * 257, "ü" * 129, ".", "..", "a ", "\u3000a", 7, None])
async def test_a_bad_id_is_refused(client: httpx.AsyncClient, item_id: object) -> None:
    assert_problem(await client.post("/items", json={"item_id": item_id, "title": "x"}), 422, "item_id")


async def test_an_id_of_256_bytes_is_accepted(service: ClientMaker) -> None:
    async with service().client() as client:
        assert (await client.post("/items", json={"item_id": "ü" * 128, "title": "x"})).status_code == 201


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]x",
        b'{"item_id": "a", "title": "x", "attributes": {"a": NaN}}',
        b'{"item_id": "a", "attributes": {"a": Infinity}}',
        b"\xff\xfe",
        b'{"title": "\\ud800"}',
    ],
)
async def test_what_is_no_json_is_refused(client: httpx.AsyncClient, body: bytes) -> None:
    answer = await client.post("/items", content=body, headers={"content-type": "application/json"})

    assert_problem(answer, 400, "body")


@pytest.mark.parametrize("path", ["/recommend", "/events", "/items"])
@pytest.mark.parametrize("body", [b"{", b"\xff\xfe", b"[" * 100_000, b'{"user_id": "\xc3"}'])
async def test_what_is_no_json_is_told_alike_by_every_route(client: httpx.AsyncClient, path: str, body: bytes) -> None:
    answer = await client.post(path, content=body, headers={"content-type": "application/json"})

    assert_problem(answer, 400, "body")
    assert answer.json()["type"] == "urn:thaw:problem:malformed-body"


@pytest.mark.parametrize("body", [b"[]", b"1", b"null", b'"text"'])
async def test_json_that_is_no_object_is_refused(client: httpx.AsyncClient, body: bytes) -> None:
    answer = await client.post("/items", content=body, headers={"content-type": "application/json"})

    assert_problem(answer, 422, "body")


@pytest.mark.parametrize("kind", ["text/plain", "image/jpeg", "application/x-www-form-urlencoded", ""])
async def test_a_wrong_content_type_is_refused(client: httpx.AsyncClient, kind: str) -> None:
    answer = await client.post("/items", content=b"{}", headers={"content-type": kind})

    assert_problem(answer, 415, "content-type")


async def test_multipart_without_its_boundary_is_refused(client: httpx.AsyncClient) -> None:
    answer = await client.post("/items", content=b"xx", headers={"content-type": "multipart/form-data"})

    assert_problem(answer, 400, "body")


@pytest.mark.parametrize(
    ("data", "files", "field"),
    [
        ({"item_id": "a", "colour": "red"}, {"image": ("a.jpg", JPEG)}, "colour"),
        ({"item_id": "a", "image": "not a file"}, {}, "image"),
        ({"item_id": "a"}, {"title": ("a.txt", b"a file")}, "title"),
        ({"item_id": "a", "title": "x", "attributes": "{"}, {"image": ("a.jpg", JPEG)}, "attributes"),
        ({"item_id": "a", "title": "x", "attributes": '{"a": NaN}'}, {"image": ("a.jpg", JPEG)}, "attributes"),
        ({"item_id": "a"}, {"image": ("a.jpg", b"")}, "image"),
        ({"title": "x"}, {"image": ("a.jpg", JPEG)}, "item_id"),
    ],
)
async def test_a_bad_form_is_refused(client: httpx.AsyncClient, data: dict[str, str], files: dict[str, Any], field: str) -> None:
    request = client.build_request("POST", "/items", data=data, files=files or {"empty": b""})
    if not files:
        request = client.build_request("POST", "/items", files={name: (None, value) for name, value in data.items()})

    assert_problem(await client.send(request), 422, field)


async def test_a_body_over_the_limit_is_refused_by_its_header(client: httpx.AsyncClient) -> None:
    answer = await client.post("/items", json={"item_id": "a", "title": "x" * 300_000})

    assert_problem(answer, 413, "body")


async def test_a_body_over_the_limit_is_refused_as_it_comes(client: httpx.AsyncClient) -> None:
    async def chunks() -> Any:
        for _ in range(30):
            yield b"x" * 10_000

    answer = await client.post("/items", content=chunks(), headers={"content-type": "application/json"})

    assert_problem(answer, 413, "body")


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("k=0", "k"),
        ("k=501", "k"),
        ("k=-1", "k"),
        ("k=x", "k"),
        ("k=1.5", "k"),
        ("cold_only=maybe", "cold_only"),
        ("exclude_seeen=false", "exclude_seeen"),
    ],
)
async def test_a_bad_query_is_refused(client: httpx.AsyncClient, query: str, field: str) -> None:
    assert_problem(await client.get(f"/recommend/{USER}?{query}"), 422, field)


@pytest.mark.parametrize(
    ("path", "status", "field"),
    [
        ("/items/no%0Dsuch", 422, "item_id"),
        ("/items/" + "x" * 300, 422, "item_id"),
        ("/recommend/%00", 422, "user_id"),
        ("/items/no%0Asuch", 404, None),  # no path of FastAPI's holds a line feed
    ],
)
async def test_a_bad_id_in_a_path_is_refused(client: httpx.AsyncClient, path: str, status: int, field: str | None) -> None:
    assert_problem(await client.get(path), status, field)


async def test_unknown_things_are_404(client: httpx.AsyncClient) -> None:
    assert_problem(await client.get("/items/nobody"), 404, "item_id")
    assert_problem(await client.get("/recommend/nobody"), 404, "user_id")
    assert_problem(await client.get("/no/such/path"), 404, None)


async def test_a_wrong_method_says_which_are_right(client: httpx.AsyncClient) -> None:
    answer = await client.put("/items")

    assert_problem(answer, 405, None)
    assert answer.headers["allow"]


@pytest.mark.parametrize("path", ["/recommend", "/admin/model"])
@pytest.mark.parametrize("body", [b"{", b"[" * 1000, b"{}"])
async def test_without_a_key_no_body_is_looked_at(service: ClientMaker, path: str, body: bytes) -> None:
    async with service(admin_keys=SecretStr("an-admin-key-of-a-test")).client() as client:
        answer = await client.post(path, content=body, headers={"Content-Type": "application/json"})

    assert_problem(answer, 401, None)


async def chunks(count: int, sent: list[int] | None = None) -> AsyncIterator[bytes]:
    for at in range(count):
        yield b" " * 10_000
        if sent is not None:
            sent.append(at)


@pytest.mark.parametrize("path", ["/items", "/recommend"])
async def test_a_body_that_grows_over_the_limit_is_refused_alike(client: httpx.AsyncClient, path: str) -> None:
    answer = await client.post(path, content=chunks(30), headers={"Content-Type": "application/json"})

    assert_problem(answer, 413, "body")


@pytest.mark.parametrize(("declared", "taken"), [({}, 209), ({"Content-Length": "15000000"}, 0)])
async def test_a_list_s_body_has_a_limit_of_its_own_and_no_more_is_read(
    service: ClientMaker, declared: dict[str, str], taken: int
) -> None:
    sent: list[int] = []
    async with service().client() as client:
        headers = {"Content-Type": "application/json", **declared}
        answer = await client.post("/recommend", content=chunks(1500, sent), headers=headers)

    assert_problem(answer, 413, "body")
    assert "what this call takes" in answer.json()["detail"]
    assert len(sent) == taken


@pytest.mark.parametrize(
    ("path", "body", "field"),
    [
        ("/recommend", {"history": [[]] * 1001}, "history"),
        ("/recommend", {"user_ids": ["a"] * 257}, "user_ids"),
        ("/recommend", {"user_id": USER, "exclude": [1] * 1001}, "exclude"),
        ("/recommend", {"user_id": USER, "filter": {"must": [[]] * 65}}, "filter.must"),
        ("/recommend", {str(at): at for at in range(101)}, "body"),
        ("/items", {str(at): at for at in range(101)}, "body"),
        ("/items", {"item_id": "a", "attributes": {str(at): [] for at in range(101)}}, "attributes"),
        ("/events", {str(at): at for at in range(101)}, "body"),
    ],
)
async def test_too_many_of_anything_are_refused_before_they_are_looked_at(
    client: httpx.AsyncClient, path: str, body: dict[str, Any], field: str
) -> None:
    answer = await client.post(path, json=body)

    assert_problem(answer, 422, field)
    assert "it has" in answer.json()["detail"]


@pytest.mark.parametrize("path", ["/items/%ff%fe", "/users/%ff%fe", "/recommend/%C3"])
async def test_an_id_that_is_not_utf8_names_nothing(client: httpx.AsyncClient, path: str) -> None:
    """Read as something else, it would be another id."""
    assert_problem(await client.get(path), 422, "path")
    assert_problem(await client.delete(path), 422, "path")


@pytest.mark.parametrize("path", ["/items", "/items/batch", "/events"])
async def test_a_body_of_very_many_lists_is_refused_before_it_is_parsed(service: ClientMaker, path: str) -> None:
    """Parsing holds up every other thread."""
    async with service().client() as client:
        answer = await client.post(path, content=b"[" * 500_001, headers={"content-type": "application/json"})

    assert_problem(answer, 400, "body")
    assert "500,001 opening brackets" in answer.json()["detail"]

"""Pictures of items: several of one, by URL, and the small one that is kept to show."""

import base64
import io
from functools import partial
from typing import Any
from urllib.parse import quote

import httpx
import pytest
from PIL import Image

from model.fetch_image import ImageFetcher
from tests.conftest import ClientMaker
from tests.fakes import draw_jpeg
from tests.service.changing import encoder_runs, patch, read, scores
from tests.service.http.test_bad_input import assert_problem
from tests.service.items.test_items import listed, post

pytestmark = pytest.mark.anyio
ONE, TWO = draw_jpeg(1), draw_jpeg(2)
PUBLIC, PRIVATE = "93.184.216.34", "10.0.0.7"


def encoded(*pictures: bytes) -> list[str]:
    return [base64.b64encode(picture).decode() for picture in pictures]


async def test_the_features_of_several_pictures_are_averaged(client: httpx.AsyncClient) -> None:
    """In whatever order and by whatever way they come; two alike are as one."""
    files = [("image", ("1.jpg", ONE)), ("image", ("2.jpg", TWO))]
    await post(client, item_id="list", images_base64=encoded(ONE, TWO))
    await post(client, item_id="turned", image=TWO, images_base64=encoded(ONE))
    await client.post("/items", data={"item_id": "form"}, files=files)
    await post(client, item_id="twice", images_base64=encoded(ONE, ONE))
    await post(client, item_id="one", image=ONE)
    await post(client, item_id="two", image=TWO)

    found = await scores(client)

    assert found["list"] == pytest.approx(found["turned"], abs=1e-6)
    assert found["list"] == pytest.approx(found["form"], abs=1e-6)
    assert found["twice"] == pytest.approx(found["one"], abs=1e-6)
    assert found["list"] not in (pytest.approx(found["one"], abs=1e-6), pytest.approx(found["two"], abs=1e-6))


async def test_eight_pictures_are_taken_and_nine_are_refused(client: httpx.AsyncClient) -> None:
    eight = [draw_jpeg(at) for at in range(8)]

    taken = await post(client, item_id="a", images_base64=encoded(*eight))
    refused = await post(client, item_id="b", image=ONE, images_base64=encoded(*eight))
    refused_list = await post(client, item_id="b", images_base64=encoded(ONE, *eight))
    refused_form = await client.post("/items", data={"item_id": "b"}, files=[("image", ("a.jpg", ONE))] * 9)

    assert taken.status_code == 201
    assert_problem(refused, 422, "image")
    assert_problem(refused_list, 422, "images_base64")
    assert_problem(refused_form, 400, "body")
    assert (await client.get("/items/b")).status_code == 404


async def test_one_bad_picture_among_several_refuses_the_item(client: httpx.AsyncClient) -> None:
    assert_problem(await post(client, item_id="a", images_base64=encoded(ONE, b"hello")), 422, "image")
    assert await listed(client) == []


@pytest.mark.parametrize(("size", "shown"), [((600, 300), (256, 128)), ((40, 90), (40, 90)), ((3000, 20), (256, 2))])
async def test_a_thumbnail_is_small_and_keeps_the_form(
    client: httpx.AsyncClient, size: tuple[int, int], shown: tuple[int, int]
) -> None:
    await post(client, item_id="a/b", image=draw_jpeg(1, size))
    path = (await client.get("/items/a%2Fb")).json()["image"]

    answer = await client.get(path)

    assert (answer.status_code, answer.headers["content-type"]) == (200, "image/jpeg")
    with Image.open(io.BytesIO(answer.content)) as picture:
        assert (picture.format, picture.size) == ("JPEG", shown)
    assert len(answer.content) < 50_000


async def test_a_thumbnail_that_the_client_has_is_not_sent_again(client: httpx.AsyncClient) -> None:
    await post(client, item_id="a", image=ONE)
    etag = (await client.get("/items/a/image")).headers["etag"]

    known = await client.get("/items/a/image", headers={"if-none-match": etag})
    await post(client, item_id="a", image=TWO)
    changed = await client.get("/items/a/image", headers={"if-none-match": etag})

    assert (known.status_code, known.content) == (304, b"")
    assert (changed.status_code, changed.headers["etag"] != etag) == (200, True)
    assert changed.headers["cache-control"] == "private, no-cache"


async def test_an_item_without_a_picture_has_no_thumbnail(client: httpx.AsyncClient) -> None:
    await post(client, item_id="words", title="Sailboat mug")
    await post(client, item_id="lost", image=ONE)
    await post(client, item_id="lost", title="Only words now")

    for item_id in ("words", "lost", "nobody"):
        assert_problem(await client.get(f"/items/{item_id}/image"), 404, "item_id")
    assert (await client.get("/items/words/image")).json()["type"] == "urn:thaw:problem:no-thumbnail"
    assert (await client.get("/items/nobody/image")).json()["type"] == "urn:thaw:problem:unknown-item"
    assert (await read(client, "words"))["image"] is None


async def test_an_id_that_ends_like_the_path_is_still_an_id(client: httpx.AsyncClient) -> None:
    await post(client, item_id="a", image=ONE)
    await post(client, item_id="a/image", title="Sailboat mug", image=TWO)
    path = f"/items/{quote('a/image', safe='')}"

    item, small, other = await client.get(path), await client.get(f"{path}/image"), await client.get("/items/a/image")

    assert item.json()["item_id"] == "a/image"
    assert small.status_code == other.status_code == 200
    assert small.content != other.content


async def test_thumbnails_survive_changes_and_restarts_and_go_with_the_item(service: ClientMaker) -> None:
    async with service().client() as client:
        await post(client, item_id="a", title="x", image=ONE)
        before = (await client.get("/items/a/image")).content
        await patch(client, "a", title="Other words", hidden=True)

    async with service().client() as client:
        after = (await client.get("/items/a/image")).content
        await client.delete("/items/a")
        await post(client, item_id="a", title="x")
        gone = await client.get("/items/a/image")

    assert (after, gone.status_code) == (before, 404)


class ImageHost:
    """A small host of pictures, and the names that lead to it."""

    def __init__(self) -> None:
        self.addresses = {"shop.example": [PUBLIC], "inside.example": [PRIVATE], "mixed.example": [PUBLIC, PRIVATE]}
        self.answers: dict[str, httpx.Response] = {}
        self.asked: list[str] = []

    def resolve(self, host: str) -> list[str]:
        return self.addresses[host]

    def handle(self, request: httpx.Request) -> httpx.Response:
        name = f"{request.headers['host']}{request.url.path}"
        self.asked.append(name)
        answer = self.answers.get(name, httpx.Response(404))
        return httpx.Response(answer.status_code, headers=answer.headers, stream=httpx.ByteStream(answer.content))


@pytest.fixture
def host(monkeypatch: pytest.MonkeyPatch) -> ImageHost:
    host = ImageHost()
    host.answers["shop.example/1.jpg"] = httpx.Response(200, content=ONE)
    host.answers["shop.example/2.jpg"] = httpx.Response(200, content=TWO)
    made = partial(ImageFetcher, resolve=host.resolve, transport=httpx.MockTransport(host.handle))
    monkeypatch.setattr("service.serving.running.ImageFetcher", made)
    return host


async def test_a_picture_comes_from_its_url(service: ClientMaker, host: ImageHost) -> None:
    """As if it had been sent, alone or among others."""
    async with service(image_hosts="other.example, .shop.example").client() as client:
        answer = await post(client, item_id="url", image_url="https://shop.example/1.jpg")
        await post(client, item_id="sent", image=ONE)
        await post(client, item_id="urls", image_urls=["https://shop.example/1.jpg", "https://shop.example/2.jpg"])
        await post(client, item_id="mixed", image=ONE, image_url="https://shop.example/2.jpg")
        runs = await encoder_runs(client)
        again = await post(client, item_id="url", image_url="https://shop.example/1.jpg")
        found = await scores(client)

        assert (answer.status_code, answer.json()["modalities"]["image"], again.status_code) == (201, True, 200)
        assert found["url"] == pytest.approx(found["sent"], abs=1e-6)
        assert found["urls"] == pytest.approx(found["mixed"], abs=1e-6)
        assert await encoder_runs(client) == runs
        assert (await client.get("/items/url/image")).content == (await client.get("/items/sent/image")).content


async def test_without_allowed_hosts_the_answer_names_the_setting(client: httpx.AsyncClient, host: ImageHost) -> None:
    answer = await post(client, item_id="a", title="x", image_url="https://shop.example/1.jpg")

    assert_problem(answer, 422, "image_url")
    assert "THAW_IMAGE_HOSTS" in answer.json()["detail"]
    assert host.asked == await listed(client) == []


@pytest.mark.parametrize(
    "url",
    [
        "http://shop.example/1.jpg",
        "https://elsewhere.example/1.jpg",
        "https://inside.example/1.jpg",
        "https://mixed.example/1.jpg",
        "https://shop.example:8443/1.jpg",
        "https://user:secret@shop.example/1.jpg",
        "https://shop.example/to-inside",
        "https://shop.example/to-http",
        "file:///etc/passwd",
        "no url",
    ],
)
async def test_a_url_that_may_lead_elsewhere_is_refused(service: ClientMaker, host: ImageHost, url: str) -> None:
    """Other hosts, plain http, addresses of our own network, by name or by redirect: none of them is asked."""
    host.answers["shop.example/to-inside"] = httpx.Response(302, headers={"location": "https://inside.example/1.jpg"})
    host.answers["shop.example/to-http"] = httpx.Response(302, headers={"location": "http://shop.example/1.jpg"})
    async with service(image_hosts="shop.example,inside.example,mixed.example").client() as client:
        answer = await post(client, item_id="a", title="x", image_url=url)
        left = await listed(client)

    assert_problem(answer, 422, "image_url")
    assert answer.json()["type"] == "urn:thaw:problem:image-url-refused"
    assert left == []
    assert [name for name in host.asked if not name.startswith("shop.example/to-")] == []


async def test_what_is_no_picture_is_refused_and_nothing_is_written(service: ClientMaker, host: ImageHost) -> None:
    host.answers["shop.example/page"] = httpx.Response(200, content=b"<html>", headers={"content-type": "image/jpeg"})
    host.answers["shop.example/half.jpg"] = httpx.Response(200, content=ONE[: len(ONE) // 2])
    host.answers["shop.example/large.jpg"] = httpx.Response(200, content=ONE + b"\0" * 300_000)
    kinds: dict[str, Any] = {}
    async with service(image_hosts="shop.example", max_body_bytes=200_000).client() as client:
        for name in ("page", "half.jpg", "large.jpg", "missing.jpg"):
            answer = await post(client, item_id="a", title="x", image_url=f"https://shop.example/{name}")
            assert answer.status_code == 422
            kinds[name] = answer.json()["type"].rpartition(":")[2]
        left = await listed(client)

    assert kinds == {
        "page": "image-not-fetched",
        "half.jpg": "unreadable-image",
        "large.jpg": "image-not-fetched",
        "missing.jpg": "image-not-fetched",
    }
    assert left == []

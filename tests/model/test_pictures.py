"""Pictures named by URL in a plain folder: fetched once, kept, and told of when they do not come."""

from pathlib import Path

import httpx
import pytest

from model.fetch_image import ImageFetcher, ImageUrlPolicy
from model.plain.bad_rows import BadRows
from model.plain.items import CatalogueItem, read_items
from model.plain.pictures import PictureCache
from tests.fakes import draw_jpeg
from tests.internet import PUBLIC, Internet

ROWS = "item_id,title,image\na,One,https://shop.example/a.jpg\nb,Two,https://shop.example/b.jpg?key=secret\nc,,https://shop.example/a.jpg\n"


def send(data: bytes) -> httpx.Response:
    return httpx.Response(200, stream=httpx.ByteStream(data))


class Down(Internet):
    """No host answers."""

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        self.asked.append(request.url.path)
        raise httpx.ConnectError("refused")


def read(folder: Path, rows: str = ROWS) -> tuple[list[CatalogueItem], BadRows]:
    (folder / "items.csv").write_text(rows)
    bad = BadRows("items")
    return read_items(folder, bad), bad


def fetch(folder: Path, internet: Internet, items: list[CatalogueItem], bad: BadRows) -> list[CatalogueItem]:
    """As a run does it, whose cache is the folder."""
    cache = PictureCache(folder, lambda: ImageFetcher(ImageUrlPolicy(), resolve=lambda _: [PUBLIC], transport=internet))
    return cache.place(items, cache.fetch(cache.missing(items), lambda done: None), bad)


def test_each_picture_is_fetched_once(tmp_path: Path) -> None:
    internet = Internet({"shop.example/a.jpg": lambda: send(draw_jpeg(1)), "shop.example/b.jpg": lambda: send(draw_jpeg(0))})
    items, bad = read(tmp_path)

    first = fetch(tmp_path, internet, items, bad)
    again = fetch(tmp_path, internet, items, bad)

    assert [item.content().image for item in first] == [draw_jpeg(1), draw_jpeg(0), draw_jpeg(1)]
    assert again == first
    assert len(internet.asked) == 2
    assert bad.counts == {"blank text": 1}


def test_what_did_not_come_is_told_and_tried_again(tmp_path: Path) -> None:
    """The next run asks for the missing one alone. A URL's secrets are not told."""
    broken = Internet({"shop.example/a.jpg": lambda: send(draw_jpeg()), "shop.example/b.jpg": lambda: httpx.Response(503)})
    mended = Internet({"shop.example/b.jpg": lambda: send(draw_jpeg())})
    items, bad = read(tmp_path)

    first = fetch(tmp_path, broken, items, bad)
    again = fetch(tmp_path, mended, items, BadRows("items"))

    assert [item.image is not None for item in first] == [True, False, True]
    assert bad.examples["picture not fetched"] == ["b: shop.example: the host answered with status 503"]
    assert [item.image is not None for item in again] == [True, True, True]
    assert mended.asked == [f"{PUBLIC} shop.example/b.jpg?key=secret"]


def test_a_host_that_is_down_is_not_asked_for_ever(tmp_path: Path) -> None:
    down = Down({})
    items, bad = read(tmp_path, "item_id,title,image\n" + "".join(f"{n},Mug,https://shop.example/{n}.jpg\n" for n in range(90)))

    placed = fetch(tmp_path, down, items, bad)

    assert 20 <= len(down.asked) < 30  # a few were under way when the patience ended
    assert bad.counts == {"picture not fetched": 90}
    assert not [item for item in placed if item.image]


def test_a_host_that_answers_is_asked_for_every_picture(tmp_path: Path) -> None:
    internet = Internet({f"shop.example/{n}.jpg": lambda: httpx.Response(404) for n in range(90)})
    items, bad = read(tmp_path, "item_id,title,image\n" + "".join(f"{n},Mug,https://shop.example/{n}.jpg\n" for n in range(90)))

    fetch(tmp_path, internet, items, bad)

    assert len(internet.asked) == 90


def test_an_empty_file_in_the_cache_is_no_picture(tmp_path: Path) -> None:
    internet = Internet({f"shop.example/{n}.jpg": lambda: send(draw_jpeg()) for n in "ab"})
    items, bad = read(tmp_path)
    kept = fetch(tmp_path, internet, items, bad)[0].image
    assert kept is not None
    kept.write_bytes(b"")

    fetch(tmp_path, internet, items, bad)

    assert kept.read_bytes() == draw_jpeg()


@pytest.mark.parametrize("image", ["http://shop.example/a.jpg", "file:///etc/passwd", "s3://bucket/a.jpg"])
def test_a_url_that_is_not_https_is_named(tmp_path: Path, image: str) -> None:
    items, bad = read(tmp_path, f"item_id,title,image\na,One,{image}\n")

    assert bad.examples == {"picture is no file of the folder and no https URL": [f"line 2: a: {image}"]}
    assert [(item.image, item.image_url) for item in items] == [(None, "")]


def test_our_own_network_is_not_asked_for_pictures(tmp_path: Path) -> None:
    """With the system's resolver, and nothing sent."""
    items, bad = read(tmp_path, "item_id,title,image\na,One,https://127.0.0.1/a.jpg\nb,Two,https://[::1\n")
    cache = PictureCache(tmp_path)

    placed = cache.place(items, cache.fetch(cache.missing(items), lambda done: None), bad)

    assert [item.image for item in placed] == [None, None]
    assert bad.examples["picture not fetched"] == [
        "a: 127.0.0.1: its address is not one of the public internet",
        "b: [::1: it is no URL",
    ]

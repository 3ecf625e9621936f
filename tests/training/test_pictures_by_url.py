"""Training and ingest with pictures named by URL, without a network: one is kept already, the other is refused unasked."""

import hashlib
import json
from pathlib import Path

import pytest

from model.content_encoder import ContentEncoder
from model.encoders.choose import make_encoder
from model.plain.bad_rows import BadRows
from model.plain.items import CatalogueItem, read_items
from service.client import Client
from service.commands.ingest_folder import ingest_folder
from tests.fakes import draw_jpeg
from tests.processes import thaw_process
from training.config import DataConfig, ReadingConfig, TrainConfig
from training.errors import NothingLeft
from training.features import encode_items, open_cache
from training.progress import SilentReporter
from training.train import train

URL = "https://shop.example/a.jpg"
REFUSED = "b: 127.0.0.1: its address is not one of the public internet"


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    """A folder of two items, and in `cache` the first one's picture."""
    name = hashlib.sha256(URL.encode()).hexdigest()
    kept = tmp_path / "cache/pictures" / name[:2] / name
    kept.parent.mkdir(parents=True)
    kept.write_bytes(draw_jpeg())
    (tmp_path / "items.csv").write_text(f"item_id,title,image\na,One,{URL}\nb,Two,https://127.0.0.1/b.jpg\n")
    (tmp_path / "interactions.csv").write_text("user_id,item_id\nu,a\n")
    return tmp_path


def encode(shop: Path, **encoders: str) -> tuple[list[list[bool]], BadRows]:
    bad = BadRows("items")
    items: list[CatalogueItem] = read_items(shop, bad)
    reader = ContentEncoder(
        {name: make_encoder(encoder) for name, encoder in encoders.items()}, dict.fromkeys(encoders, ("title",))
    )
    with open_cache(shop / "cache") as cache:
        features = encode_items(items, reader, cache, bad, SilentReporter())
    return features.present.tolist(), bad


def test_a_picture_by_url_is_encoded_and_one_that_does_not_come_is_missing(shop: Path) -> None:
    present, bad = encode(shop, image="hash-image:8", text="hash-text:8")

    assert present == [[True, True], [False, True]]
    assert bad.examples == {"picture not fetched": [REFUSED]}


def test_pictures_that_no_encoder_looks_at_are_not_fetched(shop: Path) -> None:
    present, bad = encode(shop, text="hash-text:8")

    assert present == [[True], [True]]
    assert not bad.counts


def test_the_report_of_a_run_names_what_did_not_come(shop: Path) -> None:
    words = dict.fromkeys(("title", "sentences", "words", "phrases"), "none")
    encoders = {"image": "hash-image:8", "text": "hash-text:8", **words}
    config = TrainConfig(
        DataConfig(shop, max_bad_share=0.5, cache=shop / "cache"),
        shop / "out",
        reading=ReadingConfig(encoders=encoders),
        device="cpu",
        split_seed=0,
        cold_val=0.5,
    )

    with pytest.raises(NothingLeft):  # one user cannot be learned from
        train(config, SilentReporter())

    report = json.loads((shop / "out.report.json").read_text())
    assert report["items"]["examples"] == {"picture not fetched": [REFUSED]}


@pytest.mark.slow
def test_ingest_posts_pictures_by_url(shop: Path, checkpoint_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What training has fetched is not fetched again; an item whose picture does not come is posted without it."""
    monkeypatch.setenv("THAW_CACHE_DIR", str(shop / "cache"))

    with thaw_process(checkpoint_path, shop) as service, Client(service.url) as client:
        outcome = ingest_folder(shop, url=service.url, split=None, workers=1)
        pictured = {item_id: client.get_item(item_id)["modalities"]["image"] for item_id in ("a", "b")}

    assert (outcome.created, outcome.refused, outcome.incomplete) == (2, 0, 1)
    assert outcome.reasons == [(REFUSED, "picture not fetched")]
    assert pictured == {"a": True, "b": False}

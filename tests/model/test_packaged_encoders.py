"""The encoders whose weights come inside packages, and models saved by sentence-transformers."""

from pathlib import Path

import numpy as np
import pytest
import torch

from model.content_encoder import shrink
from model.encoders.choose import make_encoder
from model.encoders.efficientnet import EfficientNetLite0
from model.encoders.picture import decode_image
from model.encoders.sentence import MINILM_SHA256
from model.encoders.spec import Kind
from model.errors import EncoderUnavailable, FileHashMismatch
from tests.fakes import draw_jpeg

pytestmark = pytest.mark.slow


def test_minilm_knows_meanings() -> None:
    encoder = make_encoder("minilm")

    boat, ship, bread = encoder.encode(["a small sailing boat", "a ship at sea", "freshly baked bread"])

    assert encoder.spec.dim == 384
    assert boat @ ship > boat @ bread + 0.2
    assert np.linalg.norm(boat) == pytest.approx(1, abs=1e-5)
    assert encoder.spec.files["model.safetensors"] == MINILM_SHA256["model.safetensors"]


def test_a_text_alone_and_in_a_batch_is_the_same() -> None:
    encoder = make_encoder("minilm")
    texts = ["short", "a much longer text about several things at once, one after the other"]

    np.testing.assert_allclose(encoder.encode(texts)[0], encoder.encode(texts[:1])[0], atol=1e-5)


def test_efficientnet_takes_any_shape() -> None:
    encoder = make_encoder("efficientnet-lite0")
    pictures = [decode_image(draw_jpeg(1, size)) for size in ((64, 64), (1, 900), (900, 1), (640, 360), (3, 3))]

    features = encoder.encode(pictures)

    assert features.shape == (5, 1280)
    assert np.linalg.norm(features, axis=1) == pytest.approx(np.ones(5), abs=1e-4)
    assert encoder.encode([]).shape == (0, 1280)


def test_efficientnet_gives_the_same_of_the_pixels_that_it_looks_at() -> None:
    encoder = make_encoder("efficientnet-lite0")
    pictures = [decode_image(draw_jpeg(1, size)) for size in ((224, 224), (1, 900), (640, 360))]

    shrunk = [shrink(encoder, picture) for picture in pictures]

    assert [np.asarray(pixels).shape for pixels in shrunk] == [(224, 224, 3)] * 3
    np.testing.assert_array_equal(encoder.encode(shrunk), encoder.encode(pictures))


def test_weights_that_are_not_the_known_ones_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("model.encoders.efficientnet.WEIGHTS_SHA256", "0" * 64)

    with pytest.raises(FileHashMismatch, match="SHA-256"):
        EfficientNetLite0()


def save_tiny_clip(folder: Path) -> Path:
    """A CLIP of random weights, as small as it gets, in the layout of transformers."""
    import json

    from transformers import CLIPConfig, CLIPImageProcessor, CLIPModel, CLIPProcessor, CLIPTokenizer

    torch.manual_seed(0)
    small = {"hidden_size": 16, "intermediate_size": 32, "num_attention_heads": 2, "num_hidden_layers": 2}
    words = ["<|startoftext|>", "<|endoftext|>", "a</w>", "b</w>", "a", "b"]
    folder.mkdir()
    (folder / "vocab.json").write_text(json.dumps({word: at for at, word in enumerate(words)}))
    (folder / "merges.txt").write_text("#version: 0.2\n")
    tokenizer = CLIPTokenizer(str(folder / "vocab.json"), str(folder / "merges.txt"), model_max_length=20)
    config = CLIPConfig(
        text_config={**small, "vocab_size": len(words), "max_position_embeddings": 20, "bos_token_id": 0, "eos_token_id": 1},
        vision_config={**small, "image_size": 32, "patch_size": 8},
        projection_dim=16,
    )
    CLIPModel(config).save_pretrained(folder)
    images = CLIPImageProcessor(size={"shortest_edge": 32}, crop_size={"height": 32, "width": 32})
    CLIPProcessor(images, tokenizer).save_pretrained(folder)  # type: ignore[no-untyped-call]
    return folder


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning", "ignore::UserWarning")
def test_a_clip_like_model_gives_an_encoder_for_each_half(tmp_path: Path) -> None:
    folder = save_tiny_clip(tmp_path / "clip")

    text, image = make_encoder(f"sentence-text:{folder}"), make_encoder(f"sentence-image:{folder}")
    features = text.encode(["a b", "b"]), image.encode([decode_image(draw_jpeg())])

    assert (text.spec.kind, image.spec.kind) == (Kind.TEXT, Kind.IMAGE)
    assert [rows.shape for rows in features] == [(2, 16), (1, 16)]
    assert all(np.linalg.norm(rows, axis=1) == pytest.approx(np.ones(len(rows)), abs=1e-5) for rows in features)
    assert text.spec.files == image.spec.files
    assert text.spec.fingerprint != image.spec.fingerprint


def test_a_folder_that_is_no_model_is_said_so(tmp_path: Path) -> None:
    with pytest.raises(EncoderUnavailable):
        make_encoder(f"sentence-text:{tmp_path}")

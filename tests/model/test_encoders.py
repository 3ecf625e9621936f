"""Encoders that need no weights, and what makes two of them the same."""

import io
import struct
from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image, ImageOps

from model.content import Content
from model.content_encoder import ContentEncoder
from model.encoders.choose import make_encoder
from model.encoders.lexical import LexicalEncoder
from model.encoders.picture import decode_image
from model.encoders.probe import take_probes
from model.encoders.spec import EncoderSpec, Kind
from model.errors import EncoderMismatch, EncoderUnavailable, ImageTooLarge, NothingPresent, ProbeMismatch, UnreadableImage
from tests.fakes import draw_jpeg

FIELDS = {"image": ("title", "text"), "text": ("title", "text")}
SPEC = EncoderSpec("id", Kind.TEXT, 4, "float32", "none", {"a": "1"})


@pytest.mark.parametrize(
    ("part", "value"),
    [
        ("id", "x"),
        ("kind", Kind.IMAGE),
        ("dim", 5),
        ("precision", "int8"),
        ("preprocessing", "other"),
        ("files", {"a": "2"}),
        ("sparse", True),
    ],
)
def test_a_spec_that_differs_is_named_and_has_another_fingerprint(part: str, value: object) -> None:
    other = replace(SPEC, **{part: value})  # type: ignore[arg-type]

    with pytest.raises(EncoderMismatch) as caught:
        SPEC.require_same("text", other)

    assert caught.value.part == part
    assert SPEC.fingerprint != other.fingerprint


@pytest.mark.parametrize("name", ["hash-text:8", "lexical-words", "lexical-phrases"])
def test_rows_of_text_have_length_one(name: str) -> None:
    features = make_encoder(name).encode(["a red house", "!!!", "Ünïcode 12"])

    assert np.asarray((features * features).sum(axis=1)).ravel() == pytest.approx([1, 1, 1], abs=1e-5)


def test_lexical_features_agree_by_shared_words_and_pairs() -> None:
    features = LexicalEncoder("words").encode(["directed by Jane Campion", "by jane campion", "something else"])

    likeness = (features @ features.T).toarray()

    assert likeness[0, 1] > 0.5
    assert likeness[0, 2] == 0


@pytest.mark.parametrize("name", ["nonsense", "hash-text:0", "hash-text:x", "sentence-text:", "sentence-text:/no/such/folder"])
def test_an_encoder_that_cannot_be_made_says_why(name: str) -> None:
    with pytest.raises(EncoderUnavailable) as caught:
        make_encoder(name)

    assert name.partition(":")[2] in str(caught.value)


def test_the_hash_encoder_is_never_a_default() -> None:
    from training.config import ENCODERS

    assert not any("hash" in name for names in ENCODERS.values() for name in names.values())


def test_blank_text_is_a_missing_modality() -> None:
    reader = ContentEncoder({"image": make_encoder("hash-image:8"), "text": make_encoder("hash-text:8")}, FIELDS)

    features = reader.encode([reader.prepare(Content("", " ", draw_jpeg())), reader.prepare(Content("words"))])

    assert features.present.tolist() == [[True, False], [False, True]]
    assert not features.values[1][0].any()


def test_several_pictures_become_one_mean() -> None:
    reader = ContentEncoder({"image": make_encoder("hash-image:8"), "text": make_encoder("hash-text:8")}, FIELDS)
    one, two = draw_jpeg(1), draw_jpeg(2)

    items = [Content("x"), Content("x", "", one, {}, (two,)), Content("", "", one), Content("", "", two)]
    features = reader.encode([reader.prepare(item) for item in items])

    total = features.values[0][2] + features.values[0][3]
    np.testing.assert_allclose(features.values[0][1], total / np.linalg.norm(total), atol=1e-6)
    assert features.present.tolist() == [[False, True], [True, True], [True, False], [True, False]]


def test_an_item_that_waits_holds_what_its_encoders_look_at_and_no_picture() -> None:
    """However many pictures it has, and however large they are."""
    reader = ContentEncoder(
        {"image": make_encoder("hash-image:8"), "clip": make_encoder("hash-image:16")}, {"image": (), "clip": ()}
    )
    large = draw_jpeg(1, (3000, 2000))

    prepared = reader.prepare(Content("", "", large, {}, (large, large)))

    assert [np.asarray(raw).shape for raws in prepared.raws for raw in raws] == [(4, 4, 3)] * 6
    assert prepared.thumbnail is not None
    assert decode_image(prepared.thumbnail).size == (256, 171)


def test_equal_inputs_have_equal_hashes_and_only_they() -> None:
    """What is hashed is what the encoders read: an attribute that none of them reads makes no difference."""
    reader = ContentEncoder({"image": make_encoder("hash-image:8"), "text": make_encoder("hash-text:8")}, FIELDS)
    one, two = draw_jpeg(1), draw_jpeg(2)

    first = reader.inputs(Content("a", "b", one, {"price": 1}))

    assert first == reader.inputs(Content("a", "b", one, {"price": 2}))
    assert first["text"] != reader.inputs(Content("a", "c"))["text"]
    assert first["image"] != reader.inputs(Content("a", "b", one, {}, (two,)))["image"]
    assert reader.inputs(Content(" ", "")) == {}


def test_what_is_known_is_not_prepared() -> None:
    reader = ContentEncoder({"image": make_encoder("hash-image:8"), "text": make_encoder("hash-text:8")}, FIELDS)

    prepared = reader.prepare(Content("words", "", b"not even a picture"), known={"image"})

    assert prepared.raws == ((), ("words",))
    assert reader.prepare(Content(), known={"image"}).is_empty


def test_a_second_picture_encoder_reads_a_picture_that_the_first_one_knows() -> None:
    encoders = {"image": make_encoder("hash-image:8"), "clip": make_encoder("hash-image:16")}
    reader = ContentEncoder(encoders, {"image": (), "clip": ()})

    prepared = reader.prepare(Content("", "", draw_jpeg()), known={"image"})

    assert [len(raws) for raws in prepared.raws] == [0, 1]
    assert reader.prepare(Content("", "", b"not even a picture"), known={"image", "clip"}).is_empty


def test_an_item_with_nothing_is_refused() -> None:
    reader = ContentEncoder({"text": make_encoder("hash-text:8")}, FIELDS)

    with pytest.raises(NothingPresent):
        reader.prepare(Content(" ", "\t"))


def test_a_truncated_picture_is_refused() -> None:
    data = draw_jpeg(size=(200, 200))

    with pytest.raises(UnreadableImage, match=r"truncated|damaged"):
        decode_image(data[: len(data) // 2])


@pytest.mark.parametrize("data", [b"", b"not a picture", b"GIF89a" + bytes(50), b"\xff\xd8\xff" + bytes(100)])
def test_what_is_no_picture_is_refused(data: bytes) -> None:
    with pytest.raises(UnreadableImage):
        decode_image(data)


def test_a_picture_over_the_limit_is_refused_before_it_is_decoded() -> None:
    with pytest.raises(ImageTooLarge) as caught:
        decode_image(draw_jpeg(size=(100, 100)), max_pixels=9_999)

    assert (caught.value.pixels, caught.value.limit) == (10_000, 9_999)


def test_a_picture_bomb_is_refused() -> None:
    """A few kilobytes that would decode to gigabytes."""
    file = io.BytesIO()
    Image.new("1", (20_000, 20_000)).save(file, format="PNG")

    with pytest.raises(ImageTooLarge, match="too many pixels, over the limit of 50,000,000") as caught:
        decode_image(file.getvalue())

    assert (caught.value.pixels, caught.value.limit) == (None, 50_000_000)


def progressive_jpeg(more_scans: int) -> bytes:
    """With its last scan that many times more."""
    file = io.BytesIO()
    Image.new("RGB", (64, 64), "teal").save(file, format="JPEG", progressive=True)
    data = file.getvalue()
    last = data[data.rindex(b"\xff\xda") : -2]
    return data[:-2] + last * more_scans + data[-2:]


def test_a_jpeg_of_very_many_scans_is_refused_before_it_is_decoded() -> None:
    """Each costs as much as the whole picture, and few bytes."""
    assert decode_image(progressive_jpeg(50)).size == (64, 64)
    with pytest.raises(UnreadableImage, match="more than 100 scans"):
        decode_image(progressive_jpeg(101))


def test_only_scans_of_the_picture_itself_count() -> None:
    """Neither what a segment holds, such as a thumbnail, nor what stands behind the picture's end, such as a film."""
    jpeg, scan_like = progressive_jpeg(0), b"\xff\xda\x00\x02" * 101
    comment = b"\xff\xfe" + (len(scan_like) + 2).to_bytes(2) + scan_like

    assert decode_image(jpeg[:2] + comment + jpeg[2:] + scan_like).size == (64, 64)


@pytest.mark.parametrize("mode", ["L", "LA", "P", "RGBA", "CMYK", "1", "I;16"])
def test_every_mode_becomes_rgb(mode: str) -> None:
    file = io.BytesIO()
    kind = "JPEG" if mode == "CMYK" else "PNG"
    Image.new(mode, (10, 12)).save(file, format=kind)

    decoded = decode_image(file.getvalue())

    assert (decoded.mode, decoded.size) == ("RGB", (10, 12))


def test_a_turned_photograph_is_put_upright() -> None:
    file = io.BytesIO()
    image = Image.new("RGB", (30, 20))
    exif = image.getexif()
    exif[0x0112] = 6  # turned by a quarter
    image.save(file, format="JPEG", exif=exif)

    assert decode_image(file.getvalue()).size == (20, 30)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_every_orientation_is_put_upright_as_pillow_does_it(orientation: int) -> None:
    drawn = Image.new("RGB", (30, 20), "white")
    drawn.paste("black", (0, 0, 10, 5))
    exif = drawn.getexif()
    exif[0x0112] = orientation
    file = io.BytesIO()
    drawn.save(file, format="PNG", exif=exif)

    expected = ImageOps.exif_transpose(Image.open(io.BytesIO(file.getvalue())))

    assert np.array_equal(np.asarray(decode_image(file.getvalue())), np.asarray(expected))


def test_odd_exif_costs_no_picture() -> None:
    """A camera's width written as a word: Pillow cannot write such EXIF anew, and nobody needs it."""
    file = io.BytesIO()
    image = Image.new("RGB", (30, 20))
    exif = image.getexif()
    exif[0x0112] = 6
    exif[0x0100] = 30
    number, word = b"\x01\x00\x00\x04", b"\x01\x00\x00\x02"  # the tag, and its type
    odd = exif.tobytes()
    assert number in odd
    image.save(file, format="JPEG", exif=odd.replace(number, word))
    with pytest.raises(struct.error):
        ImageOps.exif_transpose(Image.open(io.BytesIO(file.getvalue())))

    assert decode_image(file.getvalue()).size == (20, 30)


def test_probes_pass_for_the_same_encoder_and_fail_for_another() -> None:
    encoder, other = make_encoder("hash-text:8"), make_encoder("hash-text:8")
    probes = take_probes({"text": encoder})
    probes.verify("text", other, encoder.backend)

    flipped = replace(probes, features={"text": probes.features["text"][::-1]})

    with pytest.raises(ProbeMismatch):
        flipped.verify("text", encoder, encoder.backend)


@pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has a GPU")
def test_a_gpu_that_is_not_there_is_said_to_be_missing() -> None:
    with pytest.raises(EncoderUnavailable, match="no GPU here: use cpu"):
        make_encoder("hash-text:8", "cuda")

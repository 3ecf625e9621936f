"""From a picture's file to pixels, within bounds, the same way in training and serving."""

import io
import re
import struct
import warnings
from typing import TypeAlias

from PIL import ExifTags, Image

from model.errors import ImageTooLarge, UnreadableImage

FORMATS = ("JPEG", "PNG", "WEBP")
MAX_PIXELS = 50_000_000
"""More than any camera phone in use sends; 150 MB once decoded."""
MAX_SCANS = 100
"""Of a JPEG; progressive ones have about ten. A scan of few bytes can cost as much as decoding the whole picture."""

Picture: TypeAlias = Image.Image
"""A decoded one."""

_ORIENTATION = ExifTags.Base.Orientation
_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
"""What undoes each orientation of EXIF; 1 is upright."""
_MARKER = re.compile(rb"\xff[^\x00\x01\xd0-\xd8\xff]")
"""What begins a segment of a JPEG or ends it: neither stuffing nor one of the markers that have no length."""
_START_OF_SCAN, _END = 0xDA, 0xD9

DECODING = "jpeg drafted to >=512, EXIF rotation, alpha over white, RGB"
"""What happens here to every picture: part of each image encoder's spec."""


def decode_image(data: bytes, max_pixels: int = MAX_PIXELS) -> Image.Image:
    """
    The picture as upright RGB, shrunk while decoding where the format can.

    The size, and how many scans a JPEG has, are checked before a pixel is decoded.

    Raises:
        UnreadableImage: not a JPEG, PNG or WebP, or damaged, or a JPEG of more than `MAX_SCANS`.
        ImageTooLarge: more than `max_pixels`.
    """
    with warnings.catch_warnings():
        # Pillow only warns of a decompression bomb; our own limit refuses it.
        warnings.simplefilter("ignore", Image.DecompressionBombWarning)
        return _decode(data, max_pixels)


def _decode(data: bytes, max_pixels: int) -> Image.Image:
    try:
        image = Image.open(io.BytesIO(data), formats=FORMATS)
        if image.width * image.height > max_pixels:
            raise ImageTooLarge(pixels=image.width * image.height, limit=max_pixels)
        if data.startswith(b"\xff\xd8") and _has_many_scans(data):
            raise UnreadableImage(f"it is a JPEG of more than {MAX_SCANS} scans")
        image.draft("RGB", (512, 512))  # a JPEG shrinks by 2, 4 or 8 while decoding; others ignore it
        image.load()
        return _flatten(_upright(image))
    except Image.DecompressionBombError as error:
        raise ImageTooLarge(pixels=None, limit=max_pixels) from error
    except (OSError, SyntaxError, ValueError, EOFError, IndexError, TypeError, KeyError, AttributeError, struct.error) as error:
        # Pillow's decoders raise all of these on damaged files.
        raise UnreadableImage(_reason(error)) from error


def _has_many_scans(jpeg: bytes) -> bool:
    """By its segments as a decoder goes through them: a thumbnail inside one, or what follows the picture, does not count."""
    scans, at = 0, 2
    while scans <= MAX_SCANS and (found := _MARKER.search(jpeg, at)) is not None:
        marker, at = jpeg[found.start() + 1], found.end()
        if marker == _END:
            break
        scans += marker == _START_OF_SCAN
        at += int.from_bytes(jpeg[at : at + 2])
    return scans > MAX_SCANS


def _upright(image: Image.Image) -> Image.Image:
    """As the camera's orientation says, where it can be read; nothing else of EXIF matters, however odd it is."""
    try:
        turn = _TURNS.get(image.getexif().get(_ORIENTATION, 1))
    except Exception:  # noqa: BLE001 - EXIF is any bytes at all, and Pillow raises whatever comes of them
        turn = None
    return image if turn is None else image.transpose(turn)


def _flatten(image: Image.Image) -> Image.Image:
    if image.mode in ("RGBA", "LA", "PA") or "transparency" in image.info:
        layered = image.convert("RGBA")
        white = Image.new("RGBA", layered.size, "white")
        image = Image.alpha_composite(white, layered)
    return image.convert("RGB")


def _reason(error: Exception) -> str:
    message = str(error)
    if "cannot identify image file" in message:
        return "it is not a JPEG, PNG or WebP"
    if "truncated" in message:
        return "it is truncated"
    return f"it is damaged ({type(error).__name__})"

"""A small picture to show an item by."""

import io

from PIL import Image

LONGEST_SIDE = 256
MEDIA_TYPE = "image/jpeg"


def make_thumbnail(picture: Image.Image) -> bytes:
    """A decoded picture as a JPEG file of at most 256 pixels a side, without metadata; a smaller one keeps its size."""
    small = picture.copy()
    small.thumbnail((LONGEST_SIDE, LONGEST_SIDE), Image.Resampling.BICUBIC)
    file = io.BytesIO()
    small.save(file, format="JPEG", quality=80)
    return file.getvalue()

"""A small picture to show an item by."""

import io

from PIL import Image

LONGEST_SIDE = 256
MEDIA_TYPE = "image/jpeg"


def make_thumbnail(picture: Image.Image) -> bytes:
    """A decoded picture as a JPEG file of at most 256 pixels a side, without metadata; a smaller one keeps its size."""
    small = picture.copy()
    # A whole-numbered reduction as far as it goes, then bicubic: a third of the time, and nobody sees it at this size.
    small.thumbnail((LONGEST_SIDE, LONGEST_SIDE), Image.Resampling.BICUBIC, reducing_gap=1.0)
    file = io.BytesIO()
    small.save(file, format="JPEG", quality=80)
    return file.getvalue()

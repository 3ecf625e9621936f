"""Patterns drawn for the demo catalogue: what is to be learned is the pattern, whatever its colours and size."""

import colorsys
import io
import math
from collections.abc import Callable, Mapping
from random import Random
from typing import TypeAlias

from PIL import Image, ImageDraw

SIDE = 192
Colour: TypeAlias = tuple[int, int, int]
Draw: TypeAlias = Callable[[ImageDraw.ImageDraw, Random, Colour], None]


def draw_pattern(pattern: str, random: Random) -> bytes:
    """A JPEG of a pattern in random colours, size and direction."""
    hue = random.random()
    ground, ink = _colour(hue, random.uniform(0.8, 0.97)), _colour(hue + random.uniform(0.25, 0.75), random.uniform(0.2, 0.6))
    sheet = Image.new("RGB", (2 * SIDE, 2 * SIDE), ground)
    PATTERNS[pattern](ImageDraw.Draw(sheet), random, ink)
    turned = sheet.rotate(random.uniform(-20, 20), Image.Resampling.BICUBIC, fillcolor=ground)
    middle = turned.crop((SIDE // 2, SIDE // 2, SIDE // 2 + SIDE, SIDE // 2 + SIDE))
    file = io.BytesIO()
    middle.save(file, format="JPEG", quality=88)
    return file.getvalue()


def _colour(hue: float, lightness: float) -> Colour:
    red, green, blue = colorsys.hls_to_rgb(hue % 1, lightness, 0.6)
    return round(255 * red), round(255 * green), round(255 * blue)


def _stripes(pen: ImageDraw.ImageDraw, random: Random, ink: Colour) -> None:
    step = random.randint(18, 34)
    for left in range(0, 2 * SIDE, step):
        pen.rectangle((left, 0, left + step // 2, 2 * SIDE), fill=ink)


def _dots(pen: ImageDraw.ImageDraw, random: Random, ink: Colour) -> None:
    step = random.randint(30, 46)
    radius = step * random.uniform(0.22, 0.34)
    for row, down in enumerate(range(0, 2 * SIDE, step)):
        for across in range(-step, 2 * SIDE, step):
            x, y = across + (row % 2) * step / 2, float(down)
            pen.ellipse((x - radius, y - radius, x + radius, y + radius), fill=ink)


def _leaves(pen: ImageDraw.ImageDraw, random: Random, ink: Colour) -> None:
    for _ in range(60):
        x, y = random.uniform(0, 2 * SIDE), random.uniform(0, 2 * SIDE)
        length, turn = random.uniform(24, 46), random.uniform(0, 2 * math.pi)
        pen.polygon(_leaf(x, y, length, turn), fill=ink)
        pen.line((x, y, x + length * math.cos(turn), y + length * math.sin(turn)), fill="white", width=2)


def _leaf(x: float, y: float, length: float, turn: float) -> list[tuple[float, float]]:
    outline = []
    for step in range(25):
        along = step / 12 if step <= 12 else (24 - step) / 12
        side = 0.3 * math.sin(math.pi * along) * (1 if step <= 12 else -1)
        outline.append(
            (
                x + length * (along * math.cos(turn) - side * math.sin(turn)),
                y + length * (along * math.sin(turn) + side * math.cos(turn)),
            )
        )
    return outline


def _waves(pen: ImageDraw.ImageDraw, random: Random, ink: Colour) -> None:
    step, period, height = random.randint(20, 32), random.uniform(50, 90), random.uniform(7, 12)
    for down in range(-step, 2 * SIDE + step, step):
        line = [(x, down + height * math.sin(2 * math.pi * x / period)) for x in range(0, 2 * SIDE + 4, 4)]
        pen.line(line, fill=ink, width=6, joint="curve")


PATTERNS: Mapping[str, Draw] = {"stripes": _stripes, "dots": _dots, "leaves": _leaves, "waves": _waves}

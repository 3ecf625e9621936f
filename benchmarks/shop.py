"""A generated shop of any size, as a plain folder: what the service is loaded with where the demo is too small."""

import csv
from collections.abc import Iterable, Sequence
from pathlib import Path
from random import Random

import numpy as np

from training.data.demo_pictures import PATTERNS, draw_pattern

TASTES = 64
LIKES, ASTRAY = 16, 4
"""Of each user: of its own taste, and of any."""
PICTURED = 50
"""Every so-manieth item has words and a picture; all have attributes. Encoding is measured by itself."""
_WORDS = ("oak", "linen", "harbour", "copper", "meadow", "velvet", "amber", "slate", "willow", "cobalt", "saffron", "pine")
_COLOURS = ("red", "green", "blue", "grey", "white", "black", "ochre", "rose")


def write_shop(folder: Path, size: int, seed: int = 0) -> None:
    """`size` items and as many users, who like mostly what has the brands of their taste."""
    (folder / "pictures").mkdir(parents=True, exist_ok=True)
    numbers = np.random.default_rng(seed)
    of_items, of_users = numbers.integers(0, TASTES, size), numbers.integers(0, TASTES, size)
    header = ("item_id", "title", "text", "image", "brand", "colour", "price")
    _write(folder / "items.csv", header, _items(folder, of_items.tolist()))
    by_taste = [np.flatnonzero(of_items == taste) for taste in range(TASTES)]
    rows = (
        (user_id(user), item_id(item))
        for user, taste in enumerate(of_users)
        for item in {*numbers.choice(by_taste[taste], LIKES), *numbers.integers(0, size, ASTRAY)}
    )
    _write(folder / "interactions.csv", ("user_id", "item_id"), rows)


def item_id(number: int) -> str:
    """The id of an item of the shop."""
    return f"item-{number:07}"


def user_id(number: int) -> str:
    """The id of a user of the shop."""
    return f"user-{number:07}"


def draw_item(random: Random) -> tuple[str, str, bytes]:
    """Title, text and picture of an item that is made up."""
    words = random.sample(_WORDS, 5)
    return " ".join(words[:2]), f"Made of {words[2]} and {words[3]}, for a {words[4]} evening.", _picture(random)


def _items(folder: Path, tastes: Sequence[int]) -> Iterable[Sequence[object]]:
    random = Random(0)
    for number, taste in enumerate(tastes):
        words: tuple[str, str, str] = ("", "", "")
        if number % PICTURED == 0:
            title, text, picture = draw_item(random)
            place = f"pictures/{item_id(number)}.jpg"
            (folder / place).write_bytes(picture)
            words = (title, text, place)
        brand = f"brand-{TASTES * random.randrange(8) + taste}"
        yield (item_id(number), *words, brand, random.choice(_COLOURS), random.randrange(5, 500))


def _picture(random: Random) -> bytes:
    return draw_pattern(random.choice(list(PATTERNS)), random)


def _write(path: Path, header: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(header)
        writer.writerows(rows)

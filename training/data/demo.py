"""
The demo catalogue: free of licences, with tastes whose right answer is known.

Each item has a pattern, which only its picture shows, and a theme, which only its words tell; the two are drawn
independently. Half of the users care for one pattern, half for one theme. So a model that reads only pictures
can know nothing of the second half's tastes, and one that reads only words nothing of the first's.
Its accuracy says whether the machinery works; it is evidence of nothing else.
"""

import csv
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random

from training.data.demo_pictures import PATTERNS, draw_pattern
from training.errors import BadConfig

THEMES: Mapping[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "sailing": (
        ("harbour", "regatta", "lighthouse", "anchor", "sailboat", "tide"),
        ("A sailboat leaves the harbour at dawn.", "Rope, canvas and salt wind.", "For evenings on deck at anchor."),
    ),
    "baking": (
        ("sourdough", "cinnamon", "oven", "pastry", "flour", "kitchen"),
        ("Warm bread straight from the oven.", "Flour on the table, butter in the bowl.", "For slow mornings with pastry."),
    ),
    "space": (
        ("comet", "orbit", "telescope", "galaxy", "rocket", "moon"),
        ("A rocket rises towards the moon.", "Planets, comets and the dark between stars.", "For nights at the telescope."),
    ),
    "garden": (
        ("meadow", "rose", "seedling", "orchard", "tulip", "greenhouse"),
        ("Seedlings wait in the greenhouse.", "Roses, bees and freshly dug earth.", "For afternoons in the orchard."),
    ),
}
GOODS = ("cushion", "scarf", "mug", "notebook", "poster", "tea towel", "tote bag", "lampshade")
_COLUMNS = ("item_id", "title", "text", "image", "split")
NEW_ITEMS = 36


@dataclass(frozen=True, slots=True)
class DemoItem:
    """One made-up article."""

    item_id: str
    pattern: str
    theme: str
    title: str
    text: str
    has_image: bool
    split: str


@dataclass(frozen=True, slots=True)
class DemoUser:
    """Someone who cares for one pattern or for one theme, and for nothing else."""

    user_id: str
    sense: str
    """`picture` or `words`."""
    taste: str

    def likes(self, item: DemoItem) -> bool:
        """Whether the item is to the user's taste."""
        return self.taste == (item.pattern if self.sense == "picture" else item.theme)


def write_demo(folder: Path, *, items: int, users: int, seed: int = 0) -> None:
    """
    Writes two plain data folders: `catalogue` to train on, a fifth of it held out as cold_val, and `new`, items
    that training never sees, a third of them with both modalities, a third only a picture, a third only words. Each has
    a `truth.csv` beside its tables: every item's pattern and theme, which nothing reads but those who check.

    Raises:
        BadConfig: fewer than 40 items or 8 users.
    """
    if items < 40 or users < 8:
        raise BadConfig("the demo needs 40 items and 8 users, so that every taste has some of both")
    random = Random(seed)
    people = make_users(users)
    catalogue = [make_item(f"item-{at:04}", at, random, split="cold_val" if at % 5 == 4 else "warm") for at in range(items)]
    new = [make_item(f"new-{at:03}", at, random, split="cold_test", part=at // 4 % 3) for at in range(NEW_ITEMS)]
    _write_folder(folder / "catalogue", catalogue, people, random, per_user=max(12, items // 12))
    _write_folder(folder / "new", new, people, random, per_user=12)


def make_users(count: int) -> list[DemoUser]:
    tastes = [("picture", pattern) for pattern in PATTERNS] + [("words", theme) for theme in THEMES]
    tastes = [tastes[at // 2 + (at % 2) * len(PATTERNS)] for at in range(len(tastes))]
    numbered = [(*tastes[at % len(tastes)], at // len(tastes) + 1) for at in range(count)]
    return [DemoUser(f"{sense}-{taste}-{number:02}", sense, taste) for sense, taste, number in numbered]


def make_item(item_id: str, at: int, random: Random, *, split: str, part: int = 0) -> DemoItem:
    """
    Args:
        part: 0 with both modalities, 1 only a picture, 2 only words.
    """
    pattern = list(PATTERNS)[at % len(PATTERNS)]
    theme = random.choice(list(THEMES))
    nouns, sentences = THEMES[theme]
    title = f"{random.choice(nouns).capitalize()} {random.choice(GOODS)}" if part != 1 else ""
    text = " ".join(random.sample(sentences, 2)) + f" With {random.choice(nouns)} and {random.choice(nouns)}."
    return DemoItem(item_id, pattern, theme, title, text if part != 1 else "", part != 2, split)


def _write_folder(folder: Path, items: Sequence[DemoItem], users: Sequence[DemoUser], random: Random, per_user: int) -> None:
    (folder / "pictures").mkdir(parents=True, exist_ok=True)
    for item in items:
        if item.has_image:
            (folder / _image(item)).write_bytes(draw_pattern(item.pattern, random))
    _write_csv(folder / "items.csv", _COLUMNS, [(i.item_id, i.title, i.text, _image(i), i.split) for i in items])
    _write_csv(folder / "truth.csv", ("item_id", "pattern", "theme"), [(i.item_id, i.pattern, i.theme) for i in items])
    met = [(user, item) for user in users for item in _meet(user, items, random, per_user)]
    events = [(user.user_id, item.item_id, int(_acts(user, item, random))) for user, item in met]
    _write_csv(folder / "interactions.csv", ("user_id", "item_id", "value"), events)


def _image(item: DemoItem) -> str:
    return f"pictures/{item.item_id}.jpg" if item.has_image else ""


def _meet(user: DemoUser, items: Sequence[DemoItem], random: Random, count: int) -> list[DemoItem]:
    """What a user comes across: more of its taste than chance would bring."""
    liked = [item for item in items if user.likes(item)]
    some = random.sample(liked, min(len(liked), count * 2 // 3))
    return list({item.item_id: item for item in some + random.sample(list(items), min(len(items), count // 3))}.values())


def _acts(user: DemoUser, item: DemoItem, random: Random) -> bool:
    """A like; one in twenty goes against the taste."""
    return user.likes(item) != (random.random() < 0.05)


def _write_csv(path: Path, header: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(header)
        writer.writerows(rows)

"""docs/your-data.md says what is true: its SQL runs, and Thaw reads what it makes."""

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import duckdb
import pytest

from model.event_types import EVENT_TYPES, RATING, WEIGHTS
from training.data.folder import DataFolder
from training.data.interactions import InteractionTable
from training.data.plain import read_folder

ROOT = Path(__file__).parent.parent
TEXT = (ROOT / "docs/your-data.md").read_text(encoding="utf-8")
PREPARE, RATINGS, MONTHS = re.findall(r"```sql\n(.*?)```", TEXT, re.DOTALL)
COMMANDS: list[str] = re.findall(r"```sh\n(.*?)```", TEXT, re.DOTALL)[0].strip().splitlines()
PRODUCTS = """product_id,name,description,brand,price,photo_url,listed_on
1,Mug,For tea,Acme,12.5,,2026-01-01
2,Oar,,Row,80,,2026-02-01
3,Sail,White,Row,300,,2026-03-01
"""
ORDERS = """order_id,customer_id,product_id,ordered_at,status,returned_at
1,ann,1,2026-04-01 10:00:00,paid,
2,ann,2,2026-04-01 10:00:00,paid,2026-04-20 09:00:00
3,bob,2,2026-04-02 12:30:00,cancelled,
4,bob,3,2026-05-02 12:30:00,paid,2026-05-09 08:00:00
5,bob,3,2026-05-10 08:00:00,paid,
"""
VIEWS = """customer_id,product_id,viewed_at
ann,1,2026-03-31 10:00:00
ann,3,2026-03-31 10:01:00
ann,3,2026-04-30 10:01:00
,3,2026-03-31 10:02:00
bob,2,2026-06-01 10:00:00
"""


def run(command: str, folder: Path) -> "subprocess.CompletedProcess[str]":
    """One of the page's commands, from this checkout."""
    words = shlex.split(command)
    here = {".venv/bin/thaw": [sys.executable, "-m", "service.cli"], ".venv/bin/python": [sys.executable]}
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "THAW_CACHE_DIR": str(folder / "cache")}
    return subprocess.run(
        [*here.get(words[0], words[:1]), *words[1:]],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    for name, text in {"products.csv": PRODUCTS, "orders.csv": ORDERS, "views.csv": VIEWS, "prepare.sql": PREPARE}.items():
        (tmp_path / name).write_text(text)
    return tmp_path


def prepare(shop: Path) -> DataFolder:
    for command in COMMANDS[:2]:
        outcome = run(command, shop)
        assert outcome.returncode == 0, outcome.stderr
    return read_folder(shop / "shop")


def liked(folder: DataFolder) -> dict[tuple[str, str], bool]:
    table: InteractionTable = folder.interactions
    return {
        (table.user_ids[user], folder.items[item].item_id): bool(positive)
        for user, item, positive in zip(table.users, table.items, table.positive, strict=True)
    }


def test_a_shops_tables_become_items_and_interactions(shop: Path) -> None:
    folder = prepare(shop)

    assert [(item.item_id, item.title, item.text, item.split) for item in folder.items] == [
        ("1", "Mug", "For tea", "warm"),
        ("2", "Oar", "", "warm"),
        ("3", "Sail", "White", "cold_val"),
    ]
    assert folder.items[0].attributes == {"brand": "Acme", "price": 12.5}
    assert folder.items[0].dates == {"published_at": "2026-01-01T00:00:00+00:00"}
    assert liked(folder) == {
        ("ann", "1"): True,
        ("ann", "2"): False,  # sent back
        ("bob", "3"): True,  # sent back, and bought again
    }  # what was cancelled, or only looked at, is not there
    assert not folder.bad_items.counts
    assert not folder.bad_interactions.counts


def test_ratings_need_no_types(shop: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    prepare(shop)
    (shop / "ratings.csv").write_text("customer_id,product_id,stars,rated_at\nann,1,5,2026-04-01\nann,2,3,2026-04-02\n")

    monkeypatch.chdir(shop)
    duckdb.sql(RATINGS)

    assert liked(read_folder(shop / "shop", threshold=4)) == {("ann", "1"): True, ("ann", "2"): False}


def test_a_folder_by_months_is_one_table(shop: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    prepare(shop)
    (shop / "shop/interactions.parquet").unlink()

    monkeypatch.chdir(shop)
    duckdb.sql(MONTHS)

    folder = read_folder(shop / "shop")
    assert sorted(path.name for path in (shop / "shop/interactions").iterdir()) == ["month=2026-04", "month=2026-05"]
    assert set(liked(folder)) == {("ann", "1"), ("ann", "2"), ("bob", "2"), ("bob", "3")}


def test_the_types_and_weights_are_those_of_the_code() -> None:
    rows = re.findall(r"^\| `(\w+)` \| (-?[\d.]+|its value) \|", TEXT, re.MULTILINE)

    assert [name for name, _ in rows] == list(EVENT_TYPES)
    assert {name: float(shown) for name, shown in rows if name != RATING} == WEIGHTS


@pytest.mark.slow
def test_what_the_page_makes_is_trained_on_and_measured(shop: Path) -> None:
    """With encoders that need no weights; all else as shown."""
    names = ("Mug", "Oar", "Sail", "Cup", "Rope", "Pot")
    products = [f"{n},{names[n % 6]} {n},{names[n % 6]} for all,Acme,{n},,2026-01-{n % 28 + 1:02}" for n in range(60)]
    orders = [f"{user}-{n},u{user},{n},2026-04-01 10:00:00,paid," for user in range(20) for n in range(60) if (user + n) % 6 < 2]
    orders.append("9,u1,999,2026-04-01 10:00:00,paid,")  # a product that is no more
    (shop / "products.csv").write_text("\n".join([PRODUCTS.splitlines()[0], *products]))
    (shop / "orders.csv").write_text("\n".join([ORDERS.splitlines()[0], *orders]))
    free = "--encoder image=none --encoder text=hash-text:16 --encoder title=none --encoder sentences=none --set width=8"

    prepare(shop)
    trained, measured = run(f"{COMMANDS[2]} {free}", shop), run(COMMANDS[3], shop)

    assert (trained.returncode, measured.returncode) == (0, 0), trained.stderr + measured.stderr
    assert "1 rows left out, 0 used without a part, 0 that may well be meant so: see checkpoint.report.json" in trained.stdout
    assert "60 items, 400 interactions (pairs of user and item, without those only viewed)" in trained.stderr
    assert "ndcg" in measured.stdout

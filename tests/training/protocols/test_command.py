"""`thaw evaluate --protocol`: every protocol from the command line to its JSON file."""

import json
import math
import random
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from model.encoders.choose import make_encoder
from model.encoders.picture import decode_image
from model.features import row_to_bytes
from model.plain.kept_features import KeptFeatures, write_features
from tests.conftest import HASHED
from tests.fakes import draw_jpeg
from training.__main__ import main
from training.config import DataConfig, ReadingConfig
from training.progress import SilentReporter
from training.protocols import new_users, thawing
from training.protocols.run import ProtocolConfig, open_arena


class Command:
    """The command line in this process."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], data: Path, cache: Path) -> None:
        self._monkeypatch, self._capsys, self._data, self._cache = monkeypatch, capsys, data, cache

    def __call__(self, *arguments: str) -> tuple[int, str, str]:
        """Exit status, standard output and standard error."""
        encoders = [f"--encoder={modality}={name}" for modality, name in HASHED.items()]
        given = ["thaw", "evaluate", f"--data={self._data}", f"--cache={self._cache}", *encoders, *arguments]
        self._monkeypatch.setattr(sys, "argv", given)
        with pytest.raises(SystemExit) as stopped:
            main()
        captured = self._capsys.readouterr()
        return int(stopped.value.code or 0), captured.out, captured.err


@pytest.fixture
def command(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], demo_folder: Path, feature_cache: Path
) -> Command:
    return Command(monkeypatch, capsys, demo_folder / "catalogue", feature_cache)


def rows_of(path: Path) -> list[dict[str, Any]]:
    def refuse(constant: str) -> None:
        raise AssertionError(f"{constant} is no JSON")

    rows: list[dict[str, Any]] = json.loads(path.read_text(encoding="utf-8"), parse_constant=refuse)["rows"]
    return rows


def is_interval(value: dict[str, float]) -> bool:
    return set(value) == {"mean", "low", "high"} and value["low"] <= value["mean"] <= value["high"]


@pytest.mark.slow
def test_cold_only_compares_methods_with_intervals(command: Command, tmp_path: Path) -> None:
    out = tmp_path / "rows.json"

    status, shown, _ = command("--protocol=cold-only", "--seeds=2", "--methods=thaw,mean profile,random", f"--json={out}")

    rows = rows_of(out)
    assert status == 0
    assert [row["name"] for row in rows] == ["thaw", "mean profile", "random"]
    assert [row["tried"] for row in rows] == [37 + 25 + 7 + 2, 108, 1]
    assert rows[0]["less_than_ours"] is None
    for row in rows:
        assert len(row["by_split"]) == 2
        assert row["metrics"]["ndcg@20"] == pytest.approx(sum(row["by_split"]) / 2)
        assert row["name"] in shown
    for row in rows[1:]:
        assert is_interval(row["less_than_ours"])
        assert row["less_than_ours"]["mean"] == pytest.approx(rows[0]["metrics"]["ndcg@20"] - row["metrics"]["ndcg@20"])


@pytest.mark.slow
@pytest.mark.parametrize("protocol", ["new-users", "missing", "thawing", "mixed"])
def test_every_protocol_measures(command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, protocol: str) -> None:
    """On a catalogue as small as the demo, with what counts as many likes lowered to what it has."""
    monkeypatch.setattr(new_users, "COUNTS", (1, 2))
    out = tmp_path / "rows.json"

    status, _, said = command(f"--protocol={protocol}", "--seeds=1", "--min-likes=4", f"--json={out}")

    assert status == 0, said
    rows = rows_of(out)
    every: dict[str, list[object]] = {
        "new-users": ["folded from everything", "1 like", "2 likes"],
        "thawing": [1, 2],
        "missing": [*["half of the new items lose one"] * 2, "half of all items lose one"],
        # its few validation items never fill half of a list
        "mixed": ["the factors' own warm items", "warm items alone", "tau 0", "2%", "5%", "10%", "20%", "30%"],
    }
    names = every[protocol]
    assert [next(iter(row.values())) for row in rows][-len(names) :] == names
    for row in rows:
        assert 0 <= row["ndcg"] <= 1
        assert all(math.isfinite(value) for value in row.values() if isinstance(value, float))
        assert all(is_interval(value) for value in row.values() if isinstance(value, dict))


def shop(folder: Path, row: Callable[[int], dict[str, str]]) -> Path:
    """Thirty items and who likes them."""
    folder.mkdir(parents=True)
    draws = random.Random(0)
    items = [{"item_id": f"i{at}", **row(at)} for at in range(30)]
    likes = [{"user_id": f"u{user}", "item_id": f"i{draws.randrange(30)}"} for user in range(20) for _ in range(8)]
    (folder / "items.jsonl").write_text("\n".join(map(json.dumps, items)))
    (folder / "interactions.jsonl").write_text("\n".join(map(json.dumps, likes)))
    return folder


def pictured(folder: Path, at: int) -> dict[str, str]:
    (folder.parent / f"{at}.jpg").write_bytes(draw_jpeg(at))
    return {"image": f"../{at}.jpg"}


@pytest.mark.slow
def test_a_method_that_cannot_learn_from_pictures_alone_is_left_out(command: Command, tmp_path: Path) -> None:
    folder = shop(tmp_path / "shop", lambda at: pictured(tmp_path / "shop", at))
    out = tmp_path / "results" / "rows.json"

    status, _, said = command(
        f"--data={folder}", "--protocol=cold-only", "--seeds=1", "--methods=mean profile,thaw: one expert,random", f"--json={out}"
    )

    assert status == 0, said
    assert [row["name"] for row in rows_of(out)] == ["mean profile", "random"]
    assert "thaw: one expert is left out: no modality is present" in said


@pytest.mark.slow
def test_what_a_training_does_not_read_is_said_once(command: Command, tmp_path: Path) -> None:
    folder = shop(tmp_path / "shop", lambda at: {"title": f"word{at % 5} thing{at % 3}"})

    status, _, said = command(f"--data={folder}", "--protocol=cold-only", "--seeds=1", "--methods=thaw")

    assert status == 0, said
    assert said.count("image is not read: 0 of the warm items have it") == 1


def test_nothing_is_removed_from_items_that_have_words_alone(command: Command, tmp_path: Path) -> None:
    folder = shop(tmp_path / "shop", lambda at: {"title": f"word{at % 5} thing{at % 3}"})

    status, _, said = command(f"--data={folder}", "--protocol=missing", "--seeds=1")

    assert status == 1
    assert said.strip().splitlines()[-1] == "error: `missing` removes a kind of content, and these items have text alone"


@pytest.mark.slow
def test_a_kind_that_no_item_has_is_not_removed(command: Command, tmp_path: Path) -> None:
    """Encoders of pictures are there, and no picture is."""
    folder = shop(tmp_path / "shop", lambda at: {"title": f"word{at % 5} thing{at % 3}", "colour": "red" if at % 2 else "blue"})
    out = tmp_path / "rows.json"

    status, _, said = command(
        f"--data={folder}", "--protocol=missing", "--seeds=1", "--encoder=attributes=lexical-attributes", f"--json={out}"
    )

    assert status == 0, said
    rows = rows_of(out)
    assert {row["case"] for row in rows if "removed" in row["case"]} == {"text removed", "attributes removed"}
    assert len(rows) == 2 * 2 + 3


def test_pictures_that_an_export_holds_as_features_are_seen(demo_folder: Path, feature_cache: Path, tmp_path: Path) -> None:
    folder = shop(tmp_path / "shop", lambda at: {"title": f"word{at % 5}", "has_features": "yes"})
    encoder = make_encoder(HASHED["image"], "cpu")
    pixels = encoder.encode([decode_image(draw_jpeg(at)) for at in range(30)])
    write_features(
        folder,
        (KeptFeatures(f"i{at}", "image", encoder.spec.fingerprint, "", row_to_bytes(pixels, at)) for at in range(30)),
    )

    arena = open_arena(
        ProtocolConfig("mixed", DataConfig(folder, cache=feature_cache), reading=ReadingConfig(encoders=HASHED)), SilentReporter()
    )

    assert arena.features.present.all()


@pytest.mark.slow
def test_how_many_likes_an_item_needs_to_thaw_stands_with_what_was_measured(command: Command, tmp_path: Path) -> None:
    out = tmp_path / "rows.json"

    _, shown, _ = command("--protocol=thawing", "--seeds=1", "--min-likes=3", f"--json={out}")

    assert "test items with 3 likes or more" in " ".join(shown.split())
    assert json.loads(out.read_text(encoding="utf-8"))["settings"]["min_likes"] == "3"
    assert [row["events"] for row in rows_of(out)] == [1]


@pytest.mark.parametrize(
    ("likes", "counts"),
    [
        (2, [1]),
        (20, [1, 2, 5, 10]),
        (99, [1, 2, 5, 10, 20]),
        (thawing.MIN_LIKES, [1, 2, 5, 10, 20, 50]),
        (1000, [*thawing.COUNTS]),
    ],
)
def test_an_item_thaws_by_as_many_events_as_half_of_its_audience_can_give(likes: int, counts: list[int]) -> None:
    assert thawing.choose_counts(likes) == counts


def test_too_few_likes_to_thaw_is_one_sentence_before_anything_is_trained(command: Command, tmp_path: Path) -> None:
    """No item of the small demo has 100 likes."""
    out = tmp_path / "rows.json"

    status, shown, said = command("--protocol=thawing", "--seeds=1", f"--json={out}")

    assert (status, shown) == (1, "")
    few = "error: none of the 8 test items of split 0 has 100 likes, and the most-liked one has 6"
    assert said.strip().splitlines()[-1] == f"{few}: --min-likes 4 would measure 5 of them"
    assert "weighing" not in said
    assert not out.exists()


@pytest.mark.parametrize(
    ("likes", "advice"),
    [
        ([9, 0, 30, 12, 5], "--min-likes 9 would measure 3 of them"),
        ([0, 0, 0, 1, 3], "--min-likes 2 would measure 1 of them"),
        ([0, 1, 1], "an item needs 2 to be measured at all"),
    ],
)
def test_what_is_advised_measures_half_of_the_items_where_that_can_be(likes: list[int], advice: str) -> None:
    assert thawing._advise(np.array(likes)) == advice


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("--protocol=cold-only", "--methods=guesswork"), "error: there is no method 'guesswork': choose among thaw, "),
        (("--protocol=hot-only",), "error: there is no protocol 'hot-only': choose cold-only, mixed, "),
        (("--protocol=mixed", "--seeds=0"), "error: a protocol needs one split or more, "),
        (("--protocol=mixed", "--likes=0"), "error: a protocol needs one split or more, "),
        (("--protocol=thawing", "--min-likes=1"), "error: --min-likes is 1: an item needs one like to judge it by, "),
        (("--checkpoint=here", "--min-likes=5"), "error: --min-likes means nothing here: it is for --protocol"),
        (("--protocol=mixed", "--threshold=inf"), "error: the threshold is inf: it must be finite"),
        ((), "error: give either --checkpoint or --protocol"),
        (("--protocol=mixed", "--checkpoint=here"), "error: give either --checkpoint or --protocol"),
        (("--protocol=mixed", "--device=cpu"), "error: --device means nothing here: it is for --checkpoint"),
        (("--checkpoint=here", "--seeds=2"), "error: --seeds means nothing here: it is for --protocol"),
        (("--protocol=cold-only", "--methods=,"), "error: name one method or more, of thaw, "),
    ],
)
def test_what_cannot_be_asked_is_one_sentence(
    command: Command, tmp_path: Path, arguments: tuple[str, ...], sentence: str
) -> None:
    out = tmp_path / "rows.json"

    status, shown, said = command(*arguments, f"--json={out}")

    assert (status, shown) == (1, "")
    assert said.startswith(sentence)  # nothing was encoded before it
    assert "Traceback" not in said
    assert not out.exists()

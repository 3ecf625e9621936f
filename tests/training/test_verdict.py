"""What `thaw try` says of a comparison."""

import json
import sys
from pathlib import Path

import pytest

from tests.conftest import HASHED
from training.__main__ import main
from training.protocols.cold_only import Row
from training.protocols.intervals import Interval
from training.verdict import CHANCE, METHODS, READS_ALL, Size, tell

LARGE = Size(warm_items=800, candidates=100, judges=1000, likes_a_user=12.4)


def row(name: str, ndcg: float, low: float | None = None, high: float | None = None, splits: int = 3) -> Row:
    interval = None if low is None or high is None else Interval((low + high) / 2, low, high)
    metrics = {"ndcg@20": ndcg, "recall@20": 2 * ndcg}
    return Row(name, metrics, [ndcg] * splits, ndcg, 1.0, 108, 1.0, [""] * splits, interval)


@pytest.mark.parametrize(
    ("low", "high", "said"),
    [
        (0.01, 0.05, "Worth it: Thaw ranks new items better than the best simple method here, mean profile"),
        (-0.05, -0.01, "Not worth it: mean profile, a simple method, ranks new items better than Thaw here"),
        (-0.01, 0.02, "Not to be told: Thaw and the best simple method here, mean profile, may be as good as each other"),
    ],
)
def test_the_verdict_goes_by_the_interval_against_the_best_of_the_simple_methods(low: float, high: float, said: str) -> None:
    verdict, *_ = tell([row("thaw", 0.3), row("content kNN", 0.2, 0.05, 0.2), row("mean profile", 0.27, low, high)], LARGE)
    assert verdict == f"{said} (NDCG@20 0.300 against 0.270; difference {low:+.3f} to {high:+.3f})."


@pytest.mark.parametrize(("splits", "said"), [(3, ["More splits tell more: --seeds 10."]), (10, [])])
def test_what_cannot_be_told_asks_for_more_splits_while_there_are_few(splits: int, said: list[str]) -> None:
    assert tell([row("thaw", 0.3), row("content kNN", 0.3, -0.1, 0.1, splits)], LARGE)[1:-1] == said


@pytest.mark.parametrize("size", [Size(800, 29, 1000, 12), Size(800, 100, 199, 12)])
def test_no_verdict_on_few_items_or_users_is_to_be_relied_on(size: Size) -> None:
    _, doubt, _ = tell([row("thaw", 0.3), row("content kNN", 0.1, 0.1, 0.3)], size)
    assert doubt.startswith("Do not rely on that: ")


def test_lists_are_told_beside_chance_and_what_reading_more_brings_beside_what_the_mixture_brings() -> None:
    rows = [row("thaw", 0.3), row(CHANCE, 0.05, 0.2, 0.3), row("content kNN", 0.2, 0.05, 0.2), row(READS_ALL, 0.28, -0.01, 0.05)]
    *_, hits, reading = tell(rows, LARGE)
    assert hits == (
        "Of the new items that a user likes, Thaw has 60% among the first 20 of 100 (by chance 10%); "
        "it learned from 800 items and 12 likes a user."
    )
    assert reading == (
        "One kernel regression on all that Thaw reads is +0.080 from the best of those that read whole texts and pictures, "
        "and Thaw +0.020 from it (within chance)."
    )


def test_what_chance_does_as_well_is_told_and_no_share_of_a_list_that_has_every_item() -> None:
    rows = [row("thaw", 0.3), row(CHANCE, 0.29, -0.02, 0.04), row("content kNN", 0.2, 0.05, 0.2)]
    assert tell(rows, LARGE)[1] == "Nor can Thaw be told from chance here."
    assert not any("among the first" in sentence for sentence in tell(rows, Size(800, 20, 1000, 12)))


def test_a_simple_method_that_reads_as_much_counts_as_one() -> None:
    verdict, *_ = tell([row("thaw", 0.3), row("content kNN", 0.2, 0.05, 0.2), row(READS_ALL, 0.35, -0.08, -0.02)], LARGE)
    assert verdict.startswith(f"Not worth it: {READS_ALL}")


def test_what_a_folder_cannot_be_measured_with_is_passed_over() -> None:
    assert tell([row("thaw", 0.3), row(READS_ALL, 0.28, 0.01, 0.05)], LARGE)[0].startswith("Worth it: ")
    assert len(tell([row("thaw", 0.3)], LARGE)) == 1


@pytest.mark.slow
def test_a_folder_is_tried_from_the_command_line(
    demo_folder: Path, feature_cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "results" / "try.json"
    encoders = [f"--encoder={modality}={name}" for modality, name in HASHED.items()]
    data = str(demo_folder / "catalogue")
    monkeypatch.setattr(sys, "argv", ["thaw", "try", data, "--seeds=1", f"--cache={feature_cache}", f"--json={out}", *encoders])
    with pytest.raises(SystemExit) as stopped:
        main()

    shown = capsys.readouterr().out
    assert not stopped.value.code
    assert [row["name"] for row in json.loads(out.read_text())["rows"]] == list(METHODS)
    assert "Do not rely on that: " in shown  # it has few items
    assert any(shown.count(verdict) for verdict in ("Worth it: ", "Not worth it: ", "Not to be told: "))

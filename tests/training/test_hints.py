"""What a run that cannot be says of how it could be."""

from pathlib import Path

import pytest

from tests.training.test_data import WORDS_ONLY, write
from training.config import DataConfig, ReadingConfig, TrainConfig
from training.data.plain import read_folder
from training.errors import NothingLeft
from training.evaluate import EvaluateConfig, evaluate
from training.progress import SilentReporter
from training.train import train


def test_a_picture_whose_path_cannot_be_is_told_apart_from_one_that_is_missing(tmp_path: Path) -> None:
    items = "item_id,title,image\na,One,pictures\\p.jpg\nb,Two,../gone.jpg\nc,Three,/img/p.jpg\nd,Four,gone.jpg\n"

    folder = read_folder(write(tmp_path, items))

    assert folder.bad_items.examples == {
        "missing picture file: a path has / between folders, and no backslash": ["line 2: a: pictures\\p.jpg"],
        "missing picture file: its path leads out of the folder": ["line 3: b: ../gone.jpg", "line 4: c: /img/p.jpg"],
        "missing picture file": ["line 5: d: gone.jpg"],
    }


@pytest.mark.parametrize(("threshold", "hint"), [(None, "`--threshold 0.3` counts views"), (0.3, "")])
def test_a_table_of_views_says_how_they_count(tmp_path: Path, threshold: float | None, hint: str) -> None:
    interactions = "user_id,item_id,event_type\nu,a,view\nv,b,view\n"
    data = DataConfig(write(tmp_path / "data", interactions=interactions), threshold)
    config = TrainConfig(data, tmp_path / "out", reading=ReadingConfig(encoders=WORDS_ONLY), device="cpu")

    with pytest.raises(NothingLeft) as caught:
        train(config, SilentReporter())

    assert hint in str(caught.value)
    assert ("there is nothing to learn from" in str(caught.value)) == bool(hint)  # else they count, and too few of them are there


def test_a_split_that_training_drew_is_not_in_the_table(checkpoint_path: Path, tmp_path: Path) -> None:
    config = EvaluateConfig(checkpoint_path, DataConfig(write(tmp_path)), split="cold_val")

    with pytest.raises(NothingLeft, match=r"no column split: `thaw train` drew .* add the column"):
        evaluate(config, SilentReporter())

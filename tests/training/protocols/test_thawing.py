"""What thawed items are compared with."""

from dataclasses import fields
from pathlib import Path

import numpy as np
import pytest
import scipy.sparse as sp

from model.content import FloatArray
from tests.conftest import HASHED
from training.config import DataConfig, ReadingConfig
from training.progress import SilentReporter
from training.protocols.run import ProtocolConfig, open_arena
from training.protocols.thawing import _without_content
from training.protocols.trial import Cut, Trial, draw_trial
from training.recipes.audiences import Tellers
from training.recipes.thaw import train_thaw
from training.recipes.thaw_numbers import ThawNumbers
from training.recipes.thawing_fit import HeldOut, Origin, fit_thawing

QUICK = ThawNumbers(width=16, passes=0, parts=1, folds=4, head_epochs=1, gate_epochs=1)


@pytest.fixture(scope="module")
def trial(demo_folder: Path, feature_cache: Path) -> Trial:
    """The small demo."""
    config = ProtocolConfig(
        "thawing", DataConfig(demo_folder / "catalogue", cache=feature_cache), reading=ReadingConfig(encoders=HASHED)
    )
    return draw_trial(open_arena(config, SilentReporter()), 0, Cut(), SilentReporter())


def assert_same(one: Tellers, other: Tellers) -> None:
    for field in fields(Tellers):
        np.testing.assert_allclose(getattr(one, field.name), getattr(other, field.name), rtol=1e-3, atol=1e-5)


def test_the_audience_alone_is_fitted_as_thaw_is(trial: Trial, monkeypatch: pytest.MonkeyPatch) -> None:
    """To the same people, and less what learned items share with them by chance."""
    fits: list[tuple[Tellers, Origin | None]] = []

    def spy(likes: sp.csr_array, readings: Tellers, held: HeldOut, origin: Origin | None = None) -> dict[str, FloatArray]:
        fits.append((readings, origin))
        return fit_thawing(likes, readings, held, origin)

    for module in ("recipes.thaw", "protocols.thawing"):
        monkeypatch.setattr(f"training.{module}.fit_thawing", spy)
    _without_content(trial, train_thaw(trial.job, QUICK))

    (people, origin), (same_people, same_origin) = fits
    assert origin is not None
    assert same_origin is not None
    assert_same(people, same_people)
    assert_same(origin.tellers, same_origin.tellers)
    np.testing.assert_array_equal(origin.scales, same_origin.scales)

"""Items that lack words or a picture, from training to what the network says of them."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from model.content import FloatArray
from model.features import Features, spread_rows
from tests.conftest import HASHED
from training.config import DataConfig, ReadingConfig
from training.progress import SilentReporter
from training.protocols.run import ProtocolConfig, open_arena
from training.protocols.trial import Cut, Trial, draw_trial
from training.recipes.embed import embed_all
from training.recipes.fusion import Fusion, ViewOutputs
from training.recipes.thaw import train_thaw
from training.recipes.thaw_numbers import ThawNumbers

QUICK = ThawNumbers(width=16, parts=1, folds=4, head_epochs=2, gate_epochs=2)


@pytest.fixture(scope="module")
def trial(demo_folder: Path, feature_cache: Path) -> Trial:
    """A third of the items lack the picture, a third the words."""
    config = ProtocolConfig(
        "missing", DataConfig(demo_folder / "catalogue", cache=feature_cache), reading=ReadingConfig(encoders=HASHED)
    )
    arena = open_arena(config, SilentReporter())
    lacks = np.arange(len(arena.features)) % 3
    is_picture = np.array([name == "image" for name in arena.specs])
    gone = ((lacks == 0)[:, None] & is_picture) | ((lacks == 1)[:, None] & ~is_picture)
    present = arena.features.present & ~gone
    values = [
        spread_rows(value[rows], rows, len(present))
        for value, rows in zip(arena.features.values, map(np.flatnonzero, present.T), strict=True)
    ]
    torn = Features(tuple(values), present)
    return draw_trial(replace(arena, features=torn), 0, Cut(), SilentReporter())


def test_the_network_says_of_each_item_what_training_judged_by(trial: Trial, monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[ViewOutputs] = []
    fused: list[Fusion] = []

    class Spied(ViewOutputs):
        def embed_cold(self, fusion: Fusion) -> torch.Tensor:
            made.append(self)
            fused.append(fusion)
            return super().embed_cold(fusion)

    monkeypatch.setattr("training.recipes.ranking_fit.ViewOutputs", Spied)
    trained = train_thaw(trial.job, QUICK)

    with torch.no_grad():
        judged = ViewOutputs.embed_cold(made[-1], fused[-1]).numpy()
    found = embed_all(trained.mamex, trial.job.cold.features)
    lacking = ~trial.job.cold.features.present.all(axis=1)
    assert lacking.any()
    assert not lacking.all()
    assert np.abs(found[lacking]).max() > 0.01
    np.testing.assert_allclose(found, judged, atol=2e-4)


def test_what_is_missing_changes_gates_and_strengths(trial: Trial) -> None:
    mamex = train_thaw(trial.job, QUICK).mamex
    features = trial.job.cold.features
    output = mamex(*features.tensors())
    gates = output.log_gate.exp().detach().numpy()
    names = [view.name for view in mamex.config.views]
    image, text = features.present[:, 0], features.present[:, 1]

    assert names == ["together", "text", "image"]
    assert (gates[~image][:, 2] == 0).all()
    assert (gates[~text][:, 1] == 0).all()
    assert len(np.unique(gates.round(5), axis=0)) == 3
    assert mamex.strengths[0] == 1
    assert not torch.allclose(mamex.strengths[1:], torch.ones(2))


def test_warm_items_that_lack_something_teach(trial: Trial) -> None:
    """Those with words alone move what the view of all together says of items that have both."""
    before = _together_without(trial, ())
    words_alone = trial.job.warm.features.present[:, 1] & ~trial.job.warm.features.present[:, 0]

    after = _together_without(trial, np.flatnonzero(words_alone).tolist())

    assert np.abs(before - after).max() > 1e-3


def _together_without(trial: Trial, rows: Sequence[int]) -> FloatArray:
    """What the first view says of test items that have everything, fitted without these warm items."""
    warm = trial.job.warm
    present = warm.features.present.copy()
    present[list(rows)] = False
    values = [
        spread_rows(value[kept], kept, len(present))
        for value, kept in zip(warm.features.values, map(np.flatnonzero, present.T), strict=True)
    ]
    job = replace(trial.job, warm=replace(warm, features=Features(tuple(values), present)))
    complete = np.flatnonzero(trial.test.features.present.all(axis=1))
    mamex = train_thaw(job, replace(QUICK, head_rate=0.0, router_rate=0.0)).mamex
    with torch.no_grad():
        views: FloatArray = mamex(*trial.test.features.take(complete).tensors()).views.numpy()
    return views[:, 0]

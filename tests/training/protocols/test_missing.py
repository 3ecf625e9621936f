"""What is taken from items, what is imputed in its place, and what gates are compared with."""

from pathlib import Path

import numpy as np
import pytest
import scipy.sparse as sp
import torch

from model.encoders.spec import Kind
from model.features import Features
from tests.conftest import HASHED
from training.config import DataConfig, ReadingConfig
from training.progress import SilentReporter
from training.protocols.missing import _even_gates, _lose_one, impute
from training.protocols.run import ProtocolConfig, open_arena
from training.protocols.trial import Cut, Trial, draw_trial
from training.recipes.thaw import train_thaw
from training.recipes.thaw_numbers import ThawNumbers

QUICK = ThawNumbers(width=16, passes=0, parts=1, folds=4, head_epochs=1, gate_epochs=1)


@pytest.fixture(scope="module")
def trial(demo_folder: Path, feature_cache: Path) -> Trial:
    """The small demo: words and a picture each."""
    config = ProtocolConfig(
        "missing", DataConfig(demo_folder / "catalogue", cache=feature_cache), reading=ReadingConfig(encoders=HASHED)
    )
    return draw_trial(open_arena(config, SilentReporter()), 0, Cut(), SilentReporter())


def test_what_is_missing_gets_the_mean_of_the_warm_items_that_have_it_dense_or_hashed() -> None:
    there = np.array([[True, True], [True, False], [False, True]])
    dense = np.array([[1, 0], [0, 1], [0, 0]], np.float32)
    hashed = sp.csr_array(np.array([[1, 0, 0], [0, 0, 0], [0.6, 0, 0.8]], np.float32))
    warm = Features((dense, hashed), there)

    imputed = impute(warm, warm)

    assert imputed.present.all()
    np.testing.assert_allclose(imputed.values[0], np.array([[1, 0], [0, 1], [0.5, 0.5]]))
    hashed_with_means = np.array([[1, 0, 0], [0.8, 0, 0.4], [0.6, 0, 0.8]])
    np.testing.assert_allclose(imputed.values[1].toarray(), hashed_with_means, rtol=1e-6)


def test_half_of_the_items_that_have_all_lose_one_kind(trial: Trial) -> None:
    words = tuple(name for name, spec in trial.job.specs.items() if spec.kind is Kind.TEXT)
    before = trial.job.warm.features.present

    after = _lose_one(trial, [words, ("image",)]).job.warm.features

    lost = before & ~after.present
    is_word = np.array([name in words for name in trial.job.specs])
    one = [not row.any() or row[is_word].all() != row[~is_word].all() for row in lost]
    assert before.all()
    assert all(one)
    assert lost.any(axis=1).mean() == pytest.approx(0.5, abs=0.2)
    assert lost[:, is_word].any()
    assert lost[:, ~is_word].any()
    assert not after.values[0][~after.present[:, 0]].any()


def test_even_gates_listen_to_all_views_that_are_there_alike(trial: Trial) -> None:
    trained = train_thaw(trial.job, QUICK)
    features = trial.test.features
    keep = (np.arange(len(features)) == 0)[:, None] | np.array([name == "image" for name in trial.job.specs])
    torn = Features(features.values, features.present & keep)

    output = _even_gates(trained).mamex(*torn.tensors())

    even = output.present / output.present.sum(dim=1, keepdim=True)
    torch.testing.assert_close(output.log_gate.exp(), even)
    assert len(even.unique()) > 1
    gates = trained.mamex(*features.tensors()).log_gate.exp()
    assert (gates.max(dim=1).values - gates.min(dim=1).values > 0.1).all()

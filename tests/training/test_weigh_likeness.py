"""What users like beyond the factors counts as much as the warm items say, in parts that the others rank."""

from dataclasses import replace
from unittest.mock import Mock

import numpy as np
import pytest
import scipy.sparse as sp
from numpy.typing import NDArray

from model.features import Features
from tests.training.baselines.test_closed_forms import make_job
from training.dataset import ColdData
from training.recipes import weigh_likeness
from training.recipes.thaw import train_thaw
from training.recipes.thaw_numbers import ThawNumbers
from training.recipes.trained import Job
from training.recipes.weigh_kernels import Choice

KINDS, EACH, COLD_EACH, USERS = 30, 6, 2, 240
FEW = ThawNumbers(width=8, likeness=0.5, passes=1, head_epochs=1, gate_epochs=1, parts=1)
"""Three factors, and four coordinates beyond them."""


def shop(groups: int) -> Job:
    """Users like most items of two kinds, which content shows; kinds of a group are liked by the same users."""
    random = np.random.default_rng(5)
    wanted = np.zeros((USERS, KINDS), np.float32)
    for user in range(USERS):
        chosen = random.choice(groups, 2, replace=False)
        wanted[user] = np.isin(np.arange(KINDS) % groups, chosen)
    liked = [np.repeat(wanted, each, axis=1) * (random.random((USERS, KINDS * each)) < 0.7) for each in (EACH, COLD_EACH)]
    shown = [
        np.repeat(np.eye(KINDS), each, axis=0) + 0.1 * random.standard_normal((KINDS * each, KINDS)) for each in (EACH, COLD_EACH)
    ]
    features = Features((shown[1].astype(np.float32),), np.ones((KINDS * COLD_EACH, 1), np.bool_))
    cold = ColdData([f"cold-{at}" for at in range(KINDS * COLD_EACH)], features, sp.csr_array(liked[1].astype(np.float32)))
    return replace(make_job(shown[0], liked[0]), cold=cold)


@pytest.mark.slow
def test_tastes_that_few_factors_cannot_tell_apart_count_more() -> None:
    """Thirty kinds that go together by chance, and three groups of kinds, which three factors tell."""
    many, few = (train_thaw(shop(groups), FEW).numbers["chosen_likeness_weight"] for groups in (KINDS, 3))

    assert many > FEW.likeness_weight
    assert few == FEW.likeness_weight


@pytest.mark.parametrize(
    ("qualities", "chosen", "tries"),
    [
        ({0.25: 0.40, 0.75: 0.40, 0.25 / 3: 0.40}, 0.25, 3),
        ({0.25: 0.40, 0.75: 0.42, 0.25 / 3: 0.40}, 0.75, 3),
        ({0.25: 0.40, 0.75: 0.45, 0.25 / 3: 0.42, 0.25 / 9: 0.42}, 0.25 / 3, 3),
        ({0.25: 0.40, 0.75: 0.45, 0.25 / 3: 0.42, 0.25 / 9: 0.44}, 0.25 / 9, 3),
    ],
)
def test_more_is_tried_where_less_is_no_better(
    monkeypatch: pytest.MonkeyPatch, qualities: dict[float, float], chosen: float, tries: int
) -> None:
    tried: list[float] = []
    chance = np.tile([0.05, -0.05], 50)

    def ndcg(weight: float) -> NDArray[np.floating]:
        tried.append(weight)
        return qualities[weight] + chance

    items, kernels, part, fold = Mock(), Mock(), Mock(), Mock()
    items.landmarks = items.rows = np.arange(100)
    kernels.whole.return_value = [np.eye(100, dtype=np.float32)]
    part.of.return_value.can_judge = True
    monkeypatch.setattr(weigh_likeness, "FoldedPart", part)
    monkeypatch.setattr(weigh_likeness, "_predict", lambda *_: Mock(ndcg=ndcg))

    weight = weigh_likeness.weigh_likeness(items, kernels, Choice((1.0,), 2.0, 0.5), [fold], 4, 0.25, lambda *_: None)

    assert weight == chosen
    assert len(tried) == tries == weigh_likeness.TRIES


def test_it_stays_where_nothing_is_weighed() -> None:
    trained = train_thaw(shop(KINDS), replace(FEW, passes=0))

    assert trained.numbers["chosen_likeness_weight"] == FEW.likeness_weight

"""One modality that is much easier to fit drives the other out of the gate: built here, prevented, and warned of."""

from dataclasses import replace

import numpy as np
import pytest
import scipy.sparse as sp

from model.checkpoint import Checkpoint
from model.config import LensConfig, MamexConfig, ModalityConfig, ViewConfig
from model.encoders.spec import EncoderSpec, Kind
from model.features import Features
from training.dataset import ColdData, WarmData
from training.progress import SilentReporter
from training.recipes.health import warn_of_collapse
from training.recipes.paper import PaperNumbers, train_paper
from training.recipes.trained import Job, Trained
from training.train import report_health

USERS, WARM, COLD, DIM = 60, 200, 40, 8
# Alignment is off on either side, as it pulls views together too; so is modality dropout, which the paper lacks.
NUMBERS = PaperNumbers(width=8, batch=256, rate=1e-2, epochs=25, patience=25, modality_dropout=0.0, alignment_weight=0.0)


class _Listener(SilentReporter):
    def __init__(self) -> None:
        self.lines: list[str] = []

    def say(self, line: str) -> None:
        self.lines.append(line)


@pytest.fixture(scope="module")
def lopsided() -> Job:
    """Words that decide what is liked, loudly; pictures that hint at it under noise."""
    random = np.random.default_rng(0)
    taste = random.standard_normal((WARM + COLD, DIM)).astype(np.float32)
    taste /= np.linalg.norm(taste, axis=1, keepdims=True)
    scores = random.standard_normal((USERS, DIM)).astype(np.float32) @ taste.T
    liked = (scores > np.quantile(scores, 0.85, axis=1, keepdims=True)).astype(np.float32)
    pictures = taste + 3 * random.standard_normal(taste.shape).astype(np.float32)
    pictures /= np.linalg.norm(pictures, axis=1, keepdims=True)
    features = Features((pictures, 8 * taste), np.ones((WARM + COLD, 2), np.bool_))
    likes = sp.csr_array(liked[:, :WARM])
    return Job(
        WarmData(
            [f"i{at}" for at in range(WARM)],
            features.take(slice(0, WARM)),
            [f"u{at}" for at in range(USERS)],
            likes,
            likes,
            np.zeros(WARM, np.bool_),
        ),
        ColdData([f"c{at}" for at in range(COLD)], features.take(slice(WARM, None)), sp.csr_array(liked[:, WARM:])),
        {str(kind): EncoderSpec(str(kind), kind, DIM, "float32", "drawn") for kind in (Kind.IMAGE, Kind.TEXT)},
        seed=0,
        device="cpu",
        reporter=SilentReporter(),
    )


@pytest.fixture(scope="module")
def collapsed(lopsided: Job) -> Trained:
    return train_paper(lopsided, replace(NUMBERS, view_balance_weight=0.0, expert_balance_weight=0.0))


@pytest.fixture(scope="module")
def balanced(lopsided: Job) -> Trained:
    return train_paper(lopsided, NUMBERS)


@pytest.mark.slow
def test_the_easier_modality_takes_the_gate_and_balance_prevents_it(collapsed: Trained, balanced: Trained) -> None:
    assert collapsed.health["gate_entropy"] < 0.1
    assert collapsed.health["gate"]["image"] < 0.01
    assert balanced.health["gate_entropy"] > 0.9
    assert balanced.health["gate"]["image"] > 0.3


@pytest.mark.slow
def test_training_says_and_keeps_that_a_modality_is_not_listened_to(collapsed: Trained, balanced: Trained) -> None:
    listener = _Listener()
    kept = report_health(collapsed, listener)
    assert kept["gate"] == collapsed.health["gate"]
    assert kept["warnings"][0].startswith("the gate listens to the view text alone: entropy 0.0")
    assert "image 0." in kept["warnings"][0]
    assert listener.lines == [f"warning: {warning}" for warning in kept["warnings"]]

    listener = _Listener()
    assert report_health(balanced, listener) == {**balanced.health, "warnings": []}
    assert listener.lines == []


@pytest.mark.slow
def test_a_view_of_everything_may_take_the_gate(checkpoint: Checkpoint) -> None:
    health = checkpoint.manifest.recipe["health"]
    assert max(health["gate"], key=health["gate"].get) == "together"
    assert health["warnings"] == []


def _config(top_k: int) -> MamexConfig:
    lenses = (LensConfig("image"), LensConfig("text"))
    both = ViewConfig("together", lenses, ((0,), (1,)), top_k)
    alone = ViewConfig("text", (LensConfig("text"),), ((0,),), 1)
    return MamexConfig((ModalityConfig("image", 4), ModalityConfig("text", 4)), (both, alone), width=4)


def _health(**used: object) -> dict[str, object]:
    good = {"load": [1.0, 1.0], "entropy": 0.9}
    return {"gate": {"together": 0.99, "text": 0.01}, "gate_entropy": 0.08, "together": {**good, **used}}


@pytest.mark.parametrize(
    ("top_k", "used", "warning"),
    [
        (2, {}, None),
        (2, {"entropy": 0.05}, "the view together listens to one expert alone: entropy 0.050 of 1"),
        (1, {"load": [0.6, 0.4], "entropy": 0.0}, None),
        (
            1,
            {"load": [0.999, 0.001], "entropy": 0.0},
            "the expert text of the view together is hardly ever asked: 0.10% of items, where even is 50%",
        ),
    ],
)
def test_experts_are_warned_of_by_name_and_number(top_k: int, used: dict[str, object], warning: str | None) -> None:
    assert warn_of_collapse(_config(top_k), _health(**used)) == ([warning] if warning else [])


def test_a_view_of_one_modality_that_takes_the_gate_is_warned_of() -> None:
    health = {**_health(), "gate": {"together": 0.01, "text": 0.99}}
    assert warn_of_collapse(_config(2), health) == [
        "the gate listens to the view text alone: entropy 0.080 of 1, and the others have together 1.00%"
    ]


def test_items_without_a_choice_are_no_collapse() -> None:
    assert warn_of_collapse(_config(2), {"gate": {}, "gate_entropy": None}) == []

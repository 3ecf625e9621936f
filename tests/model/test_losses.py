"""Losses: what they measure, and what they refuse."""

import inspect
import math
from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from model import losses
from model.errors import ColdItemInTraining
from model.losses import Pairs, WarmItems, balance_loss, ranking_loss
from model.mamex import MamexOutput
from training.recipes.paper import PaperNumbers, drop_modalities, paper_loss


def output_of(embedding: Tensor) -> MamexOutput:
    """An output of two views that agree."""
    items = len(embedding)
    even = torch.full((items, 2), math.log(0.5))
    views = embedding[:, None].repeat(1, 2, 1)
    return MamexOutput(embedding, views, even, (even.exp(), even.exp()), (even, even), torch.ones(items, 2, dtype=torch.bool))


def pairs() -> Pairs:
    return Pairs(torch.ones(1, 3), torch.tensor([0]), torch.tensor([1]))


LOSSES = [
    function
    for name, function in inspect.getmembers(losses, inspect.isfunction)
    if name.endswith("_loss") and "items" in inspect.signature(function).parameters
]


@pytest.mark.parametrize("loss", LOSSES, ids=lambda loss: str(loss.__name__))
def test_every_loss_refuses_a_planted_cold_item(loss: Callable[..., Tensor]) -> None:
    """A loss takes WarmItems, and these cannot be made of a cold item."""
    assert inspect.signature(loss).parameters["items"].annotation is WarmItems
    embeddings = torch.randn(3, 3, requires_grad=True)
    planted = torch.tensor([False, True, False])

    with pytest.raises(ColdItemInTraining) as caught:
        loss(WarmItems(output_of(embeddings), planted), *([pairs()] if "pairs" in inspect.signature(loss).parameters else []))

    assert caught.value.rows == [1]
    assert embeddings.grad is None


def test_there_are_losses_to_check() -> None:
    assert {loss.__name__ for loss in LOSSES} >= {"ranking_loss", "alignment_loss", "view_balance_loss"}


def test_ranking_loss_is_the_softplus_of_the_score_difference() -> None:
    items = WarmItems(output_of(torch.tensor([[1.0, 0, 0], [0, 2.0, 0]])), torch.zeros(2, dtype=torch.bool))

    assert ranking_loss(items, pairs()).item() == pytest.approx(math.log1p(math.exp(2.0 - 1.0)))


def test_balance_is_zero_for_an_even_load() -> None:
    assert balance_loss(torch.full((5, 4), math.log(0.25))).item() == pytest.approx(0.0, abs=1e-6)


def test_balance_is_the_divergence_of_the_mean_from_uniform() -> None:
    weights = torch.tensor([[0.9, 0.1], [0.5, 0.5]])
    mean = [0.7, 0.3]

    expected = sum(0.5 * math.log(0.5 / share) for share in mean)

    assert balance_loss(weights.log()).item() == pytest.approx(expected)


@pytest.mark.parametrize("size", [1.0, 1e2, 1e4])
def test_balance_stays_finite_and_keeps_a_gradient_under_saturated_logits(size: float) -> None:
    """A collapsed expert can be brought back: its gradient does not vanish with its weight."""
    logits = torch.tensor([[size, 0.0, 0.0]] * 4, requires_grad=True)

    loss = balance_loss(logits.log_softmax(dim=-1))
    loss.backward()  # type: ignore[no-untyped-call]

    assert math.isfinite(loss.item())
    assert logits.grad is not None
    assert torch.isfinite(logits.grad).all()
    assert (logits.grad[:, 1:] < -1e-3).all()  # the starved ones are pulled up


def test_the_papers_loss_is_the_sum_of_its_terms() -> None:
    items = WarmItems(output_of(torch.randn(2, 3)), torch.zeros(2, dtype=torch.bool))

    total = paper_loss(items, pairs(), PaperNumbers(size_weight=0.0))

    # The views agree with the embedding and every load is even: only the ranking is left.
    assert total.item() == pytest.approx(ranking_loss(items, pairs()).item(), abs=1e-5)


def test_modality_dropout_never_takes_the_last_one() -> None:
    present = torch.tensor([[True, True], [True, False], [False, True]]).repeat(200, 1)

    kept = drop_modalities(present, 0.9)

    assert kept.any(dim=1).all()
    assert not (kept & ~present).any()
    assert not kept[0::3].all()  # something was dropped

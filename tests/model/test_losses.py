"""Losses: what they measure, and what they refuse."""

import inspect
import math
from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from model import losses
from model.errors import ColdItemInTraining
from model.losses import (
    Pairs,
    WarmItems,
    alignment_loss,
    balance_loss,
    expert_balance_loss,
    ranking_loss,
    size_loss,
    view_balance_loss,
)
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


def test_nothing_that_a_loss_looks_at_can_be_made_of_a_cold_item() -> None:
    with pytest.raises(ColdItemInTraining) as caught:
        WarmItems(output_of(torch.randn(3, 3)), torch.tensor([False, True, False]))

    assert caught.value.rows == [1]


@pytest.mark.parametrize("loss", LOSSES, ids=lambda loss: str(loss.__name__))
def test_every_loss_takes_items_in_that_form_alone(loss: Callable[..., Tensor]) -> None:
    assert inspect.signature(loss).parameters["items"].annotation is WarmItems


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


def uneven() -> WarmItems:
    """Three items whose views differ from their embeddings; the last one lacks the second view."""
    views = torch.tensor([[[1.0, 0.0], [0.0, 0.0]], [[0.0, 3.0], [0.0, 1.0]], [[2.0, 0.0], [9.0, 9.0]]])
    present = torch.tensor([[True, True], [True, True], [True, False]])
    gate = torch.tensor([[0.9, 0.1], [0.5, 0.5], [1.0, 1e-9]]).log()
    routers = (torch.tensor([[0.7, 0.3], [0.7, 0.3], [0.7, 0.3]]).log(), torch.tensor([[0.2, 0.8], [0.2, 0.8], [0.9, 0.1]]).log())
    embedding = torch.tensor([[1.0, 0.0], [0.0, 1.0], [0.0, 0.0]])
    output = MamexOutput(embedding, views, gate, tuple(router.exp() for router in routers), routers, present)
    return WarmItems(output, torch.zeros(3, dtype=torch.bool))


def test_alignment_is_the_distance_of_present_views() -> None:
    """By hand, squares halved by the width of 2: (0 + 4 + 4) / 2 over three items, (1 + 0) / 2 over two."""
    assert alignment_loss(uneven()).item() == pytest.approx((0 + 4 + 4) / 2 / 3 + (1 + 0) / 2 / 2)


def test_size_is_the_mean_square_of_users_and_both_items() -> None:
    wanted = Pairs(torch.tensor([[1.0, 2.0], [0.0, 1.0]]), torch.tensor([0, 1]), torch.tensor([1, 2]))

    assert size_loss(uneven(), wanted).item() == pytest.approx((5 + 1) / 2 + (1 + 1) / 2 + (1 + 0) / 2)


def test_balance_looks_at_views_where_they_are_present() -> None:
    def divergence(*mean: float) -> float:
        return sum(math.log(1 / len(mean) / share) / len(mean) for share in mean)

    assert expert_balance_loss(uneven()).item() == pytest.approx(divergence(0.7, 0.3) + divergence(0.2, 0.8))
    assert view_balance_loss(uneven()).item() == pytest.approx(divergence(0.7, 0.3))


def _first_two(output: MamexOutput) -> MamexOutput:
    """The items that are preferred below."""
    return MamexOutput(
        output.embedding[:2],
        output.views[:2],
        output.log_gate[:2],
        tuple(part[:2] for part in output.expert_weights),
        tuple(part[:2] for part in output.router_log_weights),
        output.present[:2],
    )


def test_the_papers_loss_is_the_weighted_sum_of_its_terms() -> None:
    numbers = PaperNumbers(size_weight=0.3, alignment_weight=0.5, expert_balance_weight=0.7, view_balance_weight=1.1)
    wanted = Pairs(torch.tensor([[1.0, 2.0], [0.0, 1.0]]), torch.tensor([0, 1]), torch.tensor([1, 2]))
    output = uneven().output
    both = WarmItems(_first_two(output), torch.zeros(2, dtype=torch.bool))

    terms = [
        ranking_loss(uneven(), wanted),
        0.3 * size_loss(uneven(), wanted),
        0.5 * alignment_loss(both),
        0.7 * expert_balance_loss(both),
        1.1 * view_balance_loss(both),
    ]
    assert all(term.item() > 0.01 for term in terms)
    assert paper_loss(uneven(), wanted, numbers).item() == pytest.approx(sum(term.item() for term in terms))


def test_modality_dropout_never_takes_the_last_one() -> None:
    present = torch.tensor([[True, True], [True, False], [False, True]]).repeat(200, 1)

    kept = drop_modalities(present, 0.9)

    assert kept.any(dim=1).all()
    assert not (kept & ~present).any()
    assert not kept[0::3].all()  # something was dropped

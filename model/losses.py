"""
What training minimises, one function a term.

Each takes `WarmItems`, which cannot be made of a cold item: nothing about an item that
validation or test will rank can reach a gradient.

Source: Mamex (arXiv 2508.08042), its ranking, alignment and balance losses; where a term departs, it says so.
"""

import math
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import softplus

from model.errors import ColdItemInTraining
from model.mamex import MamexOutput


@dataclass(frozen=True)
class WarmItems:
    """
    A batch of items that a loss may look at.

    Raises:
        ColdItemInTraining: when made of a batch with a cold item in it.
    """

    output: MamexOutput
    is_cold: Tensor
    """(B,) bool, all False."""

    def __post_init__(self) -> None:
        refuse_cold(self.is_cold)

    def take(self, rows: Tensor) -> Tensor:
        """Embeddings of some rows, (P, D)."""
        return self.output.embedding[rows]


@dataclass(frozen=True)
class Pairs:
    """What some users preferred to what, as rows of the batch."""

    users: Tensor
    """(P, D) float, embeddings."""
    preferred: Tensor
    """(P,) long."""
    other: Tensor
    """(P,) long."""


def refuse_cold(is_cold: Tensor) -> None:
    """
    Raises:
        ColdItemInTraining: naming the rows that are True in (B,) `is_cold`.
    """
    if is_cold.any():
        raise ColdItemInTraining(is_cold.nonzero().flatten().tolist())


def ranking_loss(items: WarmItems, pairs: Pairs) -> Tensor:
    """Mean of softplus(u.e_j - u.e_i): how badly the preferred items are ranked, pairwise (BPR)."""
    preferred, other = items.take(pairs.preferred), items.take(pairs.other)
    return softplus((pairs.users * (other - preferred)).sum(dim=-1)).mean()


def size_loss(items: WarmItems, pairs: Pairs) -> Tensor:
    """Mean of |u|^2 + |e_i|^2 + |e_j|^2 over pairs."""
    parts = (pairs.users, items.take(pairs.preferred), items.take(pairs.other))
    return sum((part.square().sum(dim=-1).mean() for part in parts), torch.zeros(()))


def alignment_loss(items: WarmItems) -> Tensor:
    """Sum over views of the mean |e - h_v|^2 / D, over items where the view is present."""
    distance = (items.output.embedding[:, None] - items.output.views).square().mean(dim=-1)  # (B, V)
    return _mean_where(distance, items.output.present).sum()


def expert_balance_loss(items: WarmItems) -> Tensor:
    """Sum over views of KL(uniform, mean of the router's dense weights), over items where the view is present."""
    output = items.output
    terms = [
        balance_loss(log_weights[output.present[:, v]])
        for v, log_weights in enumerate(output.router_log_weights)
        if output.present[:, v].any()
    ]
    return torch.stack(terms).sum() if terms else torch.zeros(())


def view_balance_loss(items: WarmItems) -> Tensor:
    """KL(uniform, mean of the gate), over items that have every view; 0 when none has."""
    complete = items.output.present.all(dim=-1)
    if not complete.any():
        return torch.zeros(())
    return balance_loss(items.output.log_gate[complete])


def balance_loss(log_weights: Tensor) -> Tensor:
    """
    KL from the uniform distribution to the mean weights.

    0 when every choice carries the same load; grows without bound, and keeps
    a gradient, as one of them is starved.

    Args:
        log_weights: (B, K) float, log of weights whose rows sum to 1.
    """
    batch, choices = log_weights.shape
    log_load = log_weights.logsumexp(dim=0) - math.log(batch)  # (K,)
    return -(log_load + math.log(choices)).mean()


def _mean_where(values: Tensor, mask: Tensor) -> Tensor:
    """Mean of each column over its True rows; 0 for a column without any."""
    return values.mul(mask).sum(dim=0) / mask.sum(dim=0).clamp_min(1)

"""Mamex: features of all modalities in, item embedding out."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from model.config import MamexConfig
from model.experts import Mixture, make_mixture
from model.gate import ViewGate


@dataclass(frozen=True)
class MamexOutput:
    """An embedding for each item, and how it came about."""

    embedding: Tensor
    """(B, D) float."""
    views: Tensor
    """(B, V, D) float: what each view alone says; zeros where missing."""
    log_gate: Tensor
    """(B, V) float: log weights of the views; -inf where missing."""
    expert_weights: tuple[Tensor, ...]
    """V tensors (B, K_v): weights of a view's experts, 0 outside its top k and for those that have nothing to read."""
    router_log_weights: tuple[Tensor, ...]
    """V tensors (B, K_v): the routers' log weights before the top k is taken."""
    present: Tensor
    """(B, V) bool; see `Mamex.views_heard`."""


class Mamex(nn.Module):
    """
    A mixture of experts for each view of an item, and a gate between the views.

    The features of a missing modality never enter the arithmetic: a view of several says what it can by the others.
    Where one view is present, the embedding is exactly its output, times the strength of items that lack the others.

    Source: Nguyen et al., "Multi-modal Adaptive Mixture of Experts for Cold-start Recommendation",
        CIKM 2025, arXiv 2508.08042. Ours: the mask and the presence input (the paper has no treatment
        of missing modalities), and views that read several modalities and strengths (off in the recipe `paper`).
    """

    strengths: Tensor
    """(V,): how far an item stands out that lacks a view; 1 in the recipe `paper`."""

    def __init__(self, config: MamexConfig) -> None:
        super().__init__()
        self.config = config
        self.mixtures = nn.ModuleList(make_mixture(config, view) for view in config.views)
        self.gate = ViewGate(views=len(config.views), width=config.width, hidden=config.gate_hidden, dropout=config.gate_dropout)
        self.register_buffer("strengths", torch.ones(len(config.views)))

    def forward(self, features: Sequence[Tensor], present: Tensor) -> MamexOutput:
        """
        Args:
            features: M tensors (B, d_m) float, in the config's order; rows of missing modalities are not read.
            present: (B, M) bool, at least one True an item.

        Raises:
            NothingPresent: an item has no modality, or none that any view reads.
        """
        seen = [hide_missing(x, present[:, m]) for m, x in enumerate(features)]
        has_view = self.views_heard(seen, present)  # (B, V)
        outputs, expert_weights, routers = [], [], []
        for v in range(len(self.config.views)):
            output, weights, log_weights = self.mixture(v)(seen, present)
            outputs.append(torch.where(has_view[:, v, None], output, 0.0))
            expert_weights.append(weights)
            routers.append(log_weights)
        views = torch.stack(outputs, dim=1)  # (B, V, D)
        log_gate = self.gate(views, has_view)  # (B, V)
        embedding = fuse(views, log_gate.exp(), has_view, self.strengths)  # (B, D)
        return MamexOutput(embedding, views, log_gate, tuple(expert_weights), tuple(routers), has_view)

    def views_present(self, present: Tensor) -> Tensor:
        """
        Args:
            present: (B, M) bool by modality.

        Returns:
            (B, V) bool: a view is there when any of what it reads is.
        """
        columns = [present[:, list(self.config.positions(view))].any(dim=-1) for view in self.config.views]
        return torch.stack(columns, dim=-1)

    def views_heard(self, features: Sequence[Tensor], present: Tensor) -> Tensor:
        """
        Args:
            features: M tensors (B, d_m) float.
            present: (B, M) bool.

        Returns:
            (B, V) bool: a view counts if training saw at least one of the features it reads. If no present view qualifies
            (say, an unknown brand is all the item has), all present views count.
        """
        heard = torch.stack([self.mixture(v).hears(features, present) for v in range(len(self.config.views))], dim=-1)
        return torch.where(heard.any(dim=-1, keepdim=True), heard, self.views_present(present))

    def mixture(self, view: int) -> Mixture:
        """The mixture of one view."""
        mixture = self.mixtures[view]
        assert isinstance(mixture, Mixture)
        return mixture


def fuse(views: Tensor, gate: Tensor, present: Tensor, strengths: Tensor) -> Tensor:
    """
    What the views make together.

    What is predicted of an item by little of its content is predicted less surely, and must not stand out for that among
    what is predicted by all of it: an item is drawn to the middle for each view that it lacks.

    Args:
        views: (B, V, D).
        gate: (B, V), rows summing to 1, 0 where missing.
        present: (B, V) bool.
        strengths: (V,) of an item that lacks a view; they multiply.

    Returns:
        (B, D).
    """
    strength = torch.where(present, 1.0, strengths).prod(dim=1)  # (B,)
    return (gate[:, :, None] * views).sum(dim=1) * strength[:, None]


def hide_missing(features: Tensor, present: Tensor) -> Tensor:
    """
    The features with rows of a missing modality set to zeros, whatever they hold, NaN included.

    Args:
        features: (B, d) float, dense or in COO layout.
        present: (B,) bool.
    """
    if not features.is_sparse:
        return torch.where(present[:, None], features, 0.0)
    places = features.indices()
    values = torch.where(present[places[0]], features.values(), 0.0)
    return torch.sparse_coo_tensor(places, values, features.shape, check_invariants=False, is_coalesced=True)

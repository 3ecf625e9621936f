"""How much each view of an item counts."""

import torch
from torch import Tensor, nn

from model.errors import NothingPresent


class ViewGate(nn.Module):
    """
    Weighs an item's views against each other.

    A missing view gets weight exactly 0 and the rest still sum to 1,
    so an item with only words is scored by its words alone.
    """

    def __init__(self, *, views: int, width: int, hidden: int, dropout: float) -> None:
        super().__init__()
        self.score = nn.Sequential(
            nn.Linear(views * width + views, hidden), nn.ReLU(), nn.Dropout(dropout), nn.Linear(hidden, views)
        )

    def forward(self, outputs: Tensor, present: Tensor) -> Tensor:
        """
        Args:
            outputs: (B, V, D) float, zeros where missing.
            present: (B, V) bool, at least one True an item.

        Returns:
            (B, V) float, log of weights whose rows sum to 1; -inf where missing.

        Raises:
            NothingPresent: an item has no view at all.

        Source: Mamex (arXiv 2508.08042), section on dynamic fusion; the mask, and presence among the gate's inputs,
            are ours.
        """
        if not present.any(dim=-1).all():
            raise NothingPresent
        inputs = torch.cat([outputs.flatten(start_dim=1), present.to(outputs.dtype)], dim=-1)  # (B, V*D + V)
        logits: Tensor = self.score(inputs)  # (B, V)
        return logits.masked_fill(~present, float("-inf")).log_softmax(dim=-1)

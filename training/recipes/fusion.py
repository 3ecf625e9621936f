"""The gate under training: what an item's views make together, also where some of them are missing."""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor, nn

from training.recipes.episodes import Episode
from training.recipes.heads import Heads


class Fusion(nn.Module):
    """Weights of views: constants, masked where a view is missing."""

    factors: Tensor

    def __init__(self, start: float, popularity: Sequence[float], width: int) -> None:
        """
        Args:
            start: the first weight of each view but the first.
            popularity: (V,) how much it counts in each view, beside the first: 1 there.
            width: D, of embeddings, whose last coordinate it is.
        """
        super().__init__()
        views = len(popularity)
        others = torch.full((views - 1,), start).log() - np.log(1 - start * (views - 1))
        self.logits = nn.Parameter(torch.cat([torch.zeros(1), others]))
        self.register_buffer("factors", torch.ones(views, width))
        self.set_popularity(popularity)

    def set_popularity(self, popularity: Sequence[float]) -> None:
        """Sets how much popularity counts in each of the V views."""
        self.factors[:, -1] = torch.tensor(popularity)

    def forward(self, views: Tensor, present: Tensor) -> Tensor:
        """(H, V, D) and (H, V) bool to (H, D)."""
        weights = self.logits.expand(present.shape).masked_fill(~present, float("-inf")).softmax(dim=1)
        return (weights[:, :, None] * views * self.factors).sum(dim=1)


class ViewOutputs:
    """What views, their heads learned, say of the items of episodes and of those held out for validation."""

    def __init__(self, heads: Sequence[Heads], cold: Sequence[Tensor], has_view: Tensor) -> None:
        """
        Args:
            cold: what each view's experts say of the validation items, (C, K, D).
            has_view: (C, V) bool, of the same items.
        """
        self._heads, self._cold, self._has_view = heads, cold, has_view

    def embed(self, fusion: Fusion, episode: Episode) -> tuple[Tensor, Tensor]:
        """Which of an episode's items have a view, and their embeddings."""
        rows = episode.present.any(dim=1)
        present = episode.present[rows]
        return rows, fusion(self._views([output[rows] for output in episode.outputs], present), present)

    def embed_cold(self, fusion: Fusion) -> Tensor:
        """(C, D) of the validation items, zeros for one without a view."""
        weighed = torch.where(self._has_view.any(dim=1)[:, None], self._has_view, True)
        fused: Tensor = fusion(self._views(self._cold, self._has_view), weighed)
        return fused

    @torch.no_grad()
    def _views(self, outputs: Sequence[Tensor], present: Tensor) -> Tensor:
        stacked = torch.stack([head(output) for head, output in zip(self._heads, outputs, strict=True)], dim=1)
        return stacked * present[:, :, None]

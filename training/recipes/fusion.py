"""The gate under training: what an item's views make together, also where some of them are missing."""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor, nn

from training.recipes.episodes import Episode
from training.recipes.heads import Heads


class Fusion(nn.Module):
    """
    Weights of views: constants, masked where a view is missing; and each view's strength beside the first's.

    A view's strength says how much an item that has this view alone stands out among those of which more is known: what
    it promises is less sure.
    """

    ratios: Tensor

    def __init__(self, start: float, ratios: Tensor) -> None:
        """
        Args:
            start: the first weight of each view but the first.
            ratios: (V,) how much popularity counts in each view, beside the first: 1 there.
        """
        super().__init__()
        others = torch.full((len(ratios) - 1,), start).log() - np.log(1 - start * (len(ratios) - 1))
        self.logits = nn.Parameter(torch.cat([torch.zeros(1), others]))
        self.log_strengths = nn.Parameter(torch.zeros(len(ratios) - 1))
        self.register_buffer("ratios", ratios)

    def factors(self, width: int) -> Tensor:
        """(V, D): what each view's output is multiplied by, the last coordinate being popularity."""
        strengths = torch.cat([torch.ones(1), self.log_strengths.exp()])
        taste = strengths[:, None].expand(-1, width - 1)
        return torch.cat([taste, (strengths * self.ratios)[:, None]], dim=1)

    def forward(self, views: Tensor, present: Tensor) -> Tensor:
        """(H, V, D) and (H, V) bool to (H, D)."""
        weights = self.logits.expand(present.shape).masked_fill(~present, float("-inf")).softmax(dim=1)
        return (weights[:, :, None] * views * self.factors(views.shape[2])).sum(dim=1)


def lose_some(present: Tensor, random: np.random.Generator) -> Tensor:
    """
    (H, V) bool to (H, V): half of the items that have every view keep one of those after the first, drawn at random.
    """
    complete = present.all(dim=1) & torch.from_numpy(random.random(len(present)) < 0.5)
    if present.shape[1] < 2:
        return present
    kept = torch.from_numpy(random.integers(1, present.shape[1], len(present)))
    return torch.where(complete[:, None], nn.functional.one_hot(kept, present.shape[1]).bool(), present)


class ViewOutputs:
    """What views, their heads learned, say of the items of episodes and of those held out for validation."""

    def __init__(self, heads: Sequence[Heads], cold: Sequence[Tensor], has_view: Tensor, random: np.random.Generator) -> None:
        """
        Args:
            cold: what each view's experts say of the validation items, (C, K, D).
            has_view: (C, V) bool, of the same items.
        """
        self._heads, self._cold, self._random = heads, cold, random
        self._cold_present = [has_view, lose_some(has_view, random)]

    def lose(self, present: Tensor) -> Tensor:
        """(H, V) bool to (H, V): another draw of what half of the items lose."""
        return lose_some(present, self._random)

    def embed(self, fusion: Fusion, episode: Episode, present: Tensor) -> tuple[Tensor, Tensor]:
        """An episode's items that have something in (H, V), and their embeddings."""
        rows = present.any(dim=1)
        return rows, fusion(self._views([output[rows] for output in episode.outputs], present[rows]), present[rows])

    def embed_cold(self, fusion: Fusion) -> list[Tensor]:
        """(C, D) of the validation items, as they are and as they would be if half of them lacked something."""
        return [self._fused(fusion, present) for present in self._cold_present]

    def _fused(self, fusion: Fusion, present: Tensor) -> Tensor:
        weighed = torch.where(present.any(dim=1)[:, None], present, True)
        fused: Tensor = fusion(self._views(self._cold, present), weighed)
        return fused

    @torch.no_grad()
    def _views(self, outputs: Sequence[Tensor], present: Tensor) -> Tensor:
        stacked = torch.stack([head(output) for head, output in zip(self._heads, outputs, strict=True)], dim=1)
        return stacked * present[:, :, None]

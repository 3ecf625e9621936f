"""The gate under training: what an item's views make together, also where some of them are missing."""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor, nn

from model.mamex import fuse
from training.recipes.episodes import Episode
from training.recipes.heads import Heads

_LEAST_STRENGTH = 0.1


class Fusion(nn.Module):
    """Weights of views: constants, masked where a view is missing."""

    factors: Tensor
    alone: Tensor

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
        self.register_buffer("alone", torch.ones(views))
        self.set_popularity(popularity)

    def set_popularity(self, popularity: Sequence[float]) -> None:
        """Sets how much popularity counts in each of the V views."""
        self.factors[:, -1] = torch.tensor(popularity)

    def forward(self, views: Tensor, present: Tensor) -> Tensor:
        """(H, V, D) and (H, V) bool to (H, D)."""
        weights = self.logits.expand(present.shape).masked_fill(~present, float("-inf")).softmax(dim=1)
        return fuse(views * self.factors, weights, present, self.alone)


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

    def complete(self, fusion: Fusion, episode: Episode) -> tuple[Tensor, Tensor]:
        """Of an episode's items that have all views: what each view says of them (H', V, D), and all together (H', D)."""
        rows = episode.present.all(dim=1)
        views = self._views([output[rows] for output in episode.outputs], episode.present[rows])
        return views * fusion.factors, fusion(views, episode.present[rows])

    def embed_cold(self, fusion: Fusion) -> Tensor:
        """(C, D) of the validation items, zeros for one without a view."""
        weighed = torch.where(self._has_view.any(dim=1)[:, None], self._has_view, True)
        fused: Tensor = fusion(self._views(self._cold, self._has_view), weighed)
        return fused

    @torch.no_grad()
    def _views(self, outputs: Sequence[Tensor], present: Tensor) -> Tensor:
        stacked = torch.stack([head(output) for head, output in zip(self._heads, outputs, strict=True)], dim=1)
        return stacked * present[:, :, None]


def measure_strengths(views: Tensor, together: Tensor, users: Tensor) -> Tensor:
    """
    What each view must be multiplied by to come nearest to what all of them say together, in users' scores of items.

    That is how far an item that has this view alone may stand out: the mean of views that know different things is
    nearer to the middle than each of them.

    Args:
        views: (H, V, D) of items that have them all.
        together: (H, D).
        users: (U, D).

    Returns:
        (V,), never less than a tenth; 1 where there are too few items to tell.
    """
    if len(views) < 2:
        return torch.ones(views.shape[1])
    heard = users.T @ users  # (D, D)
    views, together = views - views.mean(dim=0), together - together.mean(dim=0)
    alike = torch.einsum("hvd,de,he->v", views, heard, together)
    own = torch.einsum("hvd,de,hve->v", views, heard, views)
    return (alike / own.clamp_min(1e-12)).clamp_min(_LEAST_STRENGTH)

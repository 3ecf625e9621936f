"""The gate under training: what an item's views make together, also where some of them are missing."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import torch
from scipy.optimize import nnls
from torch import Tensor, nn

from model.mamex import fuse
from training.recipes.episodes import Episode
from training.recipes.heads import Heads

_LEAST_STRENGTH = 0.1
_LEAST_WEIGHT = 1e-3
_SHARED = 1e-6
"""Ridge of the least squares beside its largest diagonal entry, so that views which say the same share their weight."""


@dataclass(frozen=True, slots=True)
class Lacking:
    """How items that lack views are weighed; what several lack adds up."""

    shifts: Tensor
    """(V, V): what an item that lacks the row's view has added to its gate's logits."""
    strengths: Tensor
    """(V,): what its embedding is multiplied by."""


class Fusion(nn.Module):
    """Weights of views: constants for each of the sets of views that items may have."""

    factors: Tensor
    _shifts: Tensor
    _strengths: Tensor

    def __init__(self, start: float, popularity: Sequence[float], width: int) -> None:
        """
        Args:
            start: the first weight of each view but the first, beside the first one's.
            popularity: (V,) how much it counts in each view, beside the first: 1 there.
            width: D, of embeddings, whose last coordinate it is.
        """
        super().__init__()
        views = len(popularity)
        others = torch.full((views - 1,), start).log()
        self.logits = nn.Parameter(torch.cat([torch.zeros(1), others]))
        self.register_buffer("factors", torch.ones(views, width))
        self.register_buffer("_shifts", torch.zeros(views, views))
        self.register_buffer("_strengths", torch.ones(views))
        self.set_popularity(popularity)

    @property
    def lacking(self) -> Lacking:
        """How items that lack views are weighed."""
        return Lacking(self._shifts, self._strengths)

    def set_lacking(self, lacking: Lacking) -> None:
        """Sets it."""
        self._shifts.copy_(lacking.shifts)
        self._strengths.copy_(lacking.strengths)

    def set_popularity(self, popularity: Sequence[float]) -> None:
        """Sets how much popularity counts in each of the V views."""
        self.factors[:, -1] = torch.tensor(popularity)

    def forward(self, views: Tensor, present: Tensor) -> Tensor:
        """(H, V, D) and (H, V) bool to (H, D)."""
        logits = self.logits + (~present).float() @ self._shifts
        weights = logits.masked_fill(~present, float("-inf")).softmax(dim=1)
        return fuse(views * self.factors, weights, present, self._strengths)


class ViewOutputs:
    """What views, their heads learned, say of the items of episodes and of those held out for validation."""

    def __init__(self, heads: Sequence[Heads], reads: Sequence[Sequence[int]], cold: Sequence[Tensor], has_view: Tensor) -> None:
        """
        Args:
            reads: for each view, the modality that each of its experts reads.
            cold: what each view's experts say of the validation items, (C, K, D).
            has_view: (C, V) bool, of the same items.
        """
        self._heads, self._reads, self._cold, self._has_view = heads, reads, cold, has_view

    def embed(self, fusion: Fusion, episode: Episode) -> tuple[Tensor, Tensor]:
        """Which of an episode's items have a view, and their embeddings."""
        rows = episode.present.any(dim=1)
        present = episode.present[rows]
        return rows, fusion(self._views([output[rows] for output in episode.outputs], present), present)

    def complete(self, fusion: Fusion, episode: Episode) -> Tensor:
        """(H', D): what all views make of an episode's items that have them all."""
        rows = episode.present.all(dim=1)
        fused: Tensor = fusion(
            self._views([output[rows] for output in episode.outputs], episode.present[rows]), episode.present[rows]
        )
        return fused

    def without(self, fusion: Fusion, episode: Episode, view: int) -> Tensor:
        """(H', V, D): what each view would say of the same items if they lacked what this view reads."""
        rows = episode.present.all(dim=1)
        lost = set(self._reads[view])
        kept = [torch.tensor([modality not in lost for modality in reads]) for reads in self._reads]
        outputs = [output[rows] * there[None, :, None] for output, there in zip(episode.outputs, kept, strict=True)]
        return self._views(outputs, episode.present[rows]) * fusion.factors

    def embed_cold(self, fusion: Fusion) -> Tensor:
        """(C, D) of the validation items, zeros for one without a view."""
        weighed = torch.where(self._has_view.any(dim=1)[:, None], self._has_view, True)
        fused: Tensor = fusion(self._views(self._cold, self._has_view), weighed)
        return fused

    @torch.no_grad()
    def _views(self, outputs: Sequence[Tensor], present: Tensor) -> Tensor:
        stacked = torch.stack([head(output) for head, output in zip(self._heads, outputs, strict=True)], dim=1)
        return stacked * present[:, :, None]


def measure_weights(batches: Iterable[tuple[Tensor, Tensor]], users: Tensor) -> Tensor:
    """
    Non-negative least squares: w >= 0 minimising the sum over items i of `|U (sum_v w_v x_iv - y_i)|^2`, the error in
    users' scores.

    Args:
        batches: of items: x (H, V, D), each view's embeddings, zeros where it has none, and y (H, D), what is to be
            approximated; both are centred within the batch.
        users: (U, D), the matrix U.

    Returns:
        (V,), none negative; zeros where no view says anything, or none of it is a number.
    """
    heard = (users.T @ users).double()  # (D, D)
    own, alike = torch.zeros(1, dtype=torch.float64), torch.zeros(1, dtype=torch.float64)
    for views, together in batches:
        centred, aim = (views - views.mean(dim=0)).double(), (together - together.mean(dim=0)).double()
        own = own + torch.einsum("hvd,de,hwe->vw", centred, heard, centred)
        alike = alike + torch.einsum("hvd,de,he->v", centred, heard, aim)
    if not (own.isfinite().all() and alike.isfinite().all()):
        return torch.zeros(len(alike))
    own.diagonal().add_(_SHARED * own.diagonal().max() + 1e-12)
    root = torch.linalg.cholesky(own)
    right = torch.linalg.solve_triangular(root, alike[:, None], upper=False)[:, 0]
    return torch.from_numpy(nnls(root.T.numpy(), right.numpy())[0]).float()


def weigh_lacking(logits: Tensor, found: Sequence[Tensor]) -> Lacking:
    """
    Gates and strengths that multiply views as it was measured.

    Args:
        logits: (V,) of items that have every view.
        found: for each view but the first, (V,) what the others are best multiplied by where it is missing; zeros
            where that is not known, and nothing is changed.
    """
    lacking = Lacking(torch.zeros(len(logits), len(logits)), torch.ones(len(logits)))
    for view, weights in enumerate(found, start=1):
        total = weights.sum()
        if total > 0:
            lacking.shifts[view] = (weights / total).clamp_min(_LEAST_WEIGHT).log() - logits
            lacking.strengths[view] = total.clamp_min(_LEAST_STRENGTH)
    return lacking

"""A linear correction for each expert, learned on episodes and then written into the expert's weights."""

from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from model.content import FloatArray


class Heads(nn.Module):
    """
    One view's mixture under training: `h = sum_v w_v K (I + M_v) h_v`, with w the softmax of the router's bias.

    M starts at 0 and w even, so that it starts as the ridge regression itself. Coordinates are in units of the
    targets' deviations, that a step means the same in each of them. M moves the first C of the F factors, and
    popularity, alone: the factors beyond are many and weak, and learning them too told nothing more of items that no
    training saw.
    """

    def __init__(self, experts: int, deviations: FloatArray) -> None:
        """
        Args:
            deviations: (C + 1,) of the targets that are corrected: the first ones, and the last.
        """
        super().__init__()
        self.kept = 1.0
        """The share of what was learned that counts. See `ThawNumbers.head_share`."""
        self._places = [*range(len(deviations) - 1), -1]
        self.corrections = nn.Parameter(torch.zeros(experts, len(deviations), len(deviations)))
        self.logits = nn.Parameter(torch.zeros(experts))
        self._scale = torch.from_numpy(np.maximum(deviations, np.float32(1e-9)))

    def forward(self, outputs: Tensor) -> Tensor:
        """Experts' outputs (H, K, F + 1) to the view's (H, F + 1)."""
        weights = len(self.logits) * self.routing()
        weighed = outputs * weights[None, :, None]
        correction = torch.einsum("hkf,kfg->hg", weighed[..., self._places] / self._scale, self.corrections)
        together = weighed.sum(dim=1)
        return together.index_add(1, torch.tensor(self._places) % together.shape[1], self.kept * correction * self._scale)

    def routing(self) -> Tensor:
        """(K,) what the router's logits come to."""
        return (self.kept * self.logits).softmax(dim=0)

    @contextmanager
    def keeping(self, share: float) -> Iterator[None]:
        """As if only a share of what was learned counted."""
        before, self.kept = self.kept, share
        try:
            yield
        finally:
            self.kept = before

    def apply_to(self, expert: int, coefficients: NDArray[np.float64]) -> NDArray[np.float64]:
        """
        An expert's coefficients (L, F + 1) with its correction in them, for a router whose weights sum to 1.
        """
        scale = self._scale.numpy().astype(np.float64)
        correction = self.corrections[expert].detach().numpy().astype(np.float64)
        corrected = coefficients.copy()
        corrected[:, self._places] += self.kept * ((coefficients[:, self._places] / scale) @ correction * scale)
        return len(self.logits) * corrected

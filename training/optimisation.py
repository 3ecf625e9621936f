"""Steps of an optimiser, and the weights of the epoch that was best."""

import copy
from typing import Any

import torch
from torch import Tensor, nn


def descend(loss: Tensor, optimiser: torch.optim.Optimizer) -> None:
    """One step down a loss; the gradients of earlier steps are forgotten."""
    optimiser.zero_grad()
    loss.backward()  # type: ignore[no-untyped-call]
    optimiser.step()


class BestWeights:
    """Keeps a module's weights of the epoch of the highest quality so far, the first of equal ones."""

    def __init__(self) -> None:
        self.quality, self.epoch = float("-inf"), 0
        """Of the best epoch; epochs count from 1."""
        self._epochs = 0
        self._weights: dict[str, Any] = {}

    @property
    def epochs_since(self) -> int:
        """How many epochs after the best one brought nothing better."""
        return self._epochs - self.epoch

    def note(self, quality: float, module: nn.Module) -> None:
        """Takes note of one more epoch."""
        self._epochs += 1
        if quality > self.quality or not self._weights:
            self.quality, self.epoch = quality, self._epochs
            self._weights = copy.deepcopy(module.state_dict())

    def restore(self, module: nn.Module) -> None:
        """Brings the best epoch's weights back."""
        module.load_state_dict(self._weights)

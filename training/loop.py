"""Stop a training run when cold items are ranked no better, and go back to where they were ranked best."""

import copy
from typing import Any

from torch import nn


class EarlyStopping:
    """Keeps the weights of the best epoch so far."""

    def __init__(self, patience: int) -> None:
        self.best, self.best_at = float("-inf"), 0
        self._patience, self._epochs = patience, 0
        self._weights: dict[str, Any] = {}

    def note(self, quality: float, module: nn.Module) -> bool:
        """Takes note of an epoch; True when `patience` epochs have brought nothing."""
        self._epochs += 1
        if quality > self.best or not self._weights:
            self.best, self.best_at = quality, self._epochs
            self._weights = copy.deepcopy(module.state_dict())
        return self._epochs - self.best_at >= self._patience

    def restore(self, module: nn.Module) -> None:
        """Brings the best epoch's weights back."""
        module.load_state_dict(self._weights)

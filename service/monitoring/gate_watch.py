"""How the last items were fused: the alarm for a modality that nobody listens to any more."""

import threading
from collections import deque
from collections.abc import Mapping
from typing import Any, TypeAlias

Weights: TypeAlias = Mapping[tuple[str, ...], float]


class GateWatch:
    """
    Mean gate weights and experts' loads over the last items that had every modality.

    Items with one missing are passed over: their weights say what the catalogue lacks, not what the gate does.
    """

    def __init__(self, window: int = 500) -> None:
        self._last: deque[Mapping[str, Any]] = deque(maxlen=window)
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return len(self._last)

    def clear(self) -> None:
        """Forgets all: another checkpoint's weights are no sign of what this one does."""
        with self._lock:
            self._last.clear()

    def note(self, fusion: Mapping[str, Any]) -> None:
        """
        Args:
            fusion: as `describe_fusion` tells it.
        """
        if all(fusion["modalities"].values()):
            with self._lock:
                self._last.append(fusion)

    def gate(self) -> Weights:
        """By (view,): the mean weight, in [0, 1]; they sum to 1. Nothing while nothing was seen."""
        return _mean([{(view,): weight for view, weight in fusion["gate"].items()} for fusion in self._seen()])

    def expert_weights(self) -> Weights:
        """By (view, expert): the mean weight among the view's experts, in [0, 1]."""
        return _mean([_by_expert(fusion) for fusion in self._seen()])

    def expert_loads(self) -> Weights:
        """By (view, expert): the share of items in which the expert spoke at all, in [0, 1]."""
        spoke = [{key: float(weight > 0) for key, weight in _by_expert(fusion).items()} for fusion in self._seen()]
        return _mean(spoke)

    def _seen(self) -> list[Mapping[str, Any]]:
        with self._lock:
            return list(self._last)


def _by_expert(fusion: Mapping[str, Any]) -> dict[tuple[str, ...], float]:
    return {(view, expert): weight for view, experts in fusion["experts"].items() for expert, weight in experts.items()}


def _mean(rows: list[dict[tuple[str, ...], float]]) -> dict[tuple[str, ...], float]:
    """Means over all rows; a key that a row lacks is 0 there."""
    keys = {key for row in rows for key in row}
    return {key: sum(row.get(key, 0.0) for row in rows) / len(rows) for key in sorted(keys)}

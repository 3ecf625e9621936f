"""How a mixture is used: the first sign of a collapse is a gate or a load that leaves someone out."""

from typing import Any

import numpy as np
import torch

from model.features import Features
from model.mamex import Mamex, MamexOutput

_CHUNK = 512


@torch.inference_mode()
def mixture_health(mamex: Mamex, features: Features) -> dict[str, Any]:
    """
    Mean gate over items that have every view, each view's hard load, and entropies as a share of their maximum.

    The balance loss sees only mean soft weights; an item's own entropy and the hard load show what it cannot.
    """
    outputs = [_forward(mamex, features.take(slice(at, at + _CHUNK))) for at in range(0, len(features), _CHUNK)]
    present = np.concatenate([output.present.cpu().numpy() for output in outputs])
    gate = np.concatenate([output.log_gate.exp().cpu().numpy() for output in outputs])
    complete = present.all(axis=1)
    names = [view.name for view in mamex.config.views]
    health: dict[str, Any] = {
        "gate": dict(zip(names, gate[complete].mean(axis=0).round(4).tolist(), strict=True)) if complete.any() else {},
        "gate_entropy": _entropy(gate[complete]),
    }
    for v, name in enumerate(names):
        weights = np.concatenate([output.experts[v].cpu().numpy() for output in outputs])[present[:, v]]
        if len(weights):
            health[name] = {"load": (weights > 0).mean(axis=0).round(4).tolist(), "entropy": _entropy(weights)}
    return health


def _forward(mamex: Mamex, features: Features) -> MamexOutput:
    output: MamexOutput = mamex(*features.tensors(next(mamex.parameters()).device))
    return output


def _entropy(weights: np.ndarray[Any, Any]) -> float | None:
    """Mean entropy of rows over that of the uniform distribution; None without rows or with one choice."""
    if not len(weights) or weights.shape[1] < 2:
        return None
    rows = -(weights * np.log(np.maximum(weights, 1e-30))).sum(axis=1)
    return round(float(rows.mean() / np.log(weights.shape[1])), 4)

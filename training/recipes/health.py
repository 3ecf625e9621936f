"""How a mixture is used: the first sign of a collapse is a gate or a load that leaves someone out."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch

from model.config import MamexConfig, ViewConfig
from model.features import Features
from model.mamex import Mamex, MamexOutput
from training.recipes.embed import readable_rows

_CHUNK = 512
LEAST_ENTROPY = 0.2
"""Of a gate or of a router, as a share of its maximum: below it, one choice speaks for nearly every item."""
LEAST_LOAD = 0.01
"""Of an expert, over the even load: below it, the expert is hardly ever asked."""


@torch.inference_mode()
def mixture_health(mamex: Mamex, features: Features) -> dict[str, Any]:
    """
    Mean gate over items that have every view, each view's hard load over items that have all that it reads, and entropies
    as a share of their maximum.

    Items that have no view are passed over.

    The balance loss sees only mean soft weights; an item's own entropy and the hard load show what it cannot.
    """
    features = features.take(readable_rows(mamex, features))
    outputs = [_forward(mamex, features.take(slice(at, at + _CHUNK))) for at in range(0, len(features), _CHUNK)]
    present = np.concatenate([output.present.cpu().numpy() for output in outputs])
    gate = np.concatenate([output.log_gate.exp().cpu().numpy() for output in outputs])
    complete = present.all(axis=1)
    names = [view.name for view in mamex.config.views]
    whole = [features.present[:, list(mamex.config.positions(view))].all(axis=1) for view in mamex.config.views]
    health: dict[str, Any] = {
        "gate": dict(zip(names, gate[complete].mean(axis=0).round(4).tolist(), strict=True)) if complete.any() else {},
        "gate_entropy": _entropy(gate[complete]),
    }
    for v, name in enumerate(names):
        weights = np.concatenate([output.expert_weights[v].cpu().numpy() for output in outputs])[whole[v]]
        if len(weights):
            health[name] = {"load": (weights > 0).mean(axis=0).round(4).tolist(), "entropy": _entropy(weights)}
    return health


def warn_of_collapse(config: MamexConfig, health: Mapping[str, Any]) -> list[str]:
    """
    A sentence for each sign that a part of the mixture is never listened to; none where all is well.

    A gate that gives nearly everything to one view is no such sign where that view reads every modality, as the view
    of everything does: which modality counts in it is its router's to say. Nor is the router's where it may choose
    but one expert an item.

    Args:
        health: as `mixture_health` gives it.
    """
    warnings = _gate_warnings(config, health)
    for view in config.views:
        if view.name in health:
            warnings += _expert_warnings(view, health[view.name])
    return warnings


def _gate_warnings(config: MamexConfig, health: Mapping[str, Any]) -> list[str]:
    entropy, gate = health["gate_entropy"], health["gate"]
    if entropy is None or entropy >= LEAST_ENTROPY:
        return []
    first = max(config.views, key=lambda view: gate[view.name])
    if set(first.reads) == set(config.modality_names):
        return []
    others = ", ".join(f"{name} {weight:.2%}" for name, weight in gate.items() if name != first.name)
    return [f"the gate listens to the view {first.name} alone: entropy {entropy:.3f} of 1, and the others have {others}"]


def _expert_warnings(view: ViewConfig, used: Mapping[str, Any]) -> list[str]:
    even = view.top_k / len(view.experts)
    warnings = [
        f"the expert {name} of the view {view.name} is hardly ever asked: {load:.2%} of items, where even is {even:.0%}"
        for name, load in zip(view.expert_names, used["load"], strict=True)
        if load < LEAST_LOAD * even
    ]
    if view.top_k > 1 and used["entropy"] is not None and used["entropy"] < LEAST_ENTROPY:
        warnings.append(f"the view {view.name} listens to one expert alone: entropy {used['entropy']:.3f} of 1")
    return warnings


def _forward(mamex: Mamex, features: Features) -> MamexOutput:
    output: MamexOutput = mamex(*features.tensors(next(mamex.parameters()).device))
    return output


def _entropy(weights: np.ndarray[Any, Any]) -> float | None:
    """Mean entropy of rows over that of the uniform distribution; None without rows or with one choice."""
    if not len(weights) or weights.shape[1] < 2:
        return None
    rows = -(weights * np.log(np.maximum(weights, 1e-30))).sum(axis=1)
    return round(float(rows.mean() / np.log(weights.shape[1])), 4)

"""Routers and gate, learned on what experts said of items that they had not seen."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from model.content import FloatArray
from model.losses import refuse_cold
from model.mamex import Mamex
from training.recipes.trained import Job


@dataclass(frozen=True, slots=True)
class ViewOutputs:
    """What one view's experts say of warm items, each fitted without the item."""

    rows: NDArray[np.intp]
    """(N,) of the warm items that have the view."""
    outputs: FloatArray
    """(N, K, D)."""


def fit_gate(
    mamex: Mamex, job: Job, views: Sequence[ViewOutputs], items: FloatArray, worth: FloatArray, *, epochs: int, rate: float
) -> None:
    """
    Minimises the squared error of the fused out-of-fold outputs against the items' learned embeddings.

    The experts stay as they are. Users' coordinates being uncorrelated, this is the squared error of all scores at once.

    Args:
        items: (I, D) learned embeddings of the warm items.
        worth: (D,) root mean square of users' coordinates.
    """
    refuse_cold(torch.from_numpy(job.warm.is_cold))
    present = mamex.views_present(torch.from_numpy(job.warm.features.present))  # (I, V)
    rows = torch.nonzero(present.any(dim=1)).flatten()
    stacked = [_spread(view, len(items)) for view in views]  # V of (I, K, D)
    seen = [_router_inputs(mamex, job, v) for v in range(len(views))]
    goal, scale = torch.from_numpy(items), torch.from_numpy(worth)
    variance = ((goal - goal.mean(dim=0)) * scale).square().mean().clamp_min(1e-12)
    parameters = [*mamex.gate.parameters(), *(p for v in range(len(views)) for p in mamex.mixture(v).router.parameters())]
    _start_even(mamex)
    optimiser = torch.optim.AdamW(parameters, lr=rate, weight_decay=1e-2)
    mamex.gate.train()
    with job.reporter.step("fitting the gate", epochs) as advance:
        for _ in range(epochs):
            fused = _fuse(mamex, stacked, seen, present)
            loss = ((fused[rows] - goal[rows]) * scale).square().mean() / variance
            optimiser.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            optimiser.step()
            advance(1, f"error {loss.item():.4f}")
    mamex.eval()


def _fuse(mamex: Mamex, views: Sequence[Tensor], seen: Sequence[Tensor], present: Tensor) -> Tensor:
    """(I, D): the network's own arithmetic on given experts' outputs."""
    mixed = [
        (mamex.mixture(v).router(seen[v]).softmax(dim=-1)[:, :, None] * outputs).sum(dim=1) for v, outputs in enumerate(views)
    ]
    outputs = torch.stack(mixed, dim=1) * present[:, :, None]  # (I, V, D)
    some = present.any(dim=1)
    gate = torch.zeros_like(present, dtype=outputs.dtype)
    gate[some] = mamex.gate(outputs[some], present[some]).exp()
    return (gate[:, :, None] * outputs).sum(dim=1)


def _spread(view: ViewOutputs, count: int) -> Tensor:
    whole = np.zeros((count, *view.outputs.shape[1:]), np.float32)
    whole[view.rows] = view.outputs
    return torch.from_numpy(whole)


@torch.no_grad()
def _router_inputs(mamex: Mamex, job: Job, view: int) -> Tensor:
    features, _ = job.warm.features.tensors()
    return mamex.mixture(view).route(features)


def _start_even(mamex: Mamex) -> None:
    """Routers start without a preference: weights of a random start would have to be unlearned first."""
    for v in range(len(mamex.config.views)):
        router = mamex.mixture(v).router
        nn.init.zeros_(router.weight)
        nn.init.zeros_(router.bias)

"""One network of as many weights as the mixture, from all content at once to collaborative factors."""

import numpy as np
import torch
from torch import Tensor, nn

from model.content import FloatArray
from model.features import Features
from training.baselines.content import Content
from training.baselines.factors import DAMPINGS, Factors, fit_als, of_teacher
from training.baselines.method import Tried
from training.optimisation import BestWeights, descend
from training.ranking import by_factors
from training.recipes.thaw_numbers import ThawNumbers
from training.recipes.trained import Job

SETTINGS = tuple((teacher, dropout, decay) for teacher in ("damped", "als") for dropout in (0.2, 0.5) for decay in (1e-3, 1e-1))
_EPOCHS = 60
_BATCH = 256


def fit_mlp(job: Job) -> Tried:
    """Every setting trained with AdamW on squared errors, and left where the validation items were ranked best."""
    content = Content(job, [1.0 if name != "image" else 0.5 for name in job.specs])
    teachers = {name: _factors(job, name) for name in dict.fromkeys(name for name, _, _ in SETTINGS)}
    for teacher, dropout, decay in SETTINGS:
        factors = teachers[teacher]
        items = _train(job, content, factors, dropout, decay)
        yield f"{teacher}, dropout {dropout}, decay {decay}", by_factors(factors.users, items)


def count_weights(job: Job) -> int:
    """
    What the experts of `thaw` weigh over the same encodings: landmarks x width for each lens of each view.

    Where items have words and pictures, a view reads both and two read one kind each.
    """
    numbers = ThawNumbers()
    lenses = len(job.specs) * (2 if len({spec.kind for spec in job.specs.values()}) > 1 else 1)
    return lenses * min(numbers.landmarks, len(job.warm.item_ids)) * numbers.width


def _factors(job: Job, name: str) -> Factors:
    if name == "als":
        return fit_als(job.warm.likes, 5.0, 30.0)
    return of_teacher(job.warm.likes, *DAMPINGS[0])


class _Regression:
    """From content to factors, each brought to deviation 1 for the loss."""

    def __init__(self, content: Content, network: nn.Module, size: float) -> None:
        self._content, self._network, self._size = content, network, size

    @torch.no_grad()
    def __call__(self, features: Features) -> FloatArray:
        self._network.eval()
        found: FloatArray = self._network(torch.from_numpy(self._content.of(features))).numpy() * self._size
        return found


def _train(job: Job, content: Content, factors: Factors, dropout: float, decay: float) -> _Regression:
    torch.manual_seed(job.seed)
    inputs = torch.from_numpy(content.of(job.warm.features))
    size = float(factors.items.std())
    targets = torch.from_numpy(np.asarray(factors.items / size, np.float32))
    hidden = max(8, count_weights(job) // (inputs.shape[1] + targets.shape[1]))
    network = nn.Sequential(
        nn.Linear(inputs.shape[1], hidden), nn.ReLU(), nn.Dropout(dropout), nn.Linear(hidden, targets.shape[1])
    )
    regression = _Regression(content, network, size)
    optimiser = torch.optim.AdamW(network.parameters(), lr=1e-3, weight_decay=decay)
    best = BestWeights()
    for epoch in range(_EPOCHS):
        _epoch(network, optimiser, inputs, targets)
        if epoch % 5 == 4:
            best.note(job.ndcg(factors.users, regression(job.cold.features)), network)
    best.restore(network)
    return regression


def _epoch(network: nn.Module, optimiser: torch.optim.Optimizer, inputs: Tensor, targets: Tensor) -> None:
    network.train()
    for rows in torch.split(torch.randperm(len(inputs)), _BATCH):
        loss = nn.functional.mse_loss(network(inputs[rows]), targets[rows])
        descend(loss, optimiser)

"""One network of as many weights as the mixture, from all content at once to collaborative factors."""

import numpy as np
import torch
from torch import Tensor, nn

from model.content import FloatArray
from model.features import Features
from training.baselines.content import Content, read_content
from training.baselines.factors import RESTORED, Factors, fit_als, of_teacher
from training.baselines.method import Axis, Setting, Space
from training.optimisation import BestWeights, descend
from training.ranking import Ranker, by_factors
from training.recipes.thaw_numbers import ThawNumbers
from training.recipes.trained import Job

AXES = {
    "teacher": Axis(("damped SVD", "iALS"), "damped SVD"),
    "dropout": Axis((0.2, 0.5), 0.2),
    "decay": Axis((1e-3, 1e-1), 1e-3),
}
"""Fewer settings than others have: each is a training of its own."""
_IMAGE = 0.5
_RATE = 1e-3
_EPOCHS = 60
_EVERY = 5
"""Epochs between two looks at the validation items."""
_BATCH = 256


def prepare_mlp(job: Job) -> Space:
    """Trained with AdamW on squared errors, and left where the validation items were ranked best."""
    teachers = {"damped SVD": of_teacher(job.warm.likes, 0.15, RESTORED[0.15]), "iALS": fit_als(job.warm.likes, 5.0, 30.0)}
    content = read_content(job, {"image": _IMAGE})

    def fit(setting: Setting) -> Ranker:
        factors = teachers[setting["teacher"]]
        return by_factors(factors.users, _train(job, content, factors, setting))

    return Space(fit, AXES)


def count_weights(job: Job) -> int:
    """
    What the experts of `thaw` weigh over the same encodings: landmarks x width for each lens of each view.

    Where items have words and pictures, a view reads both and two read one kind each.
    """
    numbers = ThawNumbers()
    lenses = len(job.specs) * (2 if len({spec.kind for spec in job.specs.values()}) > 1 else 1)
    return lenses * min(numbers.landmarks, len(job.warm.item_ids)) * numbers.width


class _Regression:
    """From content to factors, each brought to deviation 1 for the loss."""

    def __init__(self, content: Content, network: nn.Module, size: float) -> None:
        self._content, self._network, self._size = content, network, size

    @torch.no_grad()
    def __call__(self, features: Features) -> FloatArray:
        self._network.eval()
        found: FloatArray = self._network(torch.from_numpy(self._content.of(features))).numpy() * self._size
        return found


def _train(job: Job, content: Content, factors: Factors, setting: Setting) -> _Regression:
    torch.manual_seed(job.seed)
    inputs = torch.from_numpy(content.of(job.warm.features))
    size = float(factors.items.std())
    targets = torch.from_numpy(np.asarray(factors.items / size, np.float32))
    hidden = max(8, count_weights(job) // (inputs.shape[1] + targets.shape[1]))
    dropout = nn.Dropout(setting["dropout"])
    network = nn.Sequential(nn.Linear(inputs.shape[1], hidden), nn.ReLU(), dropout, nn.Linear(hidden, targets.shape[1]))
    regression = _Regression(content, network, size)
    optimiser = torch.optim.AdamW(network.parameters(), lr=_RATE, weight_decay=setting["decay"])
    best = BestWeights()
    for _ in range(_EPOCHS // _EVERY):
        for _ in range(_EVERY):
            _epoch(network, optimiser, inputs, targets)
        best.note(job.ndcg(factors.users, regression(job.cold.features)), network)
    best.restore(network)
    return regression


def _epoch(network: nn.Module, optimiser: torch.optim.Optimizer, inputs: Tensor, targets: Tensor) -> None:
    network.train()
    for rows in torch.split(torch.randperm(len(inputs)), _BATCH):
        loss = nn.functional.mse_loss(network(inputs[rows]), targets[rows])
        descend(loss, optimiser)

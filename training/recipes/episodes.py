"""
Episodes that hold warm items out as if they were cold: what routers, heads and gate learn from.

In an episode nobody has seen the held-out items: users are rebuilt without their likes of them, and what experts say of
each was learned from all items but this one, as a new item will be predicted by all that were there before it. (Experts fitted
without a whole episode know less than they will when it counts, and heads learned from those came out worse.)
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp
import torch
from numpy.typing import NDArray
from torch import Tensor

from model.content import BoolArray
from model.losses import refuse_cold
from training.optimisation import descend
from training.recipes.calibration import CalibratedFit
from training.recipes.teacher import Teacher
from training.recipes.view_kernels import ViewItems, make_folds

_DAMPING = 0.7
"""The power of a user's number of likes that the listwise loss divides by."""


@dataclass(frozen=True, slots=True)
class FittedView:
    """A view's kernel machines, and the warm items that they know."""

    fit: CalibratedFit
    items: ViewItems


@dataclass(frozen=True, slots=True)
class LeaveOneOutPredictions:
    """What each view's experts say of every warm item, had they learned from all the others."""

    outputs: tuple[Tensor, ...]
    """V tensors (I, K_v, D), zeros where the view is missing."""
    present: Tensor
    """(I, V) bool."""
    is_cold: Tensor
    """(I,) bool, all False."""


@dataclass(frozen=True, slots=True)
class Episode:
    """
    Some warm items held out, and what each view's experts say of them that did not learn from the item in question.

    Raises:
        ColdItemInTraining: when made with a cold item among them; so the listwise loss never sees one.
    """

    items: NDArray[np.intp]
    """(H,) rows of the warm items."""
    left_out: LeaveOneOutPredictions

    def __post_init__(self) -> None:
        refuse_cold(self.left_out.is_cold[self.items])

    @property
    def outputs(self) -> tuple[Tensor, ...]:
        """V tensors (H, K_v, D), zeros where the view is missing."""
        return tuple(output[self.items] for output in self.left_out.outputs)

    @property
    def present(self) -> Tensor:
        """(H, V) bool."""
        return self.left_out.present[self.items]


def leave_out(views: Sequence[FittedView], is_cold: BoolArray) -> LeaveOneOutPredictions:
    """
    Every warm item as the others predict it.

    Args:
        is_cold: (I,) all False.
    """
    outputs, present = [], np.zeros((len(is_cold), len(views)), np.bool_)
    for at, view in enumerate(views):
        known = view.fit.left_out
        output = np.zeros((len(is_cold), *known.shape[1:]), np.float32)
        output[view.items.rows] = known
        outputs.append(torch.from_numpy(output))
        present[view.items.rows[view.items.heard()], at] = True
    return LeaveOneOutPredictions(tuple(outputs), torch.from_numpy(present), torch.from_numpy(is_cold))


def hold_out(left_out: LeaveOneOutPredictions, *, parts: int, folds: int, random: np.random.Generator) -> list[Episode]:
    """`parts` times a random partition of the warm items into `folds` episodes."""
    count = len(left_out.is_cold)
    return [Episode(held, left_out) for _ in range(parts) for held in make_folds(count, folds, random)]


@dataclass(frozen=True, slots=True)
class Audience:
    """The users that episodes rank for."""

    likes: sp.csr_array
    """(U, I)."""
    teacher: Teacher

    def without(self, episode: Episode, users: NDArray[np.intp]) -> tuple[Tensor, Tensor]:
        """
        Returns:
            (P, F) users rebuilt without the episode's items, and (P, H) which of these each of them likes.
        """
        liked = np.asarray(self.likes[users][:, episode.items].toarray(), np.float32)
        rebuilt = self.teacher.users[users] - liked @ self.teacher.projection[episode.items]
        return torch.from_numpy(rebuilt), torch.from_numpy(liked)


def listwise_loss(scores: Tensor, liked: Tensor) -> Tensor:
    """
    Softmax cross-entropy of each user's likes among all items of the episode.

    A user of n likes weighs n^(1 - _DAMPING): more than one of few, less than n times as much.

    Args:
        scores: (P, H).
        liked: (P, H) of 0 and 1.
    """
    counts = liked.sum(dim=1)
    some = counts > 0
    losses = -(liked * scores.log_softmax(dim=1)).sum(dim=1)[some] / counts[some] ** _DAMPING
    return losses.mean() if len(losses) else scores.sum() * 0.0


Embed = Callable[[Episode], tuple[Tensor, Tensor]]
"""From an episode to the rows of it that can be embedded, (H,) bool, and their embeddings (H', D)."""


class Scorer(torch.nn.Module):
    """How strongly scores count, and popularity beside them; learned along."""

    def __init__(self) -> None:
        super().__init__()
        self.log_scale = torch.nn.Parameter(torch.zeros(()))
        self.popularity = torch.nn.Parameter(torch.tensor(0.3))

    def forward(self, users: Tensor, embeddings: Tensor) -> Tensor:
        """(P, F) users and (H, F + 1) embeddings to (P, H) scores, each user's of one spread, plus popularity's share."""
        taste = users @ embeddings[:, :-1].T
        even = taste / (taste.detach().std(dim=1, correction=0, keepdim=True) + 1e-6)
        scores: Tensor = (even + self.popularity * embeddings[None, :, -1]) * self.log_scale.exp()
        return scores


def learn(
    episodes: Sequence[Episode],
    audience: Audience,
    embed: Embed,
    scorer: Scorer,
    optimiser: torch.optim.Optimizer,
    *,
    users: int,
    random: np.random.Generator,
) -> float:
    """One pass over the episodes, each for a random part of the users; returns the mean loss."""
    total = 0.0
    for at in random.permutation(len(episodes)):
        episode = episodes[at]
        count = audience.likes.shape[0]
        drawn = np.sort(random.choice(count, min(count, users), replace=False)).astype(np.intp)
        rebuilt, liked = audience.without(episode, drawn)
        rows, embeddings = embed(episode)
        if len(embeddings) < 2:  # nothing to rank
            continue
        loss = listwise_loss(scorer(rebuilt, embeddings), liked[:, rows])
        descend(loss, optimiser)
        total += loss.item()
    return total / len(episodes)

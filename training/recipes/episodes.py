"""
Episodes that hold warm items out as if they were cold: what routers, heads and gate learn from.

In an episode nobody has seen the held-out items: experts were fitted without them, and users are rebuilt without
their likes of them. What is learned there is how to rank items that are new.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp
import torch
from numpy.typing import NDArray
from torch import Tensor

from model.content import BoolArray, FloatArray
from model.losses import refuse_cold
from training.recipes.choose_kernel import ViewItems
from training.recipes.closed_form import ViewFit, make_folds
from training.recipes.teacher import Teacher


@dataclass(frozen=True, slots=True)
class FittedView:
    """A view's kernel machines, and the warm items that they know."""

    fit: ViewFit
    items: ViewItems


@dataclass(frozen=True, slots=True)
class Episode:
    """
    Some warm items held out, and what each view's experts, fitted on the others, say of them.

    Raises:
        ColdItemInTraining: when made with a cold item among them; so the listwise loss never sees one.
    """

    items: NDArray[np.intp]
    """(H,) rows of the warm items."""
    outputs: tuple[Tensor, ...]
    """V tensors (H, K_v, D), zeros where the view is missing."""
    present: Tensor
    """(H, V) bool."""
    is_cold: Tensor
    """(H,) bool, all False."""

    def __post_init__(self) -> None:
        refuse_cold(self.is_cold)


def hold_out(
    views: Sequence[FittedView], is_cold: BoolArray, *, parts: int, folds: int, random: np.random.Generator
) -> Iterator[Episode]:
    """`parts` times a random partition of the warm items into `folds` episodes."""
    for _ in range(parts):
        for held in make_folds(len(is_cold), folds, random):
            columns = [_out_of_fold(view, held) for view in views]
            present = torch.from_numpy(np.stack([there for _, there in columns], axis=1))
            outputs = tuple(torch.from_numpy(output) for output, _ in columns)
            yield Episode(held, outputs, present, torch.from_numpy(is_cold[held]))


def _out_of_fold(view: FittedView, held: NDArray[np.intp]) -> tuple[FloatArray, BoolArray]:
    there = np.isin(held, view.items.rows)
    own = np.searchsorted(view.items.rows, held[there])
    others = np.setdiff1d(np.arange(len(view.items.rows)), own)
    known = view.fit.outputs(view.fit.solve(others), own)
    outputs = np.zeros((len(held), *known.shape[1:]), np.float32)
    outputs[there] = known
    return outputs, there


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


def listwise_loss(scores: Tensor, liked: Tensor, *, damping: float = 0.7) -> Tensor:
    """
    Softmax cross-entropy of each user's likes among all items of the episode.

    A user of n likes weighs n^(1 - damping): more than one of few, less than n times as much.

    Args:
        scores: (P, H).
        liked: (P, H) of 0 and 1.
    """
    counts = liked.sum(dim=1)
    some = counts > 0
    losses = -(liked * scores.log_softmax(dim=1)).sum(dim=1)[some] / counts[some] ** damping
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
        optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimiser.step()
        total += loss.item()
    return total / len(episodes)

"""Learning to rank on episodes: each view's heads and router alone, then the gate between the views."""

import copy
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from functools import partial

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from model.config import ViewConfig
from model.content import FloatArray
from model.experts import Mixture
from model.fold_in import place_users
from model.mamex import Mamex
from training.optimisation import BestWeights
from training.progress import Step
from training.recipes.closed_form import write_expert
from training.recipes.embed import expert_outputs
from training.recipes.episodes import Audience, Embed, Episode, FittedView, Scorer, learn
from training.recipes.fusion import Fusion, Lacking, ViewOutputs, measure_weights, weigh_lacking
from training.recipes.heads import Heads
from training.recipes.thaw_numbers import ThawNumbers
from training.recipes.trained import Job


@dataclass(frozen=True, slots=True)
class Learned:
    """What the episodes taught."""

    heads: Sequence[Heads]
    gate: Tensor
    """(V,) logits."""
    lacking: Lacking
    """How items that lack a view are weighed."""
    factors: FloatArray
    """(V, D): what each view's output is multiplied by, that items which have this view alone rank as it ranks them."""
    popularity: float
    """The weight of the popularity coordinate, in deviations of a user's scores."""
    spread: FloatArray
    """(F, F) covariance of the embeddings of held-out items."""
    held_out: NDArray[np.intp]
    """(H,) rows of warm items, each held out once."""
    predicted: FloatArray
    """(H, D): the embeddings that their content promised while they were held out."""


@dataclass(frozen=True)
class Stage:
    """One thing to learn: what moves, and what it makes of items."""

    name: str
    module: nn.Module
    """What moves, the scorer apart."""
    scorer: Scorer
    groups: list[dict[str, object]]
    """As Adam takes them."""
    embed: Embed
    embed_cold: Callable[[], Tensor]
    """The embeddings of the items held out for validation, (C, D), zeros where it says nothing of one."""
    epochs: int
    judged: Callable[[], AbstractContextManager[None]] = nullcontext
    """How it will count in the end."""


class RankingFit:
    """Trains stage after stage on the same episodes, and leaves each at the epoch that ranked cold validation best."""

    def __init__(
        self, job: Job, episodes: Sequence[Episode], audience: Audience, numbers: ThawNumbers, random: np.random.Generator
    ) -> None:
        self._job, self._episodes, self._audience, self._numbers, self._random = job, episodes, audience, numbers, random
        self._once = episodes[: min(numbers.folds, len(job.warm.item_ids))]
        """Those of the first part, in which each item is held out once."""

    def run(self, stage: Stage, advance: Step) -> None:
        """Trains one stage, all its epochs, and goes back to the best of them."""
        scorer_group = {"params": stage.scorer.parameters(), "lr": self._numbers.scorer_rate}
        optimiser = torch.optim.Adam([*stage.groups, scorer_group], betas=(0.9, 0.99))
        together = nn.ModuleList([stage.module, stage.scorer])
        best = BestWeights()
        for _ in range(stage.epochs):
            learn(
                self._episodes,
                self._audience,
                stage.embed,
                stage.scorer,
                optimiser,
                users=self._numbers.users,
                random=self._random,
            )
            best.note(self._judge(stage), together)
            advance(1, f"{stage.name}, best NDCG@20 {best.quality:.4f}")
        best.restore(together)

    @torch.no_grad()
    def predict(self, embed: Embed) -> tuple[NDArray[np.intp], FloatArray]:
        """(H,) rows of warm items and their (H, D) embeddings, each from the episode of the first part that held it out."""
        rows, embeddings = [], []
        for episode in self._once:
            there, embedded = embed(episode)
            rows.append(episode.items[there.numpy()])
            embeddings.append(embedded.numpy())
        return np.concatenate(rows), np.concatenate(embeddings)

    def spread(self, embed: Embed) -> FloatArray:
        """(F, F) covariance of the taste of items that were held out."""
        taste = self.predict(embed)[1][:, :-1]
        centred = taste - taste.mean(axis=0)
        covariance: FloatArray = centred.T @ centred / len(centred)
        return covariance

    def popularity_factors(self, stages: Sequence[Stage], whole: Stage) -> list[float]:
        """
        (V,) what each view's popularity must be multiplied by, that items which have this view alone are ranked as the
        view ranks them: users carry but one weight of popularity, in deviations of their scores as a whole.

        Args:
            stages: one a view; the first view is left as it is.
            whole: what users' weight and deviations come from.
        """

        def weighed(stage: Stage) -> FloatArray:
            return self._place_users(stage)[:, -1]

        ours = weighed(whole)
        if not np.all(ours):
            return [1.0] * len(stages)
        return [1.0, *(float(np.median(weighed(stage) / ours)) for stage in stages[1:])]

    @torch.no_grad()
    def lacking(self, whole: Stage, fusion: Fusion, outputs: ViewOutputs) -> Lacking:
        """
        How items that lack a view come nearest to what would be said of them if they had it: by held-out items that do.

        Args:
            whole: what users' weight and deviations come from.
        """
        users = torch.from_numpy(self._place_users(whole))
        whole_episodes = [episode for episode in self._once if episode.present.all(dim=1).any()]

        def weights_without(view: int) -> Tensor:
            pairs = ((outputs.without(fusion, one, view), outputs.complete(fusion, one)) for one in whole_episodes)
            return measure_weights(pairs, users)

        count = len(fusion.logits) if whole_episodes else 1
        return weigh_lacking(fusion.logits.detach(), [weights_without(view) for view in range(1, count)])

    @torch.no_grad()
    def _judge(self, stage: Stage) -> float:
        with stage.judged():
            return self._job.ndcg(self._place_users(stage), stage.embed_cold().numpy())

    def _place_users(self, stage: Stage) -> FloatArray:
        """(U, D): the teacher's users, popularity as the stage's scorer weighs it."""
        return place_users(self._audience.teacher.users, stage.scorer.popularity.item(), self.spread(stage.embed))


def learn_ranking(
    job: Job,
    mamex: Mamex,
    views: Sequence[FittedView],
    episodes: Sequence[Episode],
    audience: Audience,
    numbers: ThawNumbers,
    random: np.random.Generator,
) -> Learned:
    """
    Learns what to write into the network, whose experts are the closed form's when this returns.
    """
    fit = RankingFit(job, episodes, audience, numbers, random)
    for at, view in enumerate(views):
        write_view(mamex.mixture(at), view, None)
    cold = [expert_outputs(mamex.mixture(at), job.cold.features) for at in range(len(views))]
    has_view = mamex.views_heard(*job.cold.features.tensors())
    found = [_view_stage(view, at, audience, cold[at], has_view[:, at], numbers) for at, view in enumerate(mamex.config.views)]
    heads, stages = [head for head, _ in found], [stage for _, stage in found]
    gate_epochs = numbers.gate_epochs if len(stages) > 1 else 1
    with job.reporter.step("learning to rank", sum(stage.epochs for stage in stages) + gate_epochs) as advance:
        for stage in stages:
            fit.run(stage, advance)
        for head in heads:
            head.kept = numbers.head_share
        scorer = copy.deepcopy(stages[0].scorer)
        fusion = Fusion(numbers.gate_start, fit.popularity_factors(stages, stages[0]), audience.teacher.items.shape[1] + 1)
        outputs = ViewOutputs(heads, [view.items.positions for view in views], cold, has_view)
        fused = _gate_stage(fusion, outputs, scorer, numbers, gate_epochs)
        fusion.set_lacking(fit.lacking(fused, fusion, outputs))
        fit.run(fused, advance)
        fusion.set_popularity(fit.popularity_factors(stages, fused))
        fusion.set_lacking(fit.lacking(fused, fusion, outputs))
    held_out, predicted = fit.predict(fused.embed)
    return Learned(
        heads,
        fusion.logits.detach(),
        fusion.lacking,
        fusion.factors.numpy(),
        fused.scorer.popularity.item(),
        fit.spread(fused.embed),
        held_out,
        predicted,
    )


def write_view(mixture: Mixture, view: FittedView, heads: Heads | None, factors: FloatArray | None = None) -> None:
    """
    Writes a view's experts, with their heads where there are any, and its router.

    Args:
        factors: (D,) what its output is multiplied by.
    """
    solution = view.fit.coefficients
    for expert, encoding in enumerate(view.items.encodings):
        own = heads.apply_to(expert, solution) if heads else solution
        own = own if factors is None else own * factors
        write_expert(mixture, expert, encoding, view.items.landmarks, own)
    with torch.no_grad():
        mixture.router.weight.zero_()
        mixture.router.bias.copy_(heads.kept * heads.logits if heads else torch.zeros_like(mixture.router.bias))


def write_gate(mamex: Mamex, logits: Tensor, lacking: Lacking) -> None:
    """Makes the gate give these logits, moved where views are missing: it reads of an item only which are there."""
    first, last = mamex.gate.score[0], mamex.gate.score[-1]
    assert isinstance(first, nn.Linear)
    assert isinstance(last, nn.Linear)
    views = len(logits)
    with torch.no_grad():
        for layer in (first, last):
            layer.weight.zero_()
            layer.bias.zero_()
        first.weight[:views, -views:] = torch.eye(views)  # the last inputs are 1 where a view is there
        last.weight[:, :views] = -lacking.shifts.T
        last.bias.copy_(logits + lacking.shifts.sum(dim=0))
        mamex.strengths.copy_(lacking.strengths)


def _view_stage(
    view: ViewConfig, at: int, audience: Audience, cold: Tensor, present: Tensor, numbers: ThawNumbers
) -> tuple[Heads, Stage]:
    """A view's heads, and how they are learned."""
    teacher = audience.teacher
    own = teacher.items[:, : teacher.items.shape[1] - teacher.beyond]
    head = Heads(len(view.experts), np.append(own.std(axis=0), teacher.popularity.std()).astype(np.float32))

    def embed(episode: Episode) -> tuple[Tensor, Tensor]:
        rows = episode.present[:, at]
        return rows, head(episode.outputs[at][rows])

    groups: list[dict[str, object]] = [
        {"params": [head.corrections], "lr": numbers.head_rate},
        {"params": [head.logits], "lr": numbers.router_rate},
    ]
    stage = Stage(
        view.name,
        head,
        Scorer(),
        groups,
        embed,
        lambda: head(cold) * present[:, None],
        numbers.head_epochs,
        partial(head.keeping, numbers.head_share),
    )
    return head, stage


def _gate_stage(fusion: Fusion, views: ViewOutputs, scorer: Scorer, numbers: ThawNumbers, epochs: int) -> Stage:
    groups: list[dict[str, object]] = [{"params": fusion.parameters(), "lr": numbers.gate_rate}]
    return Stage(
        "all views",
        fusion,
        scorer,
        groups,
        lambda episode: views.embed(fusion, episode),
        lambda: views.embed_cold(fusion),
        epochs,
    )

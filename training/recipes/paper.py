"""The recipe `paper`: Mamex as published, the baseline that ours must beat."""

import math
from collections.abc import Iterator
from dataclasses import asdict, dataclass

import torch
from torch import Tensor, nn

from model.config import LensConfig, MamexConfig, ViewConfig
from model.content import FloatArray
from model.losses import (
    Pairs,
    WarmItems,
    alignment_loss,
    expert_balance_loss,
    ranking_loss,
    size_loss,
    view_balance_loss,
)
from model.mamex import Mamex, MamexOutput
from training.errors import BadConfig, NotApplicable
from training.optimisation import BestWeights, descend
from training.recipes.embed import embed_all
from training.recipes.fold_in_fit import fit_from_embeddings
from training.recipes.health import mixture_health
from training.recipes.trained import Job, Trained
from training.sampler import PairSampler


@dataclass(frozen=True, slots=True)
class PaperNumbers:
    """Every number of the recipe."""

    width: int = 128
    experts: int = 4
    top_k: int = 2
    batch: int = 2048
    rate: float = 1e-3
    user_spread: float = 0.1
    size_weight: float = 1e-6
    alignment_weight: float = 1.0
    expert_balance_weight: float = 1.0
    view_balance_weight: float = 1.0
    modality_dropout: float = 0.3
    epochs: int = 100
    patience: int = 5

    def __post_init__(self) -> None:
        if not 1 <= self.top_k <= self.experts:
            raise BadConfig(f"top_k is {self.top_k}: it must be from 1 to the number of experts, {self.experts}")
        if min(self.width, self.batch, self.epochs, self.patience) < 1 or not 0 <= self.modality_dropout < 1:
            raise BadConfig("paper needs width, batch, epochs and patience of 1 or more, and modality_dropout in [0, 1)")
        if self.rate < 0 or self.user_spread < 0:
            raise BadConfig("rate and user_spread must be 0 or more")


class _Run(nn.Module):
    """What the optimiser moves: the network and a free table of users."""

    def __init__(self, config: MamexConfig, users: int, spread: float) -> None:
        super().__init__()
        self.mamex = Mamex(config)
        self.users = nn.Parameter(torch.randn(users, config.width) * spread)


def train_paper(job: Job, numbers: PaperNumbers) -> Trained:
    """
    Minimises the published loss by Adam over pairs, stopping by cold-validation NDCG@20.

    Raises:
        NotApplicable: an encoder's features are sparse.

    Source: Mamex (arXiv 2508.08042). Ours in it: modality dropout, which the published method lacks together with any
        treatment of missing modalities.
    """
    if any(spec.sparse for spec in job.specs.values()):
        raise NotApplicable("paper reads dense features: choose encoders without `lexical` for it")
    torch.manual_seed(job.seed)
    views = tuple(ViewConfig(n, (LensConfig(n),), ((0,),) * numbers.experts, numbers.top_k) for n in job.specs)
    config = MamexConfig(job.modalities, views, numbers.width)
    run = _Run(config, len(job.warm.user_ids), numbers.user_spread).to(job.device)
    best = BestWeights()
    sampler = PairSampler(job.warm.likes, job.warm.is_cold, job.seed)
    optimiser = torch.optim.Adam(run.parameters(), lr=numbers.rate)
    with job.reporter.step("training", numbers.epochs * -(-len(sampler) // numbers.batch)) as advance:
        for epoch in range(numbers.epochs):
            for loss in _epoch(run, job, numbers, sampler, optimiser):
                advance(1, f"epoch {epoch + 1}, loss {loss:.4f}, best NDCG@20 {best.quality:.4f}")
            best.note(job.ndcg(_numpy(run.users), embed_all(run.mamex, job.cold.features)), run)
            if best.epochs_since >= numbers.patience:
                break
    best.restore(run)
    mamex = run.mamex.eval()
    users, items = _numpy(run.users), embed_all(mamex, job.warm.features)
    return Trained(
        mamex=mamex.cpu(),
        user_embeddings=users,
        item_embeddings=items,
        prior_user=users.mean(axis=0),
        fold_in=fit_from_embeddings(job.warm.likes, users, items),
        numbers={**asdict(numbers), "stopped_after": best.epoch},
        health=mixture_health(mamex, job.warm.features),
    )


def _epoch(run: _Run, job: Job, numbers: PaperNumbers, sampler: PairSampler, optimiser: torch.optim.Optimizer) -> Iterator[float]:
    """One pass over the likes; yields each step's loss."""
    features, present = job.warm.features.tensors(job.device)
    is_cold = torch.from_numpy(job.warm.is_cold).to(job.device)
    run.train()
    for drawn in sampler.epoch(numbers.batch):
        users, liked, other = (torch.from_numpy(part).to(job.device) for part in drawn)
        rows, at = torch.unique(torch.cat([liked, other]), return_inverse=True)
        shown = drop_modalities(present[rows], numbers.modality_dropout)
        output = run.mamex([value[rows] for value in features], shown)
        pairs = Pairs(run.users[users], at[: len(liked)], at[len(liked) :])
        loss = paper_loss(WarmItems(output, is_cold[rows]), pairs, numbers)
        descend(loss, optimiser)
        yield loss.item()


def paper_loss(items: WarmItems, pairs: Pairs, numbers: PaperNumbers) -> Tensor:
    """The published objective; the mixture's terms are means over the preferred item of each pair."""
    preferred = WarmItems(_take(items.output, pairs.preferred), items.is_cold[pairs.preferred])
    return (
        ranking_loss(items, pairs)
        + numbers.size_weight * size_loss(items, pairs)
        + numbers.alignment_weight * alignment_loss(preferred)
        + numbers.expert_balance_weight * expert_balance_loss(preferred)
        + numbers.view_balance_weight * view_balance_loss(preferred)
    )


def drop_modalities(present: Tensor, probability: float) -> Tensor:
    """
    Hides each modality of each item with a probability, but never an item's last one.

    Args:
        present: (B, M) bool.
    """
    if present.shape[1] < 2 or probability <= 0:
        return present
    kept = present & (torch.rand(present.shape, device=present.device) >= probability)
    lost = ~kept.any(dim=1)
    order = torch.rand(present.shape, device=present.device).masked_fill(~present, -math.inf)
    saved = nn.functional.one_hot(order.argmax(dim=1), present.shape[1]).bool()
    return torch.where(lost[:, None], saved & present, kept)


def _take(output: MamexOutput, rows: Tensor) -> MamexOutput:
    return MamexOutput(
        output.embedding[rows],
        output.views[rows],
        output.log_gate[rows],
        tuple(part[rows] for part in output.expert_weights),
        tuple(part[rows] for part in output.router_log_weights),
        output.present[rows],
    )


def _numpy(tensor: Tensor) -> FloatArray:
    array: FloatArray = tensor.detach().cpu().numpy()
    return array

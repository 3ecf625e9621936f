"""A view's mixture of experts: what one part of an item's content says about it."""

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from model.config import LensConfig, MamexConfig, ViewConfig

_AT_CENTRE = 1e-4
"""Features nearer to the centre than this lie in no direction but that of rounding."""
_SHORTEST = 1e-12


class Lens(nn.Module):
    """
    How a view reads one modality: as its features are.

    `weight` says how much the modality counts among those of the view; it is 1 unless a recipe sets it.
    """

    weight: Tensor

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.width, self.routing_width = dim, dim
        self.register_buffer("weight", torch.ones(()))

    def forward(self, features: Tensor) -> Tensor:
        """(B, d) to (B, R): what experts see; zeros of a row of zeros, which is how a missing modality comes."""
        return self.weight.sqrt() * features

    def knows(self, features: Tensor) -> Tensor:
        """(B, d) to (B,) bool: which rows, of items that have the modality, show anything that training saw."""
        return torch.ones(features.shape[0], dtype=torch.bool, device=features.device)

    def route(self, features: Tensor) -> Tensor:
        """(B, d) to (B, routing_width): what the router sees."""
        return features


class LandmarkLens(Lens):
    """
    An item's likeness to landmarks: `weight * exp(-|x - z|^2)` for each landmark z.

    Rows are centred on the warm items' mean and brought to length 1 first. Linear experts on this are
    kernel machines, whose cost grows with the landmarks and not with the catalogue.

    Source: Williams and Seeger, "Using the Nystrom Method to Speed Up Kernel Machines", NIPS 2000.
    """

    centre: Tensor
    points: Tensor

    def __init__(self, dim: int, landmarks: int) -> None:
        super().__init__(dim)
        self.width = landmarks
        self.register_buffer("centre", torch.zeros(dim))
        self.register_buffer("points", torch.zeros(landmarks, dim))

    def forward(self, features: Tensor) -> Tensor:
        """(B, d) to (B, L), each in (0, weight]; a row of zeros is like nothing."""
        cosine = self.place(features) @ self.points.T  # (B, L)
        there = (features != 0).any(dim=-1, keepdim=True)
        return self.weight * torch.exp(2.0 * cosine - 2.0) * there

    def route(self, features: Tensor) -> Tensor:
        return self.place(features)

    def place(self, features: Tensor) -> Tensor:
        """Centred features of length 1, (B, d): what landmarks are made of."""
        return nn.functional.normalize(features - self.centre, dim=-1, eps=_AT_CENTRE)


class VocabularyLens(Lens):
    """
    The places of a sparse modality that training saw, each with its own weight, rows brought to one length.

    Length is taken over the places that several warm items have: what one alone has tells of the next item that has it
    (the second book of an author), and must not make it less like all others.
    """

    places: Tensor
    rarity: Tensor
    shared: Tensor

    def __init__(self, vocabulary: int) -> None:
        super().__init__(vocabulary)
        self.routing_width = 0  # a router over thousands of terms would learn them by heart
        self.register_buffer("places", torch.arange(vocabulary))
        self.register_buffer("rarity", torch.ones(vocabulary))
        self.register_buffer("shared", torch.ones(vocabulary, dtype=torch.bool))

    def forward(self, features: Tensor) -> Tensor:
        """(B, d) in COO layout to (B, R) dense."""
        at, known = self._find(features)
        rows, at = features.indices()[0][known], at[known]
        values = features.values()[known] * self.rarity[at]
        dense = torch.zeros(features.shape[0], self.width, device=rows.device)
        dense[rows, at] = self.weight.sqrt() * values / self._lengths(values, rows, at, features.shape[0])[rows]
        return dense

    def _lengths(self, values: Tensor, rows: Tensor, at: Tensor, count: int) -> Tensor:
        """(count,) over shared places; over all where a row has none of these. Of the terms alone, which are few."""
        squares = torch.stack([values**2 * self.shared[at], values**2], dim=1)
        shared, whole = torch.zeros(count, 2, device=rows.device).index_add(0, rows, squares).unbind(dim=1)
        return torch.where(shared > 0, shared, whole).sqrt().clamp_min(_SHORTEST)

    def knows(self, features: Tensor) -> Tensor:
        """(B, d) in COO layout to (B,) bool."""
        found = torch.zeros(features.shape[0], dtype=torch.bool, device=features.device)
        found[features.indices()[0][self._find(features)[1]]] = True
        return found

    def _find(self, features: Tensor) -> tuple[Tensor, Tensor]:
        """Where each of the features' places is in the vocabulary, and whether it is there."""
        places = features.indices()[1]
        at = torch.searchsorted(self.places, places).clamp_max(self.width - 1)
        return at, self.places[at] == places

    def route(self, features: Tensor) -> Tensor:
        return torch.zeros(features.shape[0], 0, device=features.device)


class Router(nn.Module):
    """Linear logits over a view's experts; a bias alone where there is nothing to route by."""

    def __init__(self, width: int, experts: int) -> None:
        super().__init__()
        bound = 1 / math.sqrt(max(width, 1))
        self.weight = nn.Parameter(torch.empty(experts, width).uniform_(-bound, bound))
        self.bias = nn.Parameter(torch.zeros(experts))

    def forward(self, seen: Tensor) -> Tensor:
        """(B, routing width) to (B, K)."""
        return seen @ self.weight.T + self.bias


class Expert(nn.Module):
    """One linear map from what some of a view's lenses show to an embedding."""

    def __init__(self, reads: Sequence[int], widths: Sequence[int], width: int) -> None:
        """
        Args:
            reads: positions of the lenses.
            widths: of all the view's lenses.
            width: D.
        """
        super().__init__()
        self.reads = tuple(reads)
        reach = sum(widths[lens] for lens in reads)
        bound = 1 / math.sqrt(reach)
        self.weight = nn.Parameter(torch.empty(width, reach).uniform_(-bound, bound))
        self.bias = nn.Parameter(torch.empty(width).uniform_(-bound, bound))

    def forward(self, seen: Sequence[Tensor]) -> Tensor:
        """What each lens shows, (B, R_l), to (B, D)."""
        read = seen[self.reads[0]] if len(self.reads) == 1 else torch.cat([seen[lens] for lens in self.reads], dim=-1)
        return nn.functional.linear(read, self.weight, self.bias)


class Mixture(nn.Module):
    """
    Experts of one view, a router over them, the best `top_k` of them active.

    Source: Mamex (arXiv 2508.08042), modality-specific mixture of experts; top-k routing after Shazeer et al.,
        "Outrageously Large Neural Networks", ICLR 2017, without its noise.
    """

    def __init__(self, lenses: Sequence[Lens], view: ViewConfig, *, positions: Sequence[int], width: int) -> None:
        """
        Args:
            lenses: one for each modality that the view reads.
            positions: of these modalities among all of the network's.
            width: D, of the output.
        """
        super().__init__()
        self._positions, self._top_k = list(positions), view.top_k
        self._reads = [[self._positions[lens] for lens in reads] for reads in view.experts]
        widths = [lens.width for lens in lenses]
        self.lenses = nn.ModuleList(lenses)
        self.router = Router(sum(lens.routing_width for lens in lenses), len(view.experts))
        self.experts = nn.ModuleList(Expert(reads, widths, width) for reads in view.experts)

    def forward(self, features: Sequence[Tensor], present: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """
        Args:
            features: M tensors (B, d_m) float, of all modalities; zeros where missing.
            present: (B, M) bool.

        Returns:
            The view's output (B, D); its experts' weights (B, K), whose rows sum to 1 where nothing is missing, 0 outside
            the top k and for an expert that has nothing to read; and the router's log weights (B, K) over all experts.
        """
        logits: Tensor = self.router(self.route(features))  # (B, K)
        weights = top_k_softmax(logits, self._top_k) * self._can_read(present)  # (B, K)
        outputs = self.expert_outputs(features)  # (B, K, D)
        return (weights[:, :, None] * outputs).sum(dim=1), weights, logits.log_softmax(dim=-1)

    def hears(self, features: Sequence[Tensor], present: Tensor) -> Tensor:
        """(B,) bool: the items of which the view reads anything that training saw; arguments as above."""
        heard = [present[:, at] & lens.knows(features[at]) for lens, at in self._pairs()]
        return torch.stack(heard).any(dim=0)

    def _can_read(self, present: Tensor) -> Tensor:
        """(B, M) to (B, K) bool."""
        return torch.stack([present[:, reads].any(dim=1) for reads in self._reads], dim=1)

    def expert_outputs(self, features: Sequence[Tensor]) -> Tensor:
        """What each expert says of B items, (B, K, D)."""
        seen = [lens(features[at]) for lens, at in self._pairs()]
        return torch.stack([expert(seen) for expert in self.experts], dim=1)

    def route(self, features: Sequence[Tensor]) -> Tensor:
        """What the router sees of B items, (B, routing width)."""
        return torch.cat([lens.route(features[at]) for lens, at in self._pairs()], dim=-1)

    def typed_lenses(self) -> list[Lens]:
        """The lenses, in the order of what the view reads, by the type that `nn.ModuleList` hides."""
        return [lens for lens in self.lenses if isinstance(lens, Lens)]

    def expert(self, at: int) -> Expert:
        """One of the experts."""
        expert = self.experts[at]
        assert isinstance(expert, Expert)
        return expert

    def _pairs(self) -> list[tuple[Lens, int]]:
        return list(zip(self.typed_lenses(), self._positions, strict=True))


def top_k_softmax(logits: Tensor, k: int) -> Tensor:
    """Softmax over the k largest of each row of (B, K), exactly 0 elsewhere; exactly k stay where logits are equal."""
    if k >= logits.shape[-1]:
        return logits.softmax(dim=-1)
    chosen = logits.topk(k, dim=-1).indices  # (B, k)
    mask = torch.zeros_like(logits, dtype=torch.bool).scatter_(-1, chosen, True)
    return logits.masked_fill(~mask, float("-inf")).softmax(dim=-1)


def make_mixture(config: MamexConfig, view: ViewConfig) -> Mixture:
    """The mixture that a view's config describes, with random weights."""
    positions = config.positions(view)
    dims = [config.modalities[position].dim for position in positions]
    lenses = [make_lens(lens, dim) for lens, dim in zip(view.lenses, dims, strict=True)]
    return Mixture(lenses, view, positions=positions, width=config.width)


def make_lens(config: LensConfig, dim: int) -> Lens:
    """The lens that a config describes, its landmarks or vocabulary still empty."""
    if config.landmarks:
        return LandmarkLens(dim, config.landmarks)
    return VocabularyLens(config.vocabulary) if config.vocabulary else Lens(dim)

"""Every number of the recipe `thaw`."""

from dataclasses import dataclass

from training.errors import BadConfig

STEPS = (3.0, 2.0, 1.5)
"""What weights and ridge are multiplied and divided by while they are weighed, one a pass."""
_LEAST_RIDGE = 0.05
"""Less of it, and rounding decides what is found."""
_MOST_SUMS = 1000.0


@dataclass(frozen=True, slots=True)
class ThawNumbers:
    """What `--set` can change."""

    width: int = 128
    likeness: float = 0.5
    """The share of an embedding's coordinates that tell what users like beyond the teacher's factors."""
    likeness_weight: float = 0.25
    """How widely the scores of these are spread, beside those of the teacher's own, where `passes` begins."""
    damping: float = 0.3
    restore: float = 0.0
    prior_weight: float = 0.4
    """How much of the mean user, as projections alone have it, a user's taste starts from."""
    sums: float = 0.5
    """
    How widely users' scores by a plain sum of what they like are spread beside those by its projection, where `passes` begins.
    """
    ridge: float = 0.6
    """
    Of a view's regression, where `passes` begins: beside the sum of the weights of what it reads, where warm items have many
    likes; more where they have few.
    """
    passes: int = 3
    """How often sums, ridges, and how much each modality counts in a view, are tried larger and smaller; 0 leaves all alone."""
    landmarks: int = 3072
    vocabulary: int = 32768
    parts: int = 3
    folds: int = 8
    users: int = 1500
    """How many users an episode ranks for."""
    head_epochs: int = 8
    head_rate: float = 2e-3
    head_share: float = 0.65
    """How much of what heads and routers learned is kept: the items that they learned from flatter them."""
    router_rate: float = 1e-2
    scorer_rate: float = 3e-2
    gate_epochs: int = 4
    gate_rate: float = 5e-2
    gate_start: float = 0.125
    """The first weight of each view but the first, beside the first one's."""

    @property
    def beyond(self) -> int:
        """How many coordinates lie beyond the teacher's factors, of which one at least stays, and popularity."""
        return min(int(self.likeness * self.width), self.width - 2)

    def __post_init__(self) -> None:
        if min(self.width, self.folds, self.landmarks) < 2 or min(self.parts, self.users, self.vocabulary) < 1:
            raise BadConfig("thaw needs width, folds and landmarks of 2 or more, parts, users and vocabulary of 1 or more")
        if not 0 <= self.likeness < 1 or self.likeness_weight < 0:
            raise BadConfig("likeness must be 0 or more and less than 1, and likeness_weight 0 or more")
        if min(self.damping, self.prior_weight, self.sums) < 0 or self.ridge <= 0:
            raise BadConfig("damping, prior_weight and sums must be 0 or more, and ridge above 0")
        if self.sums > _MOST_SUMS:
            raise BadConfig(f"sums is {self.sums}: it must be {_MOST_SUMS:.0f} or less, where users are hardly anything else")
        if not 0 <= self.passes <= len(STEPS):
            raise BadConfig(f"passes is {self.passes}: it must lie between 0 and {len(STEPS)}")
        if self.passes and self.ridge < _LEAST_RIDGE:
            raise BadConfig(f"ridge is {self.ridge}: it must be {_LEAST_RIDGE} or more, or passes 0")
        if min(self.head_rate, self.router_rate, self.scorer_rate, self.gate_rate) < 0:
            raise BadConfig("head_rate, router_rate, scorer_rate and gate_rate must be 0 or more")
        if not 0 <= self.head_share <= 1:
            raise BadConfig(f"head_share is {self.head_share}: it must lie between 0 and 1")
        if min(self.head_epochs, self.gate_epochs) < 1:
            raise BadConfig("head_epochs and gate_epochs must be 1 or more: a rate of 0 leaves out what it would learn")
        if not 0 < self.gate_start <= 1:
            raise BadConfig(f"gate_start is {self.gate_start}: it must be above 0, and 1 at most")

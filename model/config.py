"""The numbers that fix the network's shape; they travel inside the checkpoint."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Self

from model.errors import CheckpointFormat


@dataclass(frozen=True, slots=True)
class ModalityConfig:
    """One kind of features that the network reads."""

    name: str
    dim: int
    sparse: bool = False


@dataclass(frozen=True, slots=True)
class LensConfig:
    """How a view reads one modality."""

    modality: str
    landmarks: int = 0
    """0: experts read the features. Else they read an item's likeness to this many warm items."""
    vocabulary: int = 0
    """Of a sparse modality: how many of its places are read, of those that warm items have."""


@dataclass(frozen=True, slots=True)
class ViewConfig:
    """
    One mixture of experts, and the modalities that it reads.

    The paper has a view for each modality. A view of several modalities is ours: its experts are fitted together, so that
    each says what the others do not. It is present where any of them is; an expert that has nothing to read is silent.
    """

    name: str
    lenses: tuple[LensConfig, ...]
    experts: tuple[tuple[int, ...], ...]
    """For each expert, the positions of the lenses that it reads."""
    top_k: int

    @property
    def reads(self) -> tuple[str, ...]:
        """The names of its modalities."""
        return tuple(lens.modality for lens in self.lenses)

    @property
    def expert_names(self) -> tuple[str, ...]:
        """A name for each expert: what it reads, and a number where several read the same."""
        names = ["+".join(self.reads[lens] for lens in expert) for expert in self.experts]
        return tuple(f"{name} {names[: at + 1].count(name)}" if names.count(name) > 1 else name for at, name in enumerate(names))


@dataclass(frozen=True, slots=True)
class MamexConfig:
    """The whole network's shape. The order of `modalities` is the order of every tensor."""

    modalities: tuple[ModalityConfig, ...]
    views: tuple[ViewConfig, ...]
    width: int
    gate_hidden: int = 64
    gate_dropout: float = 0.1

    @property
    def modality_names(self) -> tuple[str, ...]:
        return tuple(modality.name for modality in self.modalities)

    def positions(self, view: ViewConfig) -> tuple[int, ...]:
        """Positions among the modalities of what a view reads."""
        return tuple(self.modality_names.index(name) for name in view.reads)

    def to_fields(self) -> dict[str, Any]:
        """As a manifest holds it."""
        return asdict(self)

    @classmethod
    def read(cls, fields: Mapping[str, Any]) -> Self:
        """
        Raises:
            CheckpointFormat: a field is missing, unknown or does not fit the others.
        """
        try:
            modalities = tuple(ModalityConfig(**modality) for modality in fields["modalities"])
            views = tuple(_read_view(view) for view in fields["views"])
            config = cls(**{**fields, "modalities": modalities, "views": views})
            [config.positions(view) for view in config.views]
        except (TypeError, KeyError, ValueError) as error:
            raise CheckpointFormat("network", expected="a complete MamexConfig", got=str(error)) from error
        return config


def _read_view(fields: Mapping[str, Any]) -> ViewConfig:
    lenses = tuple(LensConfig(**lens) for lens in fields["lenses"])
    experts = tuple(tuple(expert) for expert in fields["experts"])
    if not all(expert and set(expert) <= set(range(len(lenses))) for expert in experts) or not experts:
        raise ValueError(f"the view {fields['name']} has an expert that reads no lens of it")
    return ViewConfig(**{**fields, "lenses": lenses, "experts": experts})

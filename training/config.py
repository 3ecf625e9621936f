"""What one run was told."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any, Self, TypeVar

from training.errors import BadConfig

ATTRIBUTES = "lexical-attributes"
"""The encoder that reads attributes."""
ENCODERS: Mapping[str, Mapping[str, str]] = {
    "thaw": {
        "image": "efficientnet-lite0",
        "text": "minilm",
        "title": "minilm",
        "sentences": "minilm-sentences",
        "words": "lexical-words",
        "phrases": "lexical-phrases",
        "attributes": ATTRIBUTES,
    },
    "paper": {"image": "efficientnet-lite0", "text": "minilm"},
}
"""Each recipe's modalities and their encoders, unless told otherwise."""

Numbers = TypeVar("Numbers")


@dataclass(frozen=True, slots=True)
class DataConfig:
    """A data folder, and what is made of its rows."""

    path: Path
    threshold: float | None = None
    """The least value of a positive; None: as the folder says, or 1."""
    cache: Path | None = None
    """Where features and fetched pictures are kept; None: the default folder."""
    max_bad_share: float = 0.2
    """The share of a table's rows that may be bad."""

    def __post_init__(self) -> None:
        if self.threshold is not None and not math.isfinite(self.threshold):
            raise BadConfig(f"the threshold is {self.threshold}: it must be finite")


@dataclass(frozen=True, slots=True)
class ReadingConfig:
    """What is read of items, and by which encoders."""

    text_fields: tuple[str, ...] = ("title", "text")
    attributes: tuple[str, ...] | None = None
    """Those that the encoder of attributes reads; None: all but those that only time brings (training/readings.py)."""
    encoders: Mapping[str, str] = field(default_factory=dict)
    """By modality; `none` leaves a modality out, and `*` all those of the recipe that are not named."""

    def over(self, recipe: str) -> Self:
        """The same, with the recipe's own encoders for the modalities that are not named."""
        return self if "*" in self.encoders else replace(self, encoders={**ENCODERS[recipe], **self.encoders})

    def encoder_names(self) -> dict[str, str]:
        """
        The encoders by modality, those that are left out apart.

        Raises:
            BadConfig: none is left.
        """
        unread = {"none"} if self.attributes is None or self.attributes else {"none", ATTRIBUTES}
        kept = {modality: name for modality, name in self.encoders.items() if name not in unread}
        if not kept:
            raise BadConfig("every modality was left out: keep at least one encoder")
        return kept

    @property
    def asked_attributes(self) -> str:
        """Which attributes are to be read, as `--attributes` takes it."""
        if ATTRIBUTES not in self.encoder_names().values():
            return "none"
        return "all" if self.attributes is None else ",".join(self.attributes)

    def words_of(self, modality: str) -> tuple[str, ...]:
        """
        What an encoder of words reads of an item.

        All words modalities are there or missing together: one named `title` reads the first of the fields that is not blank.
        """
        return ("|".join(self.text_fields),) if modality == "title" else self.text_fields


@dataclass(frozen=True, slots=True)
class TrainConfig:
    """One training run."""

    data: DataConfig
    out: Path
    recipe: str = "thaw"
    seed: int = 0
    split_seed: int | None = None
    """Draw the split at random with it; None takes the folder's own, or seed 0 where it has none."""
    cold_val: float = 0.1
    """The share of items that are held out, where the split is drawn."""
    reading: ReadingConfig = field(default_factory=ReadingConfig)
    """Over the recipe's own: see `full_reading`."""
    numbers: Mapping[str, str] = field(default_factory=dict)
    """The recipe's numbers that differ from its own, as text."""
    device: str = "auto"
    overwrite: bool = False

    def __post_init__(self) -> None:
        if self.recipe not in ENCODERS:
            raise BadConfig(f"there is no recipe {self.recipe!r}: choose {' or '.join(ENCODERS)}")
        if not 0 < self.cold_val < 1:
            raise BadConfig("the share of cold items must lie between 0 and 1 and leave some items warm")

    @property
    def full_reading(self) -> ReadingConfig:
        """What is read, the recipe's own encoders among them."""
        return self.reading.over(self.recipe)


def read_numbers(kind: type[Numbers], given: Mapping[str, str]) -> Numbers:
    """
    A recipe's numbers with some of them replaced.

    Raises:
        BadConfig: a name that the recipe does not know, or a value of the wrong kind.
    """
    known = {entry.name: entry for entry in fields(kind)}  # type: ignore[arg-type]
    values = {}
    for name, text in given.items():
        if name not in known:
            raise BadConfig(f"the recipe has no number {name!r}; it has {', '.join(known)}")
        values[name] = _convert(name, text, known[name].default)
    return kind(**values)


def _convert(name: str, text: str, default: Any) -> Any:
    try:
        value = type(default)(text)
    except ValueError as error:
        raise BadConfig(f"{name} is {text!r}: it must be like {default}") from error
    if not math.isfinite(value):
        raise BadConfig(f"{name} is {text!r}: it must be finite")
    return value

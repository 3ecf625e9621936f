"""What one run was told."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, TypeVar

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
class TrainConfig:
    """One training run."""

    data: Path
    out: Path
    recipe: str = "thaw"
    seed: int = 0
    split_seed: int | None = None
    """Draw the split at random with it; None takes the folder's own, or seed 0 where it has none."""
    cold_val: float = 0.1
    cold_test: float = 0.0
    threshold: float | None = None
    """The least value of a positive; None: as the folder says, or 1."""
    text_fields: tuple[str, ...] = ("title", "text")
    attributes: tuple[str, ...] | None = None
    """Those that the encoder of attributes reads; None: all but those that only time brings (training/readings.py)."""
    encoders: Mapping[str, str] = field(default_factory=dict)
    """By modality, over the recipe's own; `none` leaves a modality out, and `*` with it all that are not named."""
    numbers: Mapping[str, str] = field(default_factory=dict)
    """The recipe's numbers that differ from its own, as text."""
    device: str = "auto"
    cache: Path | None = None
    max_bad_share: float = 0.2
    overwrite: bool = False

    def __post_init__(self) -> None:
        if self.recipe not in ENCODERS:
            raise BadConfig(f"there is no recipe {self.recipe!r}: choose {' or '.join(ENCODERS)}")
        if not (0 < self.cold_val < 1 and 0 <= self.cold_test < 1 and self.cold_val + self.cold_test < 1):
            raise BadConfig("the shares of cold items must lie between 0 and 1 and leave some items warm")

    def encoder_names(self) -> dict[str, str]:
        """
        The run's encoders by modality.

        Raises:
            BadConfig: none is left.
        """
        names = {**({} if "*" in self.encoders else ENCODERS[self.recipe]), **self.encoders}
        kept = {modality: name for modality, name in names.items() if name != "none"}
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

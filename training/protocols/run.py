"""From a data folder to a protocol's tables."""

import dataclasses
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from training.config import DataConfig, ReadingConfig
from training.data.read import read_data
from training.errors import BadConfig
from training.features import encode_folder
from training.machine import describe_machine
from training.progress import Reporter, SilentReporter
from training.protocols import cold_only, missing, mixed, new_users, thawing
from training.protocols.methods import METHODS, OURS, choose_methods
from training.protocols.trial import Arena, Cut, Trial, draw_trial
from training.readings import make_reader, make_readings, reading_of

PROTOCOLS = ("cold-only", "mixed", "new-users", "missing", "thawing")


@dataclass(frozen=True, slots=True)
class ProtocolConfig:
    """One protocol over some splits."""

    protocol: str
    data: DataConfig
    seeds: int = 5
    first_seed: int = 0
    methods: tuple[str, ...] = tuple(METHODS)
    """Of `cold-only`; differences are to the first."""
    cut: Cut = dataclasses.field(default_factory=Cut)
    reading: ReadingConfig = dataclasses.field(default_factory=ReadingConfig)
    """Over what `thaw` reads by itself."""
    min_likes: int = thawing.MIN_LIKES
    """Of `thawing`: how many likes a test item needs to be measured."""

    def __post_init__(self) -> None:
        if self.protocol not in PROTOCOLS:
            raise BadConfig(f"there is no protocol {self.protocol!r}: choose {', '.join(PROTOCOLS)}")
        choose_methods(self.methods)  # names that there are not are told before any content is encoded
        no_likes = self.cut.likes is not None and self.cut.likes < 1
        if self.seeds < 1 or not 0 < self.cut.catalogue <= 1 or no_likes:
            raise BadConfig("a protocol needs one split or more, one like a user or more, and a share of the catalogue above 0")
        if self.min_likes < thawing.LEAST_MIN_LIKES:
            raise BadConfig(f"--min-likes is {self.min_likes}: an item needs one like to judge it by, and one as its event")

    @property
    def title(self) -> str:
        """What stands above the table."""
        splits = f"{self.protocol} on {self.data.path}, {self.seeds} splits from seed {self.first_seed}"
        return f"{splits}, test items with {self.min_likes:,} likes or more" if self.protocol == "thawing" else splits


def run_protocol(config: ProtocolConfig, reporter: Reporter) -> list[Any]:
    """
    Trains and measures over all splits.

    Returns:
        The protocol's rows, frozen dataclasses of plain values.

    Raises:
        DataError, TrainingError, EncoderError: each with a sentence.
    """
    return list(measure(config, draw_trials(config, reporter), reporter))


def draw_trials(config: ProtocolConfig, reporter: Reporter) -> list[Trial]:
    """Reads and encodes the folder, and draws the splits; raises as `run_protocol` does."""
    arena = open_arena(config, reporter)
    return [draw_trial(arena, config.first_seed + at, config.cut, reporter) for at in range(config.seeds)]


def measure(config: ProtocolConfig, trials: list[Trial], reporter: Reporter) -> Sequence[Any]:
    """Trains and measures on splits; the rows, and what is raised, are those of `run_protocol`."""
    if config.protocol == "cold-only":
        return cold_only.compare(trials, choose_methods(config.methods), reporter)
    if config.protocol == "missing":
        return missing.compare(trials, reporter)
    if config.protocol == "new-users":
        return new_users.compare(trials, reporter)
    if config.protocol == "thawing":
        return thawing.compare(trials, config.min_likes, reporter)
    return mixed.compare(trials, reporter)


def open_arena(config: ProtocolConfig, reporter: Reporter) -> Arena:
    """Reads the folder and encodes its content, or takes the features from the cache."""
    folder = read_data(config.data.path, threshold=config.data.threshold)
    chosen = reading_of(folder, config.reading).over(OURS)
    readings = make_readings(chosen, folder, [], "cpu", SilentReporter())  # each trial chooses among all attributes
    features = encode_folder(folder, folder.items, make_reader(readings), config.data, reporter)
    return Arena(folder, features, readings, chosen)


def print_rows(rows: Sequence[Any], title: str) -> None:
    """A table on standard output: a column for each plain field."""
    table = Table(title=title, title_justify="left")
    flat = [_flatten(row) for row in rows]
    for at, name in enumerate(flat[0]):
        table.add_column(name, justify="right" if at else "left", overflow="fold")
    for fields in flat:
        table.add_row(*(_show(value) for value in fields.values()))
    Console(width=160).print(table)


def write_rows(rows: Sequence[Any], config: ProtocolConfig, path: Path) -> None:
    """The rows, what was asked for, and when and where, as JSON; null for a number that is not finite."""
    body = {
        "settings": _settings(config),
        "machine": describe_machine(),
        "rows": [dataclasses.asdict(row, dict_factory=_finite) for row in rows],
    }
    path.write_text(json.dumps(body, indent=1, allow_nan=False) + "\n", encoding="utf-8")


def _settings(config: ProtocolConfig) -> dict[str, str]:
    """What was asked for, by name, as text."""
    fields = dataclasses.asdict(config)
    data, reading = fields.pop("data"), fields.pop("reading")
    fields |= {"data": data.pop("path"), **data, **reading}
    return {name: str(value) for name, value in fields.items()}


def _finite(fields: list[tuple[str, Any]]) -> dict[str, Any]:
    return {name: None if isinstance(value, float) and not math.isfinite(value) else value for name, value in fields}


def _flatten(row: Any) -> dict[str, Any]:
    fields: dict[str, Any] = {}
    for field in dataclasses.fields(row):
        value = getattr(row, field.name)
        if field.name == "settings":  # the log has them, and JSON
            continue
        if isinstance(value, Mapping):
            fields.update({key: item for key, item in value.items() if key in ("ndcg@20", "recall@20", "hr@20")})
        else:
            fields[field.name.replace("_", " ")] = value
    return fields


def _show(value: object) -> str:
    if isinstance(value, float):
        return f"{value:.4f}" if abs(value) < 10 else f"{value:.0f}"
    if isinstance(value, list):
        return " ".join(_show(part) for part in value)
    return "" if value is None else str(value)

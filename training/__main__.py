"""The command line of the offline half: `python -m training`."""

import json
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from model.encoders.choose import ACCEPTED
from model.errors import ProjectError
from model.item_tower import limit_threads
from training.config import DataConfig, ReadingConfig, TrainConfig
from training.data.demo import write_demo
from training.errors import BadConfig
from training.evaluate import EvaluateConfig, evaluate
from training.progress import ConsoleReporter
from training.protocols.methods import METHODS
from training.protocols.run import PROTOCOLS, ProtocolConfig, draw_trials, measure, print_rows, run_protocol, write_rows
from training.protocols.thawing import MIN_LIKES
from training.protocols.trial import Cut
from training.report import print_metrics, print_summary
from training.train import train
from training.verdict import METHODS as METHODS_TRIED
from training.verdict import Size, tell

app = typer.Typer(add_completion=False, no_args_is_help=True, pretty_exceptions_enable=False)

Data = Annotated[
    Path,
    typer.Option(
        "--data",
        help="A plain data folder: items and interactions tables (CSV, JSONL, Parquet), pictures; or one of "
        "features, as MMRec and LATTICE have it: image_feat.npy, text_feat.npy, and a .inter file, or train, val and test files.",
    ),
]
Cache = Annotated[
    Path | None, typer.Option(help="Where features and fetched pictures are kept; default THAW_CACHE_DIR or ~/.cache/thaw.")
]
Device = Annotated[str, typer.Option(help="auto, cpu or cuda.")]
TextFields = Annotated[str, typer.Option(help="Columns that text encoders read, in order.")]
Attributes = Annotated[
    str, typer.Option(help="Attributes that are read: their columns with commas between, none, or all but what only time brings.")
]
Threshold = Annotated[
    float | None,
    typer.Option(
        help="A rating of this value or more is a positive, and an event_type that weighs as much, or 1 where this is more; "
        "default 1, or as exported."
    ),
]
MaxBadShare = Annotated[float, typer.Option(help="Stop when more than this share of a table's rows is bad.")]

_SEEDS: Mapping[str, Any] = {"min": 0, "max": 2**63 - 1}
"""What torch and numpy both take."""
_OF_CHECKPOINTS = {"split": "--split", "device": "--device"}
_OF_PROTOCOLS = {
    "seeds": "--seeds",
    "first_seed": "--first-seed",
    "methods": "--methods",
    "likes": "--likes",
    "catalogue": "--catalogue",
    "min_likes": "--min-likes",
    "text_fields": "--text-fields",
    "attributes": "--attributes",
    "encoder": "--encoder",
}


@app.command("train")
def train_command(
    data: Data,
    out: Annotated[Path, typer.Option(help="The checkpoint directory to write.")],
    recipe: Annotated[str, typer.Option(help="thaw or paper.")] = "thaw",
    seed: Annotated[
        int,
        typer.Option(help="The same one gives the same checkpoint again; of the recipe paper up to rounding.", **_SEEDS),
    ] = 0,
    split_seed: Annotated[
        int | None, typer.Option(help="Draw the held-out items at random with this seed, not by the column split.", **_SEEDS)
    ] = None,
    cold_val: Annotated[float, typer.Option(help="Share of items to hold out, where the split is drawn.")] = 0.1,
    threshold: Threshold = None,
    text_fields: TextFields = "title,text",
    attributes: Attributes = "all",
    encoder: Annotated[
        list[str] | None, typer.Option(help=f"MODALITY=NAME, repeatable; NAME is none or one of {ACCEPTED}.")
    ] = None,
    number: Annotated[
        list[str] | None, typer.Option("--set", help="NAME=VALUE, repeatable: one of the recipe's numbers.")
    ] = None,
    device: Device = "auto",
    cache: Cache = None,
    max_bad_share: MaxBadShare = 0.2,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace what is at --out.")] = False,
) -> None:
    """Train a checkpoint from a data folder."""
    config = TrainConfig(
        data=DataConfig(data, threshold, cache, max_bad_share),
        out=out.resolve() if out.is_symlink() or out.name in ("", "..") else out,
        recipe=recipe,
        seed=seed,
        split_seed=split_seed,
        cold_val=cold_val,
        reading=_reading(text_fields, attributes, encoder),
        numbers=_pairs("--set", number),
        device=device,
        overwrite=overwrite,
    )
    print_summary(train(config, ConsoleReporter()))


@app.command("evaluate")
def evaluate_command(
    context: typer.Context,
    data: Data,
    checkpoint: Annotated[Path | None, typer.Option(help="A checkpoint directory, to rank a folder's items with.")] = None,
    protocol: Annotated[
        str | None, typer.Option(help=f"Instead of a checkpoint: train and measure over splits; {', '.join(PROTOCOLS)}.")
    ] = None,
    split: Annotated[str | None, typer.Option(help="Rank only the items of this split, such as cold_val.")] = None,
    seeds: Annotated[int, typer.Option(help="Over how many random splits a protocol measures.")] = 5,
    first_seed: Annotated[int, typer.Option(help="The first split's seed.", **_SEEDS)] = 0,
    methods: Annotated[
        str, typer.Option(help="Of cold-only: names with commas between, NAME* for all that begin so; the first is compared.")
    ] = ",".join(METHODS),
    likes: Annotated[int | None, typer.Option(help="A protocol keeps at most so many likes of a user for training.")] = None,
    catalogue: Annotated[float, typer.Option(help="The share of warm items that a protocol trains on.")] = 1.0,
    min_likes: Annotated[int, typer.Option(help="Of thawing: how many likes a test item needs to be measured.")] = MIN_LIKES,
    text_fields: TextFields = "title,text",
    attributes: Attributes = "all",
    encoder: Annotated[list[str] | None, typer.Option(help="As in train; of a protocol.")] = None,
    json_file: Annotated[Path | None, typer.Option("--json", help="Also write what was measured to this file.")] = None,
    threshold: Threshold = None,
    device: Device = "auto",
    cache: Cache = None,
    max_bad_share: MaxBadShare = 0.2,
) -> None:
    """Rank the items of a folder for the users that a checkpoint knows; or compare methods by a protocol."""
    if (checkpoint is None) == (protocol is None):
        raise BadConfig("give either --checkpoint or --protocol")
    _refuse(context, _OF_PROTOCOLS if protocol is None else _OF_CHECKPOINTS)
    _require_file(json_file)
    folder = DataConfig(data, threshold, cache, max_bad_share)
    if checkpoint is not None:
        _evaluate_checkpoint(EvaluateConfig(checkpoint, folder, split, device), json_file)
        return
    config = ProtocolConfig(
        protocol=str(protocol),
        data=folder,
        seeds=seeds,
        first_seed=first_seed,
        methods=_names(methods),
        cut=Cut(likes, catalogue),
        reading=_reading(text_fields, attributes, encoder),
        min_likes=min_likes,
    )
    rows = run_protocol(config, ConsoleReporter())
    print_rows(rows, config.title)
    if json_file is not None:
        write_rows(rows, config, json_file)


def _require_file(json_file: Path | None) -> None:
    """Before what is to be written there takes its time."""
    if json_file is not None:
        json_file.parent.mkdir(parents=True, exist_ok=True)
        if json_file.is_dir():
            raise BadConfig(f"--json {json_file} is a folder: name a file")
        if not os.access(json_file if json_file.exists() else json_file.parent, os.W_OK):
            raise BadConfig(f"--json {json_file} cannot be written")


def _refuse(context: typer.Context, options: Mapping[str, str]) -> None:
    """Options that were given and would mean nothing."""
    for name, option in options.items():
        source = context.get_parameter_source(name)
        if source is not None and source.name == "COMMANDLINE":
            raise BadConfig(f"{option} means nothing here: it is for --{'checkpoint' if name in _OF_CHECKPOINTS else 'protocol'}")


def _evaluate_checkpoint(config: EvaluateConfig, json_file: Path | None) -> None:
    evaluation = evaluate(config, ConsoleReporter())
    fields = evaluation.to_fields()
    print_metrics(fields, f"checkpoint {evaluation.space} on {config.data.path}")
    if evaluation.unknown_users:
        typer.echo(f"{evaluation.unknown_users:,} users of the folder are not in the checkpoint and were left out")
    if evaluation.warm_items:
        typer.echo(f"{evaluation.warm_items:,} candidates are warm in the checkpoint; --split ranks the cold ones alone")
    if json_file is not None:
        json_file.write_text(json.dumps(fields, indent=1) + "\n", encoding="utf-8")


@app.command("try")
def try_command(
    data: Annotated[Path, typer.Argument(help="A data folder, as for train.")],
    seeds: Annotated[int, typer.Option(min=1, help="Over how many random splits.")] = 3,
    text_fields: TextFields = "title,text",
    attributes: Attributes = "all",
    encoder: Annotated[list[str] | None, typer.Option(help="As in train.")] = None,
    json_file: Annotated[Path | None, typer.Option("--json", help="Also write what was measured to this file.")] = None,
    threshold: Threshold = None,
    cache: Cache = None,
    max_bad_share: MaxBadShare = 0.2,
) -> None:
    """Say whether Thaw is worth it on your data, against simple methods tuned alike, on items kept new. Takes minutes."""
    _require_file(json_file)
    config = ProtocolConfig(
        protocol="cold-only",
        data=DataConfig(data, threshold, cache, max_bad_share),
        seeds=seeds,
        methods=METHODS_TRIED,
        reading=_reading(text_fields, attributes, encoder),
    )
    reporter = ConsoleReporter()
    trials = draw_trials(config, reporter)
    rows = measure(config, trials, reporter)
    print_rows(rows, config.title)
    for sentence in tell(rows, Size.of(trials)):
        typer.echo(sentence)
    if json_file is not None:
        write_rows(rows, config, json_file)


@app.command("demo-data")
def demo_data_command(
    out: Annotated[Path, typer.Option(help="The folder to write.")],
    items: Annotated[int, typer.Option(help="How many items to train on.")] = 400,
    users: Annotated[int, typer.Option(help="How many users.")] = 300,
    seed: Annotated[int, typer.Option(help="Another seed, another catalogue.", **_SEEDS)] = 0,
) -> None:
    """Generate the demo catalogue: drawn pictures, made-up words, planted tastes."""
    write_demo(out, items=items, users=users, seed=seed)
    typer.echo(f"wrote the demo catalogue to {out}")


def _names(given: str) -> tuple[str, ...]:
    return tuple(name.strip() for name in given.split(",") if name.strip())


def _reading(text_fields: str, attributes: str, encoder: list[str] | None) -> ReadingConfig:
    asked = {"all": None, "none": ()}.get(attributes, _names(attributes))
    return ReadingConfig(_names(text_fields), asked, _pairs("--encoder", encoder))


def _pairs(option: str, given: list[str] | None) -> dict[str, str]:
    pairs = {}
    for pair in given or []:
        name, equals, value = pair.partition("=")
        if not (name and equals and value):
            raise BadConfig(f"{option} {pair!r}: write it as NAME=VALUE")
        pairs[name] = value
    return pairs


def main() -> None:
    """Runs a command; an error that Thaw raises on purpose, or a file's, is one sentence and exit status 1."""
    limit_threads(1)  # encoders run beside each other instead; see ContentEncoder
    try:
        app(prog_name="thaw")
    except (ProjectError, OSError) as error:
        typer.secho(f"error: {_tell(error)}", fg="red", err=True)
        sys.exit(1)


def _tell(error: Exception) -> str:
    """An error as a sentence; one of a file names the file."""
    return f"{error.filename}: {error.strerror}" if isinstance(error, OSError) and error.filename else str(error)


if __name__ == "__main__":
    main()

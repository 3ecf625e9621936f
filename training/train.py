"""From a data folder to a checkpoint."""

import importlib.metadata
import json
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from model.checkpoint import Checkpoint, require_free, save_checkpoint
from model.content import FloatArray
from model.encoders.probe import take_probes
from model.features import Features
from model.item_tower import all_threads
from model.manifest import EncoderRecord, Manifest
from training.cold_share import find_taus
from training.config import TrainConfig, read_numbers
from training.data.folder import DataFolder
from training.data.read import read_data
from training.dataset import WarmData, split_data
from training.errors import BadConfig, Diverged
from training.features import encode_folder
from training.history import keep_held_out, keep_interactions
from training.metrics import UserMetrics, rank_metrics
from training.progress import Reporter
from training.readings import Reading, make_reader, make_readings, reading_of
from training.recipes.embed import embed_all
from training.recipes.health import warn_of_collapse
from training.recipes.paper import PaperNumbers, train_paper
from training.recipes.thaw import train_thaw
from training.recipes.thaw_numbers import ThawNumbers
from training.recipes.trained import Job, Trained
from training.split import UNLIKED, has_split, set_unliked_apart, split_items

_LIBRARIES = ("torch", "numpy", "scipy", "safetensors", "sentence-transformers", "transformers", "pillow")

_NUMBERS: Mapping[str, type[PaperNumbers] | type[ThawNumbers]] = {"paper": PaperNumbers, "thaw": ThawNumbers}


@dataclass(frozen=True, slots=True)
class Summary:
    """What a run came to."""

    checkpoint: Checkpoint
    path: Path
    report: Path
    left_out: int
    """Rows of both tables that could not be used."""
    partly: int
    """Rows that were used without the part that is bad."""
    remarks: int
    """Rows that are named and may well be meant so."""
    seconds: float


def train(config: TrainConfig, reporter: Reporter) -> Summary:
    """
    Trains a checkpoint and writes it, with a report of bad rows beside it.

    Raises:
        DataError, TrainingError, CheckpointError, EncoderError: each with a sentence; nothing was written, or only the
            report.
    """
    start = time.monotonic()
    require_free(config.out, overwrite=config.overwrite)
    device = choose_device(config.device)
    read_numbers(_NUMBERS[config.recipe], config.numbers)  # a name that there is not is told before any content is encoded
    folder = read_data(config.data.path, threshold=config.data.threshold)
    config = replace(config, reading=reading_of(folder, config.reading))
    report = config.out.with_name(config.out.name + ".report.json")
    pairs = f"{len(folder.interactions):,} interactions (pairs of user and item, without those only viewed)"
    reporter.say(f"{len(folder.items):,} items, {pairs}, on {device}")
    readings = make_readings(config.full_reading, folder, split_labels(folder, config), device, reporter)
    try:
        features = encode_folder(folder, folder.items, make_reader(readings), config.data, reporter)
    except BaseException:
        with suppress(OSError):  # what ended the run is what is told
            write_report(folder, report)
        raise
    write_report(folder, report)
    checkpoint = train_on(folder, features, readings, config, reporter)
    saved = save_checkpoint(checkpoint, config.out, overwrite=config.overwrite)
    tables = (folder.bad_items, folder.bad_interactions)
    left_out, bad, remarks = (sum(counts) for counts in zip(*((t.dropped, t.bad, t.harmless) for t in tables), strict=True))
    return Summary(saved, config.out, report, left_out, bad - left_out, remarks, time.monotonic() - start)


def train_on(
    folder: DataFolder, features: Features, readings: Mapping[str, Reading], config: TrainConfig, reporter: Reporter
) -> Checkpoint:
    """A checkpoint from a folder whose features are ready; nothing is written."""
    labels = split_labels(folder, config)
    if UNLIKED in labels:
        reporter.say(f"{labels.count(UNLIKED):,} items that nobody liked are not learned, and stay what their content says")
    warm, cold = split_data(folder, features, labels)
    specs = {name: reading.encoder.spec for name, reading in readings.items()}
    job = Job(warm, cold, specs, config.seed, choose_device(config.device), reporter)
    trained = run_recipe(job, config)
    _require_finite(trained)
    predicted = embed_all(trained.mamex, cold.features)
    metrics = rank_metrics(trained.user_embeddings, predicted, cold.item_ids, cold.likes)
    manifest = Manifest(
        recipe=_describe_recipe(trained, config, report_health(trained, reporter)),
        network=trained.mamex.config,
        encoders={
            name: EncoderRecord(reading.name, reading.fields, reading.encoder.spec, reading.encoder.backend)
            for name, reading in readings.items()
        },
        dataset=_describe(folder, warm, len(cold.item_ids), config),
        metrics=_describe_metrics(metrics, len(cold.item_ids)),
        events_through=folder.events_through,
        store_id=folder.store_id,
        libraries={name: importlib.metadata.version(name) for name in _LIBRARIES},
    )
    return Checkpoint(
        manifest=manifest,
        mamex=trained.mamex,
        user_ids=warm.user_ids,
        user_embeddings=trained.user_embeddings,
        item_ids=warm.item_ids,
        item_embeddings=trained.item_embeddings,
        prior_user=trained.prior_user,
        fold_in={**trained.fold_in, **_cold_shares(trained, warm, predicted)},
        interactions=keep_interactions(warm.seen),
        held_out=keep_held_out(folder, labels),
        probes=take_probes({name: reading.encoder for name, reading in readings.items()}),
    )


def _describe_recipe(trained: Trained, config: TrainConfig, health: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "name": config.recipe,
        "seed": config.seed,
        "numbers": trained.numbers,
        "set": dict(config.numbers),
        "attributes": config.full_reading.asked_attributes,
        "health": health,
    }


def _describe_metrics(metrics: UserMetrics, items: int) -> dict[str, Any]:
    errors = {name: error for name, error in metrics.standard_errors().items() if "ndcg" in name}
    return {"split": "cold_val", **metrics.means(), **errors, "users": len(metrics.users), "items": items}


def split_labels(folder: DataFolder, config: TrainConfig) -> list[str]:
    """Which items a run learns from, and which it holds out."""
    return set_unliked_apart(split_items(folder.items, seed=config.split_seed, cold_val=config.cold_val), folder)


def report_health(trained: Trained, reporter: Reporter) -> dict[str, Any]:
    """How the mixture is used, with warnings, which are said as well."""
    warnings = warn_of_collapse(trained.mamex.config, trained.health)
    for warning in warnings:
        reporter.say(f"warning: {warning}")
    return {**trained.health, "warnings": warnings}


def _cold_shares(trained: Trained, warm: WarmData, cold: FloatArray) -> dict[str, FloatArray]:
    """Which tau gives lists which share of cold items, with the validation items as the cold ones; nothing if none does."""
    taus = find_taus(trained.user_embeddings, warm, trained.item_embeddings, cold)
    named = {"cold_shares": np.array([*taus], np.float32), "cold_taus": np.array([*taus.values()], np.float32)}
    return named if taus else {}


def run_recipe(job: Job, config: TrainConfig) -> Trained:
    """The run's recipe, with the run's numbers."""
    if config.recipe == "paper":
        with all_threads():
            return train_paper(job, read_numbers(PaperNumbers, config.numbers))
    return train_thaw(job, read_numbers(ThawNumbers, config.numbers))


def choose_device(name: str) -> str:
    """
    Raises:
        BadConfig: a GPU was asked for, and torch sees none.
    """
    if name == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    if name == "cuda" and not torch.cuda.is_available():
        raise BadConfig("torch sees no GPU here: use --device cpu, or install torch's CUDA build (make venv TORCH=cuda)")
    if name not in ("cpu", "cuda"):
        raise BadConfig(f"there is no device {name!r}: choose auto, cpu or cuda")
    return name


def write_report(folder: DataFolder, path: Path) -> None:
    """The bad rows of a folder, counted and named."""
    path.parent.mkdir(parents=True, exist_ok=True)
    tables = {bad.table: bad.to_fields() for bad in (folder.bad_items, folder.bad_interactions)}
    path.write_text(json.dumps(tables, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def _require_finite(trained: Trained) -> None:
    numbers = {
        "user embeddings": trained.user_embeddings,
        "item embeddings": trained.item_embeddings,
        "network's weights": np.concatenate([value.numpy().ravel() for value in trained.mamex.state_dict().values()]),
    }
    for what, values in numbers.items():
        if not np.isfinite(values).all():
            raise Diverged(what)


def _describe(folder: DataFolder, warm: WarmData, cold: int, config: TrainConfig) -> dict[str, Any]:
    return {
        "fingerprint": folder.fingerprint(),
        "split": "own" if has_split(folder.items, config.split_seed) else f"seed {config.split_seed or 0}",
        **folder.liking.to_fields(),
        "users": len(warm.user_ids),
        "warm_items": len(warm.item_ids),
        "cold_val_items": cold,
        "likes": int(warm.likes.nnz),
        "interactions": int(warm.seen.nnz),
    }

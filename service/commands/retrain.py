"""The loop is closed: what a service gathered trains the next checkpoint, which takes over if it is not worse."""

import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from model.checkpoint import load_manifest
from model.encoders.spec import Kind
from model.manifest import Manifest
from service.client import Client
from service.commands.compare import Comparison, compare, judge
from service.commands.export import Exported, HoldOut, export
from service.commands.working_folder import held, remove_left
from service.errors import ServiceError
from service.serving.configured import choose_checkpoint, open_at
from service.settings import Settings
from service.store.snapshot import open_snapshot
from service.thawing.reactions import make_rules

FEW_ITEMS, FEW_USERS = 20, 50
_PREFIX = "thaw-retrain-"


class RetrainFailed(ServiceError):
    """A step went wrong; the message says which. The old checkpoint serves."""


@dataclass(frozen=True, slots=True)
class Retrained:
    """What came of it."""

    checkpoint: Path
    space: str
    events_through: int
    comparison: Comparison | None
    """None: no item could be kept cold to compare on."""
    swapped: bool
    stopped_by_them: bool = False
    """Whether the new one's training was stopped by the items that both are compared on, too."""

    def to_fields(self) -> dict[str, Any]:
        """As JSON holds it."""
        return {**asdict(self), "checkpoint": str(self.checkpoint)}


@dataclass(frozen=True, slots=True)
class Wishes:
    """How to retrain."""

    url: str
    out: Path | None = None
    """The new checkpoint's directory; None: beside the one that serves, named by the time."""
    hold_out: HoldOut = field(default_factory=HoldOut)
    force: bool = False
    """Swap although the new one is worse, or cannot be compared."""
    train_arguments: Sequence[str] = ()
    """More of them for `thaw train`."""


def retrain(settings: Settings, wishes: Wishes) -> Retrained:
    """
    Exports, trains, compares on items kept cold from both checkpoints, and swaps.

    Raises:
        RetrainFailed: nothing to compare on and not forced, training failed, or the service did not take the checkpoint.
        CallFailed: the service does not answer, or refuses: the key before anything is trained.
        ProjectError: the store or the checkpoint that serves cannot be read.
    """
    serving = choose_checkpoint(settings)
    manifest = load_manifest(serving)
    _require_serving(wishes.url, manifest.version)
    out = wishes.out or serving.absolute().with_name(f"checkpoint-{datetime.now(UTC):%Y%m%dT%H%M%SZ}")
    remove_left(Path(tempfile.gettempdir()), _PREFIX)
    with tempfile.TemporaryDirectory(prefix=_PREFIX) as folder, held(Path(folder)):
        exported = export(settings, serving, Path(folder) / "export", wishes.hold_out)
        if not wishes.force:
            _require_comparable(exported)
        _train(Path(folder) / "export", out, _options(manifest) + list(wishes.train_arguments))
    comparison = _compare(settings, serving, out, exported) if exported.held_out else None
    comparison = comparison if comparison and comparison.users else None  # all of them may have been erased meanwhile
    swapped = wishes.force or (comparison is not None and not comparison.is_worse)
    if swapped:
        _swap(wishes.url, out)
    same = bool(exported.held_out) and exported.compared_on == exported.held_out
    return Retrained(out, load_manifest(out).version, exported.events_through, comparison, swapped, same)


def say(done: Retrained) -> str:
    """What came of it, for people."""
    found = done.comparison
    if found is None:
        what = "serves now, from" if done.swapped else "was not swapped in (--force does): it is at"
        return f"not compared, as nobody who likes an item that was kept cold is there; {done.space} {what} {done.checkpoint}"
    difference = f"{found.new - found.serving:+.4f} ± {found.stderr:.4f}"
    lines = [
        f"on {found.items:,} items that are cold in both, for {found.users:,} users who liked some: "
        f"NDCG@20 {found.serving:.4f} serving, {found.new:.4f} new (difference {difference})"
    ]
    if found.items < FEW_ITEMS or found.users < FEW_USERS:
        lines.append("so few items and users say little")
    if done.stopped_by_them:
        lines.append("they are also what the new one was stopped by, which favours it: there are too few to keep some apart")
    if done.swapped:
        lines.append(f"{done.space} serves now, from {done.checkpoint}" + (", although it is worse" if found.is_worse else ""))
    else:
        lines.append(f"the new one is worse: the old one serves on. --force takes it all the same; it is at {done.checkpoint}")
    return "\n".join(lines)


def _require_serving(url: str, version: str) -> None:
    """That the key may swap a checkpoint in, and the service is the one that our settings are of."""
    with Client(url) as client:
        client.require_admin()
        space = client.model()["space"]
    if space != version:
        raise RetrainFailed(
            f"{url} serves {space}, and by THAW_STORE_URL and THAW_CHECKPOINT it should be {version}: "
            "run this with the settings of that service"
        )


def _require_comparable(exported: Exported) -> None:
    if not exported.held_out:
        raise RetrainFailed(
            f"no item that is cold in {exported.space} was liked by anybody since: there is nothing to learn of new items, "
            "and nothing to compare on; --force trains on what else was done, and takes what comes of it"
        )


def _options(manifest: Manifest) -> list[str]:
    """`thaw train` as it was for a checkpoint."""
    named = [option for name, record in manifest.encoders.items() for option in ("--encoder", f"{name}={record.name}")]
    attributes = str(manifest.recipe.get("attributes", "none"))
    if attributes == "all":  # also those that no item had then
        named += ["--encoder", "attributes=lexical-attributes"]
    return [
        *("--recipe", str(manifest.recipe["name"]), "--seed", str(manifest.recipe.get("seed", 0))),
        *("--text-fields", ",".join(_text_fields(manifest)), "--attributes", attributes),
        *("--encoder", "*=none", *named),
        *(option for name, value in manifest.recipe.get("set", {}).items() for option in ("--set", f"{name}={value}")),
    ]


def _text_fields(manifest: Manifest) -> Sequence[str]:
    """Each modality of words reads all of them, but for `title`, which reads the first that is not blank."""
    words = [record.fields for record in manifest.encoders.values() if record.spec.kind is Kind.TEXT]
    plain = [fields for fields in words if not any("|" in name for name in fields)]
    return plain[0] if plain else words[0][0].split("|") if words else ("title", "text")


def _train(data: Path, out: Path, options: Sequence[str]) -> None:
    command = [sys.executable, "-m", "training", "train", "--data", str(data), "--out", str(out), *options]
    if subprocess.run(command, check=False).returncode:
        raise RetrainFailed("training failed; its message is above")


def _compare(settings: Settings, serving: Path, new: Path, exported: Exported) -> Comparison:
    spaces = [open_at(settings, path) for path in (serving, new)]
    rules = make_rules(settings, spaces[0])
    with open_snapshot(settings.store_url) as snapshot:
        judged = judge(snapshot, exported.compared_on, rules.liking)
    return compare(spaces[0], spaces[1], judged, rules)


def _swap(url: str, checkpoint: Path) -> None:
    with Client(url) as client:
        client.swap_model(str(checkpoint.absolute()))
        while (swap := client.model()["swap"])["state"] not in ("done", "failed"):
            time.sleep(0.5)
    if swap["state"] == "failed":
        raise RetrainFailed(f"{checkpoint} was not swapped in: {swap['error']}; the old checkpoint serves")

"""A running service's catalogue, its events and what its checkpoint learned from, as a plain folder to train on."""

import csv
import gzip
import itertools
import json
import secrets
import shutil
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from random import Random
from typing import Any

from model.checkpoint import Checkpoint, load_checkpoint
from model.event_types import RATING, Liking
from model.interactions import History
from model.plain.export_note import ExportNote, write_note
from model.plain.items import COLD_TEST, COLD_VAL, WARM
from model.plain.kept_features import KeptFeatures, write_features
from service.commands.working_folder import held, remove_left
from service.errors import ServiceError
from service.settings import Settings
from service.store.event_records import NewEvent
from service.store.records import StoredItem
from service.store.snapshot import Snapshot, open_snapshot

_STOP_BY = 0.1
"""Of all items that somebody liked: held out to stop by where no cold one is there; another draw each time."""
_ENOUGH = 20
"""Items to compare two checkpoints on."""
_HEADER = ("user_id", "item_id", "event_type", "value", "timestamp")


class ExportRefused(ServiceError):
    """The export was not begun, or nothing of it is there."""


@dataclass(frozen=True, slots=True)
class HoldOut:
    """Which items are kept cold in the checkpoint that is trained on the export, to judge it by."""

    share: float = 0.2
    """Of the items that are cold in the serving checkpoint and have enough likes."""
    least_likes: int = 5
    seed: int | None = None
    """None: another draw after each export with new events."""


@dataclass(frozen=True, slots=True)
class Exported:
    """What was written; `export.json` holds the same, and what counts as a like."""

    space: str
    events_through: int
    items: int = 0
    events: int = 0
    history: int = 0
    """Interactions of the serving checkpoint's training."""
    held_out: list[str] = field(default_factory=list)
    """Items that are cold in the serving checkpoint and shall be so in the next one; none where no cold item has likes."""
    least_likes: int = 0
    """How many likes each of them has at least."""
    compared_on: list[str] = field(default_factory=list)
    """Those of them that neither checkpoint is stopped by, where there are enough; else all of them."""
    left_out: Mapping[str, int] = field(default_factory=dict)
    """Rows by why they are not there."""


def export(settings: Settings, checkpoint: Path, out: Path, hold_out: HoldOut) -> Exported:
    """
    Writes the folder beside its final name, then renames it; removes what a killed export to the same name left there.

    Users that were erased are left out, whatever they did since: no checkpoint learns from them again.

    Raises:
        ExportRefused: something is at `out`; it was not touched.
        StoreUnavailable, CheckpointError: nothing was written.
    """
    if out.exists():
        raise ExportRefused(f"{out} is there already: name another folder, or remove it")
    loaded = load_checkpoint(checkpoint)
    out.parent.mkdir(parents=True, exist_ok=True)
    prefix = f".{out.name}."
    remove_left(out.parent, prefix)
    working = out.with_name(prefix + secrets.token_hex(4))
    working.mkdir()
    try:
        with held(working), open_snapshot(settings.store_url) as snapshot:
            exported = _Writer(snapshot, loaded, hold_out, settings.liking(loaded.manifest.liking)).write(working)
            working.rename(out)
    finally:
        shutil.rmtree(working, ignore_errors=True)
    return exported


@dataclass(frozen=True, slots=True)
class _Splits:
    """What training is to do with each item."""

    liked: set[str]
    stop_by: frozenset[str]
    unseen: frozenset[str]

    def label(self, item_id: str) -> str:
        """Nobody liked it, or two checkpoints are to be compared on it: training has nothing to do with it."""
        if item_id in self.unseen or item_id not in self.liked:
            return COLD_TEST
        return COLD_VAL if item_id in self.stop_by else WARM


class _Writer:
    def __init__(self, snapshot: Snapshot, checkpoint: Checkpoint, hold_out: HoldOut, liking: Liking) -> None:
        self._snapshot, self._checkpoint, self._hold_out = snapshot, checkpoint, hold_out
        self._erased = snapshot.erased()
        self._liking = liking
        self._left_out: Counter[str] = Counter()

    def write(self, folder: Path) -> Exported:
        ids = {item.item_id for item in self._snapshot.items()}
        through = self._snapshot.events_through
        history = self._write_interactions(folder, ids)
        likes, random = self._likes(ids), Random(through if self._hold_out.seed is None else self._hold_out.seed)
        liked = likes.keys() | self._liked_in_training(ids)
        held_out, least = self._draw(likes, random)
        unseen = self._draw_unseen(held_out, random)
        stop_by = sorted({*held_out} - {*unseen}) or _draw_share(sorted(liked), _STOP_BY, random)
        items = self._write_items(folder, _Splits(liked, frozenset(stop_by), frozenset(unseen)))
        write_features(folder, self._features())
        counts = {"items": items, "events": history[1], "history": history[0]}
        exported = Exported(
            self._checkpoint.version,
            through,
            **counts,
            held_out=held_out,
            least_likes=least,
            compared_on=unseen or held_out,
            left_out=dict(self._left_out),
        )
        write_note(folder, ExportNote(self._liking, through, self._snapshot.store_id), asdict(exported))
        return exported

    def _write_interactions(self, folder: Path, ids: set[str]) -> tuple[int, int]:
        history = events = 0
        with gzip.open(folder / "interactions.csv.gz", "wt", newline="", encoding="utf-8", compresslevel=3) as file:
            writer = csv.writer(file)
            writer.writerow(_HEADER)
            for row in self._history(ids):
                writer.writerow(row)
                history += 1
            for event in self._events(ids, note=True):
                value = "" if event.value is None else repr(event.value)
                writer.writerow((event.user_id, event.item_id, event.event_type, value, repr(event.timestamp)))
                events += 1
        return history, events

    def _history(self, ids: set[str]) -> Iterator[tuple[str, ...]]:
        """What users did in the data of the checkpoint's training: before all events, so that a later event outweighs it."""
        learned = History(self._checkpoint.user_ids, self._checkpoint.item_ids, self._checkpoint.interactions)
        positive = ("like", "") if self._liking.is_positive("like") else (RATING, repr(self._liking.threshold))
        seen = (RATING, repr(min(0.0, self._liking.threshold - 1)))  # and no positive
        for user_id, item_id, weight in itertools.chain(learned.rows(), self._checkpoint.held_out.rows()):
            if user_id in self._erased:
                self._left_out["interaction of an erased user"] += 1
            elif item_id not in ids:
                self._left_out["trained on an item that is not in the store"] += 1
            else:
                yield user_id, item_id, *(positive if weight > 0 else seen), ""

    def _events(self, ids: set[str], *, note: bool = False) -> Iterator[NewEvent]:
        for _, event in self._snapshot.events():
            reason = "event of an erased user" if event.user_id in self._erased else ""
            reason = reason or ("" if event.item_id in ids else "event on an item that is not in the store")
            if not reason:
                yield event
            elif note:
                self._left_out[reason] += 1

    def _likes(self, ids: set[str]) -> Counter[str]:
        """How many users liked each item since the checkpoint was trained, as far as it has any."""
        pairs = {
            (event.user_id, event.item_id)
            for event in self._events(ids)
            if self._liking.is_positive(event.event_type, event.value)
        }
        return Counter(item_id for _, item_id in pairs)

    def _draw(self, likes: Counter[str], random: Random) -> tuple[list[str], int]:
        """Items to keep cold, and how many likes each of those that they were drawn from has at least."""
        warm = set(self._checkpoint.item_ids)
        for least in (self._hold_out.least_likes, 1):
            enough = sorted(item_id for item_id, count in likes.items() if count >= least and item_id not in warm)
            if enough:
                return _draw_share(enough, self._hold_out.share, random), least
        return [], 0

    def _draw_unseen(self, held_out: list[str], random: Random) -> list[str]:
        """Half of the items to keep cold, of those that the serving checkpoint was not stopped by; none where they are few."""
        known = set(self._checkpoint.held_out.item_ids)
        unseen = [item_id for item_id in held_out if item_id not in known]
        return _draw_share(unseen, 0.5, random) if len(unseen) >= 2 * _ENOUGH else []

    def _liked_in_training(self, ids: set[str]) -> set[str]:
        """Items that the checkpoint learned, and those that it held out and somebody liked."""
        held_out = {item_id for _, item_id, weight in self._checkpoint.held_out.rows() if weight > 0}
        return ids & (held_out | set(self._checkpoint.item_ids))

    def _write_items(self, folder: Path, splits: "_Splits") -> int:
        count = 0
        with (folder / "items.jsonl").open("w", encoding="utf-8") as file:
            for item in self._snapshot.items():
                file.write(json.dumps(self._row(item, splits.label(item.item_id)), ensure_ascii=False) + "\n")
                count += 1
        return count

    def _row(self, item: StoredItem, split: str) -> dict[str, Any]:
        return {
            "item_id": item.item_id,
            "title": item.title,
            "text": item.text,
            "split": split,
            "has_features": bool(item.features),
            "attributes": dict(item.attributes),
        }

    def _features(self) -> Iterator[KeptFeatures]:
        for item in self._snapshot.items():
            for modality, kept in item.features.items():
                yield KeptFeatures(item.item_id, modality, kept.fingerprint, kept.input, kept.data)


def _draw_share(item_ids: Sequence[str], share: float, random: Random) -> list[str]:
    """Some of them, one at least where there are any."""
    return sorted(random.sample(item_ids, min(len(item_ids), max(1, round(share * len(item_ids))))))

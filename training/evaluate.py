"""How well a checkpoint ranks the items of a folder for the users that it knows."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import scipy.sparse as sp

from model.anchors import Anchors
from model.checkpoint import Checkpoint, load_checkpoint, make_encoders, make_tower
from model.content_encoder import ContentEncoder
from model.plain.items import CatalogueItem
from training.config import DataConfig
from training.data.folder import DataFolder
from training.data.read import read_data
from training.dataset import to_matrix
from training.errors import NothingLeft
from training.features import encode_folder
from training.metrics import UserMetrics, rank_metrics
from training.progress import Reporter
from training.split import has_split
from training.train import choose_device


@dataclass(frozen=True, slots=True)
class EvaluateConfig:
    """One evaluation."""

    checkpoint: Path
    data: DataConfig
    split: str | None = None
    """Only the items of this split are candidates; None for all of the folder's."""
    device: str = "auto"


@dataclass(frozen=True, slots=True)
class Evaluation:
    """Metrics over a folder's items as candidates."""

    space: str
    metrics: UserMetrics
    items: int
    warm_items: int
    unknown_users: int

    def to_fields(self) -> dict[str, Any]:
        """Plain keys at the top level."""
        counts = {"users": len(self.metrics.users), "items": self.items, "warm_items": self.warm_items}
        return {
            "space": self.space,
            **self.metrics.means(),
            **self.metrics.standard_errors(),
            **counts,
            "unknown_users": self.unknown_users,
        }


def evaluate(config: EvaluateConfig, reporter: Reporter) -> Evaluation:
    """
    Ranks exactly a folder's items, as the service would.

    A user is judged by the folder's positives; what it had in training is neither candidate nor positive for it.

    Raises:
        NothingLeft: there is no candidate, or no user that the checkpoint knows likes any.
        DataError, CheckpointError, EncoderError: each with a sentence.
    """
    checkpoint = load_checkpoint(config.checkpoint)
    folder = read_data(config.data.path, threshold=config.data.threshold)
    folder.require_usable(config.data.max_bad_share)
    items = [item for item in folder.items if config.split in (None, item.split)]
    if not items:
        raise NothingLeft(f"{folder.path} holds no item of the split {config.split!r}{_hint(folder)}")
    embeddings, kept = _embed(checkpoint, items, folder, config, reporter)
    likes, unknown = _likes(folder, checkpoint, kept)
    ids = [item.item_id for item in kept]
    excluded = _seen(checkpoint, ids)
    metrics = rank_metrics(checkpoint.user_embeddings, embeddings, ids, likes, excluded=excluded)
    if not len(metrics.users):
        raise NothingLeft(f"no user that the checkpoint knows likes any of the {len(ids):,} candidates beyond its training data")
    anchors = Anchors(checkpoint)
    return Evaluation(checkpoint.version, metrics, len(ids), sum(map(anchors.is_warm, ids)), unknown)


def _hint(folder: DataFolder) -> str:
    if has_split(folder.items, None):
        return ""
    drawn = "`thaw train` drew the items that it held out, and printed how well they are ranked"
    if folder.given:
        return f", as nothing there says which are held out: {drawn}"
    return f", as its items have no column split: {drawn}. To rank a split by itself, add the column and train again"


def _embed(
    checkpoint: Checkpoint, items: list[CatalogueItem], folder: DataFolder, config: EvaluateConfig, reporter: Reporter
) -> tuple[np.ndarray[Any, Any], list[CatalogueItem]]:
    """Anchors of the items that have any usable content, and these items."""
    given = [features.encoder for features in folder.given.values()]
    encoders = make_encoders(checkpoint.manifest, device=choose_device(config.device), running=given)
    tower = make_tower(checkpoint, encoders)
    reader = ContentEncoder(encoders, checkpoint.manifest.fields)
    features = encode_folder(folder, items, reader, config.data, reporter)
    rows = np.flatnonzero(tower.readable(features))
    kept = [items[row] for row in rows]
    contents = tower.embed(features.take(rows)).embeddings
    return Anchors(checkpoint).place([item.item_id for item in kept], contents), kept


def _likes(folder: DataFolder, checkpoint: Checkpoint, items: list[CatalogueItem]) -> tuple[sp.csr_array, int]:
    """Positives with the candidates, rows as in the checkpoint; and how many of the folder's users it does not know."""
    rows = {item.item_id: row for row, item in enumerate(folder.items)}
    table = to_matrix(folder.interactions, np.array([rows[item.item_id] for item in items], np.intp), positives=True)
    known = {user_id: row for row, user_id in enumerate(folder.interactions.user_ids)}
    found = [(row, known[user_id]) for row, user_id in enumerate(checkpoint.user_ids) if user_id in known]
    pairs = np.array(found, np.intp).reshape(-1, 2)
    pick = sp.csr_array(
        (np.ones(len(found), np.float32), (pairs[:, 0], pairs[:, 1])),
        shape=(len(checkpoint.user_ids), len(known)),
    )
    return sp.csr_array(pick @ table), len(known) - len(found)


def _seen(checkpoint: Checkpoint, ids: list[str]) -> sp.csr_array:
    """What each user had in training, by candidate; an entry wherever one was seen."""
    kept = checkpoint.interactions
    column_of = {item_id: column for column, item_id in enumerate(ids)}
    columns = np.array([column_of.get(item_id, -1) for item_id in checkpoint.item_ids], np.int64)[kept.items]
    users = np.repeat(np.arange(len(checkpoint.user_ids)), np.diff(kept.indptr))
    there = columns >= 0
    cells = (users[there], columns[there])
    return sp.csr_array((np.ones(int(there.sum()), np.float32), cells), shape=(len(checkpoint.user_ids), len(ids)))

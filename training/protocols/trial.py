"""One draw of warm, validation and test items, and what each method may see of it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from model.content import Content
from model.content_encoder import ContentEncoder
from model.encoders.spec import EncoderSpec, Kind
from model.features import Features
from training.config import ReadingConfig
from training.data.folder import DataFolder
from training.dataset import ColdData, WarmData, cold_data, keep_entries, split_data
from training.errors import NotApplicable, NothingLeft
from training.progress import Reporter
from training.readings import Reading, choose_attributes
from training.recipes.trained import Job
from training.split import draw_labels

ITEMS_HELD_OUT = 0.1
"""The share of items that are validation items, and again of those that are test items."""


@dataclass(frozen=True, slots=True)
class Arena:
    """A folder whose content is encoded: what all trials draw from."""

    folder: DataFolder
    features: Features
    readings: Mapping[str, Reading]
    chosen: ReadingConfig
    """What was asked for."""

    @property
    def specs(self) -> dict[str, EncoderSpec]:
        """The encoders' specs by modality."""
        return {name: reading.encoder.spec for name, reading in self.readings.items()}


@dataclass(frozen=True, slots=True)
class Cut:
    """How much of the data a trial keeps for training."""

    likes: int | None = None
    """At most so many likes a user, drawn at random; None keeps all."""
    catalogue: float = 1.0
    """The share of warm items that are kept."""


@dataclass(frozen=True, slots=True)
class Trial:
    """One split."""

    seed: int
    job: Job
    test: ColdData
    """Candidates of the final judgement; users' rows as in the job's warm data."""

    @property
    def ratio(self) -> float:
        """Test items to training items."""
        return len(self.test.item_ids) / len(self.job.warm.item_ids)

    def reading(self, modalities: tuple[str, ...]) -> "Trial":
        """
        The same trial, with these modalities alone; items that have none of them stay, with nothing to read.

        Raises:
            NotApplicable: this run reads none of them.
        """
        if not set(modalities) & self.job.specs.keys():
            what = f"no encoder of what is read: {', '.join(modalities)}" if modalities else "nothing else to read"
            raise NotApplicable(f"this run has {what}")
        at = [place for place, name in enumerate(self.job.specs) if name in modalities]
        specs = {name: spec for name, spec in self.job.specs.items() if name in modalities}
        warm, cold = self.job.warm, self.job.cold
        job = replace(
            self.job,
            specs=specs,
            warm=replace(warm, features=pick(warm.features, at)),
            cold=replace(cold, features=pick(cold.features, at)),
        )
        return replace(self, job=job, test=replace(self.test, features=pick(self.test.features, at)))


def pick(features: Features, places: list[int]) -> Features:
    """Some modalities' features."""
    return Features(tuple(features.values[place] for place in places), features.present[:, places])


def draw_trial(arena: Arena, seed: int, cut: Cut, reporter: Reporter) -> Trial:
    """
    80 % of the items warm, 10 % for validation and 10 % for the test, at random.

    Raises:
        NothingLeft: a part has no like.
    """
    labels = draw_labels(len(arena.folder.items), seed, ITEMS_HELD_OUT, ITEMS_HELD_OUT)
    random = np.random.default_rng([seed, 1])
    warm_rows = np.flatnonzero(np.array(labels) == "warm")
    for row in random.permutation(warm_rows)[round(len(warm_rows) * cut.catalogue) :]:
        labels[row] = "left out"
    features = _choose_attributes(arena, labels, reporter)
    warm, cold = split_data(arena.folder, features, labels)
    if cut.likes is not None:
        warm = keep_few(warm, cut.likes, random)
    test = cold_data(arena.folder, features, labels, "cold_test", warm.user_ids)
    if not test.likes.nnz:
        raise NothingLeft(f"no user of the warm items likes any of the {len(test.item_ids):,} test items")
    return Trial(seed, Job(warm, cold, arena.specs, seed, "cpu", reporter), test)


def _choose_attributes(arena: Arena, labels: Sequence[str], reporter: Reporter) -> Features:
    """The features, those of attributes made of the attributes that training reads where these items are warm."""
    values, present = list(arena.features.values), arena.features.present.copy()
    for at, (name, reading) in enumerate(arena.readings.items()):
        if reading.encoder.spec.kind is Kind.ATTRIBUTES:
            fields = choose_attributes(arena.chosen, arena.folder, labels, reporter)
            reader = ContentEncoder({name: reading.encoder}, {name: fields})
            values[at], present[:, at] = reader.read_attributes(
                name, [Content(attributes=item.attributes) for item in arena.folder.items]
            )
    return Features(tuple(values), present)


def keep_few(warm: WarmData, count: int, random: np.random.Generator) -> WarmData:
    """The same users, each with at most so many likes, drawn at random."""
    likes = warm.likes
    users = np.repeat(np.arange(likes.shape[0]), np.diff(likes.indptr))
    order = np.lexsort((random.random(likes.nnz), users))
    place = np.arange(likes.nnz) - likes.indptr[users]  # within the user, in the shuffled order
    kept = np.zeros(likes.nnz, np.bool_)
    kept[order[place < count]] = True
    few = keep_entries(likes, kept)
    return replace(warm, likes=few, seen=few)

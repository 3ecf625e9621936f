"""What every recipe is given, and what it gives back."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from model.config import ModalityConfig
from model.content import FloatArray
from model.encoders.spec import EncoderSpec
from model.mamex import Mamex
from training.dataset import ColdData, WarmData
from training.metrics import rank_metrics
from training.progress import Reporter
from training.recipes.thawing_fit import Origin

JUDGES = 20_000
"""How many users a recipe's selection looks at, at most: time would grow with users times held-out items."""


@dataclass(frozen=True, slots=True)
class Job:
    """One training run, its data ready."""

    warm: WarmData
    cold: ColdData
    specs: Mapping[str, EncoderSpec]
    """The encoders' specs by modality, in the order of the features."""
    seed: int
    device: str
    reporter: Reporter

    @property
    def modalities(self) -> tuple[ModalityConfig, ...]:
        """As the network's config holds them."""
        return tuple(ModalityConfig(name, spec.dim, spec.sparse) for name, spec in self.specs.items())

    def ndcg(self, users: FloatArray, items: FloatArray) -> float:
        """
        What selection goes by: mean NDCG@20 on the items held out for validation, over users who like any, `JUDGES` at most.

        Args:
            users: (U, D), rows as in the warm data.
            items: (C, D), rows as in the cold data.
        """
        looked = spread_judges(self.cold.likes, JUDGES)
        found = rank_metrics(users[looked], items, self.cold.item_ids, self.cold.likes[looked], cutoffs=(20,))
        return found.means()["ndcg@20"]


def spread_judges(likes: sp.csr_array, most: int) -> NDArray[np.intp]:
    """Rows of the users who like anything, or so many of them, evenly spread; others have nothing to judge by."""
    rows = np.flatnonzero(np.diff(likes.indptr))
    return np.asarray(rows[np.linspace(0, len(rows) - 1, min(len(rows), most)).astype(np.intp)], np.intp)


@dataclass(frozen=True, slots=True)
class Trained:
    """A network, and the users and warm items that go with it, rows as in the warm data."""

    mamex: Mamex
    user_embeddings: FloatArray
    item_embeddings: FloatArray
    prior_user: FloatArray
    fold_in: Mapping[str, FloatArray]
    """As the checkpoint keeps it."""
    numbers: Mapping[str, Any]
    """Every number of the recipe, as the manifest keeps them."""
    health: Mapping[str, Any]
    """How the mixture is used: mean gate, load and entropy of experts."""
    origin: Origin | None = None
    """How the warm items came of the users who like them; None where a recipe learned both freely."""

"""What a service must serve, computed from its store and checkpoint alone, one event and one user at a time."""

import sqlite3
from collections import defaultdict
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from model.checkpoint import Checkpoint
from model.content import FloatArray
from model.event_types import WEIGHTS
from model.fold_in import FoldIn
from model.thawing import Evidence, Thawing

LOOKS = ("view", "impression")


class Recomputed:
    """Lists and items as they must be."""

    def __init__(self, database: Path, checkpoint: Checkpoint, half_life_seconds: float = np.inf) -> None:
        self.checkpoint, self.half_life = checkpoint, half_life_seconds
        self.fold_in = FoldIn(checkpoint.fold_in)
        self._trained: dict[tuple[str, bool], set[str]] = {}
        self._steps: dict[str, FloatArray] = {}
        self.users = {user: row for row, user in enumerate(checkpoint.user_ids)}
        self.learned = dict(zip(checkpoint.item_ids, checkpoint.item_embeddings, strict=True))
        connection = sqlite3.connect(database)
        query = "SELECT item_id, vector FROM embeddings WHERE space = ?"
        rows = connection.execute(query, (checkpoint.version,)).fetchall()
        self.posted = {item: self.learned.get(item, np.frombuffer(vector, np.float32)) for item, vector in rows}
        self.anchors = {**self.learned, **self.posted}
        self.erased = {user for (user,) in connection.execute("SELECT user_id FROM erasures")}
        self.events: dict[str, dict[str, list[tuple[float, str]]]] = defaultdict(lambda: defaultdict(list))
        events = connection.execute("SELECT number, user_id, item_id, event_type, timestamp FROM events").fetchall()
        for number, user, item, kind, moment in events:
            trained = number <= (checkpoint.manifest.events_through or 0) and item in self.in_training(user, liked=False)
            if not trained:
                self.events[user][item].append((moment, kind))
        connection.close()
        self.served = {item: self._thawed(item) for item in self.posted}

    def in_training(self, user: str, *, liked: bool) -> set[str]:
        if (user, liked) not in self._trained:
            self._trained[user, liked] = self._in_training(user, liked)
        return self._trained[user, liked]

    def step(self, item: str) -> FloatArray:
        if item not in self._steps:
            self._steps[item] = self.fold_in.steps(self.anchors[item][None])[0]
        return self._steps[item]

    def _in_training(self, user: str, liked: bool) -> set[str]:
        if user in self.erased or user not in self.users:
            return set()
        kept, row = self.checkpoint.interactions, self.users[user]
        own = range(kept.indptr[row], kept.indptr[row + 1])
        return {self.checkpoint.item_ids[kept.items[at]] for at in own if not liked or kept.weights[at] > 0}

    def weight(self, user: str, item: str) -> tuple[float, float]:
        """Of one user's events on one item: the weight that counts, and when it was said."""
        counts: tuple[float, float] = (0.0, 0.0)
        for moment, kind in sorted(self.events[user][item], key=lambda one: (one[0], -WEIGHTS[one[1]])):
            weight = WEIGHTS[kind]
            if weight < 0 or (weight > 0 and weight >= counts[0]):
                counts = (weight, moment)
        if counts[0] <= 0 or item not in self.in_training(user, liked=True):
            return counts
        took_back = any(WEIGHTS[kind] < 0 for _, kind in self.events[user][item])
        return (counts[0] - 1.0, counts[1]) if took_back else (0.0, 0.0)

    def taste(self, user: str, *, without: str | None = None) -> FloatArray:
        weights = {item: self.weight(user, item) for item in self.events[user]}
        newest = max((moment for weight, moment in weights.values() if weight), default=0.0)
        trained = user in self.users and user not in self.erased
        taste = self.fold_in.prior.astype(np.float64)
        if trained:
            taste = self.fold_in.base(self.checkpoint.user_embeddings[[self.users[user]]])[0].astype(np.float64)
        for item, (weight, moment) in weights.items():
            if item in self.anchors and item != without:
                taste += weight * 0.5 ** ((newest - moment) / self.half_life) * self.step(item)
        return np.asarray(taste, np.float32)

    def list_for(self, user: str) -> dict[str, float]:
        """Every item that may be listed, and its score."""
        if any(self.weight(user, item)[0] for item in self.events[user]):
            embedding = self.fold_in.place(self.taste(user)[None])[0]
        elif user in self.users and user not in self.erased:
            embedding = self.checkpoint.user_embeddings[self.users[user]]
        else:
            embedding = self.checkpoint.prior_user
        acted = {item for item, said in self.events[user].items() if any(kind not in LOOKS for _, kind in said)}
        seen = acted | self.in_training(user, liked=False)
        return {item: float(at @ embedding) for item, at in self.served.items() if item not in seen}

    def _thawed(self, item: str) -> FloatArray:
        acted, passed = [], []
        for user, on in list(self.events.items()):
            if on.get(item):
                weight, _ = self.weight(user, item)
                size = self.fold_in.deviations(self.taste(user)[None])[0]
                taste = self.taste(user, without=item).astype(np.float64) / size
                if weight > 0:
                    acted.append((min(weight, 1.0), taste))
                elif weight < 0 or item not in self.in_training(user, liked=True):
                    passed.append((1.0, taste))
        kept = self.checkpoint.interactions
        row = list(self.checkpoint.item_ids).index(item) if item in self.learned else -1
        trained = float(((kept.items == row) & (kept.weights > 0)).sum())
        told = Evidence(*self._sums(acted), *self._sums(passed), np.array([trained], np.float32))
        moved: FloatArray = Thawing(self.checkpoint.fold_in).move(self.anchors[item][None], told)[0]
        return moved

    def _sums(self, told: list[tuple[float, NDArray[np.float64]]]) -> tuple[FloatArray, FloatArray]:
        total = np.sum([np.zeros(self.fold_in.factors), *(weight * taste for weight, taste in told)], axis=0)
        return np.array([sum(weight for weight, _ in told)], np.float32), np.asarray(total[None], np.float32)

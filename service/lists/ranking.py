"""From user embeddings to lists: a search, then what the wish makes of its candidates."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from model.content import FloatArray
from service.index.protocol import Candidate, Index, Query
from service.index.where import Where
from service.lists.diversify import candidates_for, choose_diverse
from service.lists.explore import interleave, slots
from service.lists.recommendation_id import Origin
from service.lists.wish import Pick, Reason, Wish
from service.users.history import History

_FEW_PLACES = 100
_FEW_VALUES = 8
_POOL = 10  # newest items that one slot for them is filled from


@dataclass(frozen=True, slots=True)
class Reader:
    """Somebody whom a list is for."""

    vector: FloatArray
    """(D,) float32."""
    origin: Origin
    """Whose vector it is."""
    seen: Sequence[str]
    """Items that it knows."""
    history: History | None = None
    """What it liked, where its list is to be explained."""


@dataclass(frozen=True, slots=True)
class _Scale:
    """How a user's scores lie over the catalogue."""

    mean: float
    deviation: float

    def relevance(self, score: float) -> float:
        return (score - self.mean) / self.deviation


@dataclass(frozen=True, slots=True)
class Defaults:
    """What a wish that says nothing gets."""

    tau: float
    exploration: float
    tau_for: Callable[[float], float] = lambda _share: 0.0
    """The tau for a share of cold items."""

    def tau_of(self, wish: Wish) -> float:
        """What a cold item gets on top of its score, in deviations of the user's scores."""
        if wish.tau is not None:
            return wish.tau
        return self.tau if wish.cold_share is None else self.tau_for(wish.cold_share)


class Ranking:
    """Scores users against every item that was posted; pure arithmetic, for a thread of its own."""

    def __init__(self, index: Index, taste_width: int, defaults: Defaults) -> None:
        self._index, self._taste_width, self._defaults = index, taste_width, defaults

    def count_items(self) -> int:
        """About how many items it ranks."""
        return self._index.rough_size()

    def is_quick(self, wish: Wish) -> bool:
        """Whether a list is one search by embeddings and little else."""
        is_short = wish.k <= _FEW_PLACES and self._slots(wish) == 0
        return is_short and wish.diversity == 0 and wish.attributes.count_values() <= _FEW_VALUES

    def rank(self, readers: Sequence[Reader], wish: Wish) -> list[list[Pick]]:
        """A list for each reader, searched for together."""
        if not readers:
            return []
        moments, vectors = self._index.moments(), np.stack([reader.vector for reader in readers])
        scales = list(map(_Scale, moments.mean_scores(vectors).tolist(), moments.deviations(vectors).tolist()))
        tau = self._defaults.tau_of(wish)
        queries = [self._query(reader, scale, wish, tau) for reader, scale in zip(readers, scales, strict=True)]
        where, wanted = wish.where(), candidates_for(wish.k, wish.diversity)
        found = self._index.search_many(queries, wanted, cold_only=wish.cold_only, where=where)
        every = zip(readers, scales, queries, found, strict=True)
        return [self._list(reader, scale, query, hits, wish, where) for reader, scale, query, hits in every]

    def _query(self, reader: Reader, scale: _Scale, wish: Wish, tau: float) -> Query:
        exclude = (*reader.seen, *wish.exclude) if wish.exclude_seen else wish.exclude
        return Query(reader.vector, tau * scale.deviation, exclude)

    def _list(
        self, reader: Reader, scale: _Scale, query: Query, hits: list[Candidate], wish: Wish, where: Where | None
    ) -> list[Pick]:
        reason: Reason = "prior" if reader.origin.source == "prior" else "relevance"
        picks = _picked(hits, scale, wish, reason)
        if wish.diversity > 0:
            picks = self._diverse(picks, wish)
        count = self._slots(wish)
        if count == 0:
            return picks[: wish.k]
        known = {pick.item_id for pick in picks[: wish.k - count]} | {*reader.seen, *wish.exclude}
        fresh = self._newest(Query(query.vector, query.lift, known), count, wish, where)
        return interleave(picks, _picked(fresh, scale, wish, "exploration")[:count], wish.k)

    def _slots(self, wish: Wish) -> int:
        """Places for the newest items."""
        return slots(wish.k, self._defaults.exploration if wish.exploration is None else wish.exploration)

    def _diverse(self, picks: list[Pick], wish: Wish) -> list[Pick]:
        held = {entry.item_id: entry.embedding for entry in self._index.get([pick.item_id for pick in picks])}
        there = [pick for pick in picks if pick.item_id in held]  # one may have gone since the search
        if not there:
            return []
        tastes = np.stack([held[pick.item_id][: self._taste_width] for pick in there])
        return [there[at] for at in choose_diverse([pick.relevance for pick in there], tastes, wish.k, wish.diversity)]

    def _newest(self, query: Query, count: int, wish: Wish, where: Where | None) -> list[Candidate]:
        """The newest items that the user does not know, the best scored first."""
        ids = self._index.newest(_POOL * count, cold_only=wish.cold_only, where=where, exclude=query.exclude)
        entries = self._index.get(ids)
        scored = [
            Candidate(entry.item_id, float(entry.embedding @ query.vector) + query.lift * entry.coldness) for entry in entries
        ]
        return sorted(scored, key=lambda candidate: -candidate.score)


def _picked(hits: Sequence[Candidate], scale: _Scale, wish: Wish, reason: Reason) -> list[Pick]:
    picks = [Pick(hit.item_id, hit.score, scale.relevance(hit.score), reason) for hit in hits]
    return picks if wish.min_score is None else [pick for pick in picks if pick.relevance >= wish.min_score]

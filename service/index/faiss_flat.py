"""Exact search with FAISS, rows kept dense while items come, change and go."""

import time
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from random import Random

import numpy as np
from numpy.typing import NDArray

from model.content import BoolArray, FloatArray
from model.errors import DimensionMismatch
from model.ties import tie_key
from service.index.block import Block, may_be_best
from service.index.expiry import Expiries
from service.index.locking import ReadWriteLock
from service.index.moments import Moments, RunningMoments
from service.index.protocol import Candidate, Entry, Query
from service.index.rows import Rows
from service.index.where import Where

_SLACK = 16  # asked for beyond k, so that a tie at the k-th place is seen
_AT_ONCE = 1000  # rows that go while nobody may search
_MANY = 4  # queries that are worth a product of matrices
_MOST_AT_ONCE = 32  # queries that a change, and all that come after it, may have to wait for
_NO_ROWS = np.zeros(0, np.int64)


@dataclass(frozen=True, slots=True)
class _Scope:
    """The rows that a search may return."""

    allowed: BoolArray | None
    """(n,), or None for every row."""
    rows: NDArray[np.int64] | None
    """Them, where they are few."""

    def places(self, rows: Collection[int]) -> NDArray[np.int64]:
        """Where some rows stand among those that may be returned if these are few, else among all."""
        wanted = np.fromiter(rows, np.int64, len(rows))
        if self.rows is None:
            return wanted
        places = np.searchsorted(self.rows, wanted)
        inside = places < len(self.rows)
        places, wanted = places[inside], wanted[inside]
        found: NDArray[np.int64] = places[self.rows[places] == wanted]
        return found


class FlatIndex:
    """
    All embeddings in one block of memory, scanned whole: recall is 1 by construction.

    Each row is `[embedding; coldness]`, each query `[vector; lift]`. A search takes a read lock, a change the write
    lock. A filter that keeps at most half of the rows scans those alone, another one goes to FAISS as a bitmap.
    """

    def __init__(self, dim: int, clock: Callable[[], float] | None = None) -> None:
        self._dim = dim
        self._block = Block(dim + 1)
        self._rows = Rows()
        self._moments = RunningMoments(dim)
        self._expiries, self._clock = Expiries(), clock or time.time
        self._lock = ReadWriteLock()

    def __len__(self) -> int:
        self._drop_expired()
        return len(self._rows)

    def rough_size(self) -> int:
        return len(self._rows)

    def count_cold(self) -> int:
        self._drop_expired()
        with self._lock.reading():
            return self._rows.count_cold()

    def put(self, entries: Iterable[Entry]) -> None:
        latest = {entry.item_id: entry for entry in entries}
        for entry in latest.values():
            self._check(entry.embedding)
        with self._lock.writing():
            there = [entry for entry in latest.values() if entry.item_id in self._rows]
            self._replace(there)
            self._append([entry for entry in latest.values() if entry.item_id not in self._rows])
            for entry in latest.values():
                self._expiries.note(entry.item_id, entry.expires_at)

    def move(self, item_ids: Sequence[str], embeddings: FloatArray, coldness: FloatArray) -> None:
        if embeddings.shape != (len(item_ids), self._dim):
            raise DimensionMismatch(expected=self._dim, got=embeddings.shape[-1])
        with self._lock.writing():
            there = [at for at, item_id in enumerate(item_ids) if item_id in self._rows]
            self._overwrite([self._rows.row(item_ids[at]) for at in there], np.column_stack([embeddings, coldness])[there])

    def remove(self, item_ids: Collection[str]) -> None:
        known = (item_id for item_id in dict.fromkeys(item_ids) if item_id in self._rows or self._expiries.has_taken(item_id))
        left = list(known)
        for first in range(0, len(left), _AT_ONCE):
            with self._lock.writing():
                part = left[first : first + _AT_ONCE]
                self._remove([item_id for item_id in part if item_id in self._rows])
                for item_id in part:
                    self._expiries.note(item_id, None)

    def search_many(
        self, queries: Sequence[Query], k: int, *, cold_only: bool = False, where: Where | None = None
    ) -> list[list[Candidate]]:
        for query in queries:
            self._check(query.vector)
        self._drop_expired()
        parts = (queries[first : first + _MOST_AT_ONCE] for first in range(0, len(queries), _MOST_AT_ONCE))
        return [_ordered(candidates, k) for part in parts for candidates in self._search(part, k, cold_only, where)]

    def search_angle(
        self, query: FloatArray, k: int, *, cold_only: bool = False, where: Where | None = None, exclude: Collection[str] = ()
    ) -> list[Candidate]:
        self._drop_expired()
        with self._lock.reading():
            if k <= 0 or not len(self._rows):
                return []
            rows = self._scope_rows(self._scope(cold_only, where))
            width = len(query)
            held = self._block.view()[:, :width]
            lengths = np.sqrt(np.einsum("nw,nw->n", held, held))[rows]  # ten times faster than norm on a part of the columns
            padded = np.zeros(self._dim + 1, np.float32)
            padded[:width] = query / max(float(np.linalg.norm(query)), 1e-12)
            scores = self._block.products(padded, rows) / np.maximum(lengths, 1e-12)
            found = self._top(scores, rows, k, self._rows.rows(exclude))
        return _ordered(found, k)

    def search_exactly(self, query: FloatArray, k: int) -> list[Candidate]:
        self._check(query)
        self._drop_expired()
        with self._lock.reading():
            scores = self._block.view()[:, : self._dim] @ query
            found = self._top(scores, np.arange(len(scores)), k, ()) if k > 0 else []
        return _ordered(found, k)

    def sample(self, count: int, random: Random) -> FloatArray:
        with self._lock.reading():
            size = len(self._rows)
            return self._block.view()[sorted(random.sample(range(size), min(count, size))), : self._dim]

    def newest(
        self, count: int, *, cold_only: bool = False, where: Where | None = None, exclude: Collection[str] = ()
    ) -> list[str]:
        self._drop_expired()
        with self._lock.reading():
            rows = self._scope_rows(self._scope(cold_only, where))
            found = self._top(self._rows.published[rows], rows, count, self._rows.rows(exclude)) if count > 0 else []
        return [candidate.item_id for candidate in _ordered(found, count)]

    def get(self, item_ids: Sequence[str]) -> list[Entry]:
        with self._lock.reading():
            there = [item_id for item_id in item_ids if item_id in self._rows]
            rows = [self._rows.row(item_id) for item_id in there]
            held = self._block.view()[rows] if rows else np.zeros((0, self._dim + 1), np.float32)
            return [self._entry(item_id, row, kept) for item_id, row, kept in zip(there, rows, held, strict=True)]

    def expired_early(self) -> list[str]:
        with self._lock.reading():
            return self._expiries.early(self._clock())

    def moments(self) -> Moments:
        with self._lock.reading():
            return self._moments.now()

    def _drop_expired(self) -> None:
        """Takes out what has expired, a part at a time; nearly always this is one comparison."""
        while self._expiries.next_at <= self._clock():
            with self._lock.writing():
                self._remove(self._expiries.take_due(self._clock(), _AT_ONCE))

    def _check(self, embedding: FloatArray) -> None:
        if embedding.shape != (self._dim,):
            raise DimensionMismatch(expected=self._dim, got=embedding.size)

    def _entry(self, item_id: str, row: int, kept: FloatArray) -> Entry:
        """(D + 1,) back to what was put."""
        published, coldness = float(self._rows.published[row]), float(kept[-1])
        return Entry(item_id, kept[: self._dim], self._rows.is_cold(row), published=published, coldness=coldness)

    def _scope(self, cold_only: bool, where: Where | None) -> _Scope:
        allowed = self._rows.allowed(cold_only, where)
        if allowed is None:
            return _Scope(None, None)
        few = 2 * int(np.count_nonzero(allowed)) <= len(allowed)
        return _Scope(allowed, np.flatnonzero(allowed) if few else None)

    def _scope_rows(self, scope: _Scope) -> NDArray[np.int64]:
        if scope.rows is not None:
            return scope.rows
        return np.arange(len(self._rows)) if scope.allowed is None else np.flatnonzero(scope.allowed)

    def _search(self, queries: Sequence[Query], k: int, cold_only: bool, where: Where | None) -> list[list[Candidate]]:
        """For each query at least its k best and whatever equals the k-th of them."""
        with self._lock.reading():
            if k <= 0 or not len(self._rows):
                return [[] for _ in queries]
            scope = self._scope(cold_only, where)
            if len(queries) >= _MANY:
                return list(self._best_together(queries, k, scope))
            return [self._best(query, k, scope) for query in queries]

    def _best(self, query: Query, k: int, scope: _Scope) -> list[Candidate]:
        vector, excluded = _widened(query), self._rows.rows(query.exclude)
        if scope.rows is not None:
            return self._top(self._block.products(vector, scope.rows), scope.rows, k, excluded)
        allowed, asked = self._allowed(scope, excluded), k + _SLACK
        while True:
            asked = min(asked, len(self._rows))
            scores, rows = self._block.search(vector, asked, allowed)
            if asked == len(self._rows) or len(rows) < asked or scores[k - 1] > scores[-1]:
                return [Candidate(self._rows.item_id(row), score) for score, row in zip(scores, rows, strict=True)]
            asked *= 4

    def _best_together(self, queries: Sequence[Query], k: int, scope: _Scope) -> Iterator[list[Candidate]]:
        """By one product of matrices; what it leaves in question is scored as for one query."""
        vectors = np.stack([_widened(query) for query in queries])
        barred = np.flatnonzero(~scope.allowed) if scope.rows is None and scope.allowed is not None else _NO_ROWS
        for vector, query, scores in zip(vectors, queries, self._block.all_products(vectors, scope.rows), strict=True):
            scores[barred] = -np.inf
            scores[scope.places(self._rows.rows(query.exclude))] = -np.inf
            places = may_be_best(scores, k)
            rows = places if scope.rows is None else scope.rows[places]
            yield self._top(self._block.products(vector, rows), rows, k, ())

    def _allowed(self, scope: _Scope, excluded: Collection[int]) -> BoolArray | None:
        if not excluded:
            return scope.allowed
        allowed = np.ones(len(self._rows), np.bool_) if scope.allowed is None else scope.allowed.copy()
        allowed[list(excluded)] = False
        return allowed

    def _top(self, scores: NDArray[np.floating], rows: NDArray[np.int64], k: int, excluded: Collection[int]) -> list[Candidate]:
        """At least the k best of some rows, and whatever equals the k-th of them."""
        if excluded:
            kept = ~np.isin(rows, np.fromiter(excluded, np.int64, len(excluded)))
            scores, rows = scores[kept], rows[kept]
        if len(scores) > k:
            best = scores >= np.partition(scores, len(scores) - k)[len(scores) - k]
            scores, rows = scores[best], rows[best]
        return [Candidate(self._rows.item_id(row), score) for score, row in zip(scores.tolist(), rows.tolist(), strict=True)]

    def _append(self, entries: Sequence[Entry]) -> None:
        if entries:
            block = _stack(entries)
            self._block.add(block)
            self._moments.add(block[:, : self._dim])
            for entry in entries:
                self._rows.append(entry)

    def _replace(self, entries: Sequence[Entry]) -> None:
        if entries:
            rows = [self._rows.row(entry.item_id) for entry in entries]
            self._overwrite(rows, _stack(entries))
            for row, entry in zip(rows, entries, strict=True):
                self._rows.write(row, entry)

    def _overwrite(self, rows: Sequence[int], block: FloatArray) -> None:
        """(m, D + 1) in place of some rows."""
        if rows:
            held = self._block.view()
            self._moments.take(held[rows, : self._dim])
            held[rows] = block
            self._moments.add(held[rows, : self._dim])

    def _remove(self, item_ids: Sequence[str]) -> None:
        """Moves the last row into each hole, then drops the last row."""
        if item_ids:
            self._moments.take(self._block.view()[[self._rows.row(item_id) for item_id in item_ids], : self._dim])
        for item_id in item_ids:
            row = self._rows.row(item_id)
            self._block.fill(row)
            self._rows.fill(row)


def _widened(query: Query) -> FloatArray:
    """(D + 1,)."""
    row = np.empty(len(query.vector) + 1, np.float32)
    row[:-1], row[-1] = query.vector, query.lift
    return row


def _stack(entries: Sequence[Entry]) -> FloatArray:
    embeddings = np.stack([entry.embedding for entry in entries])
    return np.column_stack([embeddings, [entry.coldness for entry in entries]]).astype(np.float32)


def _ordered(candidates: list[Candidate], k: int) -> list[Candidate]:
    if len({candidate.score for candidate in candidates}) == len(candidates):  # no ties: no hashes
        return sorted(candidates, key=lambda candidate: -candidate.score)[:k]
    return sorted(candidates, key=lambda candidate: (-candidate.score, tie_key(candidate.item_id)))[:k]

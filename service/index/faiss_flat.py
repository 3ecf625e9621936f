"""Exact search with FAISS, rows kept dense while items come, change and go."""

import time
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from random import Random

import faiss
import numpy as np

from model.content import BoolArray, FloatArray
from model.errors import DimensionMismatch
from model.ties import tie_key
from service.index.expiry import Expiries
from service.index.locking import ReadWriteLock
from service.index.protocol import Candidate, Entry

_SLACK = 16  # asked for beyond k, so that a tie at the k-th place is seen


class FlatIndex:
    """
    All embeddings in one block of memory, scanned whole: recall is 1 by construction.

    A removed row is filled with the last one, a replaced row is written in place: FAISS itself
    can do neither without touching every row. A search takes a read lock, a change the write lock.
    """

    def __init__(self, dim: int, clock: Callable[[], float] | None = None) -> None:
        self._flat = faiss.IndexFlatIP(dim)
        self._dim = dim
        self._rows: dict[str, int] = {}
        self._entries: list[tuple[str, frozenset[str]]] = []
        self._tags: dict[str, BoolArray] = {}
        self._expiries, self._clock = Expiries(), clock or time.time
        self._lock = ReadWriteLock()

    def __len__(self) -> int:
        self._drop_expired()
        return len(self._entries)

    def count(self, tag: str) -> int:
        self._drop_expired()
        with self._lock.reading():
            return int(self._tags[tag][: len(self._entries)].sum()) if tag in self._tags else 0

    def put(self, entries: Iterable[Entry]) -> None:
        latest = {entry.item_id: entry for entry in entries}
        for entry in latest.values():
            self._check(entry.embedding)
        with self._lock.writing():
            new = [entry for entry in latest.values() if entry.item_id not in self._rows]
            for entry in latest.values():
                if entry.item_id in self._rows:
                    self._write(self._rows[entry.item_id], entry)
            self._append(new)
            for entry in latest.values():
                self._expiries.note(entry.item_id, entry.expires_at)

    def remove(self, item_ids: Collection[str]) -> None:
        with self._lock.writing():
            for item_id in item_ids:
                if item_id in self._rows:
                    self._remove_row(self._rows.pop(item_id))
                    self._expiries.note(item_id, None)

    def search(self, query: FloatArray, k: int, *, within: str | None = None, exclude: Collection[str] = ()) -> list[Candidate]:
        self._check(query)
        self._drop_expired()
        with self._lock.reading():
            if k <= 0 or not self._entries:
                return []
            allowed = self._allowed(within, exclude)
            found = self._search_through_ties(query, k, allowed)
        found.sort(key=lambda candidate: (-candidate.score, tie_key(candidate.item_id)))
        return found[:k]

    def search_exactly(self, query: FloatArray, k: int) -> list[Candidate]:
        self._check(query)
        self._drop_expired()
        with self._lock.reading():
            scores = self._block() @ query
            rows = np.argpartition(-scores, k - 1)[:k] if 0 < k < len(scores) else np.arange(len(scores))
            found = [Candidate(self._entries[row][0], float(scores[row])) for row in rows]
        found.sort(key=lambda candidate: (-candidate.score, tie_key(candidate.item_id)))
        return found[:k]

    def sample(self, count: int, random: Random) -> FloatArray:
        with self._lock.reading():
            size = len(self._entries)
            return self._block()[sorted(random.sample(range(size), min(count, size)))]

    def _drop_expired(self) -> None:
        """Takes out what has expired; nearly always this is one comparison."""
        if self._expiries.next_at <= self._clock():
            with self._lock.writing():
                for item_id in self._expiries.take_due(self._clock()):
                    self._remove_row(self._rows.pop(item_id))

    def _check(self, embedding: FloatArray) -> None:
        if embedding.shape != (self._dim,):
            raise DimensionMismatch(expected=self._dim, got=embedding.size)

    def _search_through_ties(self, query: FloatArray, k: int, allowed: BoolArray | None) -> list[Candidate]:
        """At least the k best and whatever equals the k-th of them."""
        asked = k + _SLACK
        while True:
            asked = min(asked, len(self._entries))
            scores, rows = self._faiss_search(query, asked, allowed)
            if asked == len(self._entries) or len(rows) < asked or scores[k - 1] > scores[-1]:
                return [Candidate(self._entries[row][0], score) for score, row in zip(scores, rows, strict=True)]
            asked *= 4

    def _faiss_search(self, query: FloatArray, k: int, allowed: BoolArray | None) -> tuple[Sequence[float], Sequence[int]]:
        parameters = None
        if allowed is not None:
            bits = np.packbits(allowed, bitorder="little")
            # A fresh object a call: FAISS writes into it.
            selector = faiss.IDSelectorBitmap(bits)  # type: ignore[call-arg, arg-type]  # its stub shows the C++ side
            parameters = faiss.SearchParameters(sel=selector)  # type: ignore[call-arg]
        scores, rows = self._flat.search(query[None], k, params=parameters)
        found = rows[0] >= 0  # FAISS pads short answers with -1
        return scores[0][found].tolist(), rows[0][found].tolist()

    def _allowed(self, within: str | None, exclude: Collection[str]) -> BoolArray | None:
        """(n,) bool by row, or None for every row."""
        excluded = [self._rows[item_id] for item_id in exclude if item_id in self._rows]
        if within is None and not excluded:
            return None
        size = len(self._entries)
        if within is None:
            allowed = np.ones(size, np.bool_)
        else:
            allowed = self._tags[within][:size].copy() if within in self._tags else np.zeros(size, np.bool_)
        allowed[excluded] = False
        return allowed

    def _append(self, entries: Sequence[Entry]) -> None:
        if not entries:
            return
        first = len(self._entries)
        self._flat.add(np.stack([entry.embedding for entry in entries]).astype(np.float32, copy=False))
        for row, entry in enumerate(entries, start=first):
            self._rows[entry.item_id] = row
            self._entries.append((entry.item_id, entry.tags))
            self._tag(row, entry.tags)

    def _write(self, row: int, entry: Entry) -> None:
        self._block()[row] = entry.embedding
        self._entries[row] = (entry.item_id, entry.tags)
        self._tag(row, entry.tags)

    def _remove_row(self, row: int) -> None:
        """Moves the last row into the hole, then drops the last row."""
        last = len(self._entries) - 1
        if row != last:
            block = self._block()
            block[row] = block[last]
            self._entries[row] = self._entries[last]
            self._rows[self._entries[row][0]] = row
            self._tag(row, self._entries[row][1])
        self._tag(last, frozenset())
        self._entries.pop()
        self._flat.codes.resize(last * self._flat.code_size)
        self._flat.ntotal = last

    def _block(self) -> FloatArray:
        """FAISS's own memory as (n, D); an add may move it, so never keep it."""
        size = len(self._entries)
        block: FloatArray = faiss.rev_swig_ptr(self._flat.get_xb(), size * self._dim).reshape(size, self._dim)
        return block

    def _tag(self, row: int, tags: frozenset[str]) -> None:
        for tag in tags - self._tags.keys():
            self._tags[tag] = np.zeros(max(1024, row + 1), np.bool_)
        for tag, rows in self._long_enough(row):
            rows[row] = tag in tags

    def _long_enough(self, row: int) -> Iterator[tuple[str, BoolArray]]:
        for tag, rows in self._tags.items():
            if row >= len(rows):
                self._tags[tag] = np.concatenate([rows, np.zeros(max(len(rows), row + 1 - len(rows)), np.bool_)])
            yield tag, self._tags[tag]

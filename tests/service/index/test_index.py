"""The index agrees with a plain scan, whatever was put in and taken out before."""

import threading
from collections.abc import Collection
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from model.content import FloatArray
from model.errors import DimensionMismatch
from model.ties import tie_key
from service.index.faiss_flat import FlatIndex
from service.index.protocol import Candidate, Entry, Query
from tests.service.searching import search

DIM = 3
X, Y, Z = np.eye(DIM, dtype=np.float32)


def ids(index: FlatIndex, query: FloatArray, k: int, *, cold_only: bool = False, exclude: Collection[str] = ()) -> list[str]:
    return [hit.item_id for hit in search(index, query, k, cold_only=cold_only, exclude=exclude)]


def test_the_best_comes_first() -> None:
    index = FlatIndex(DIM)
    index.put([Entry("far", -X), Entry("near", X), Entry("beside", Y)])

    hits = search(index, X, 3)

    assert [(hit.item_id, hit.score) for hit in hits] == [("near", 1.0), ("beside", 0.0), ("far", -1.0)]


def test_put_again_replaces() -> None:
    index = FlatIndex(DIM)
    index.put([Entry("a", X, is_cold=True), Entry("b", Y)])
    index.put([Entry("a", Z)])

    assert len(index) == 2
    assert ids(index, X, 5)[-1] in ("a", "b")
    assert search(index, Z, 1)[0].score == 1.0
    assert index.count_cold() == 0


def test_what_moves_keeps_all_else_and_what_is_not_there_is_passed_over() -> None:
    index = FlatIndex(DIM)
    index.put([Entry("a", X, is_cold=True), Entry("b", Y)])

    index.move(["gone", "a"], np.stack([X, Z]), np.array([0.0, 0.5], np.float32))

    moved = index.get(["a", "gone"])
    assert [(one.item_id, one.is_cold, one.coldness) for one in moved] == [("a", True, 0.5)]
    assert search(index, Z, 1)[0].score == 1.0
    assert index.moments().mean.tolist() == [0, 0.5, 0.5]
    with pytest.raises(DimensionMismatch):
        index.move(["a"], np.zeros((1, DIM + 1), np.float32), np.zeros(1, np.float32))
    assert search(index, Z, 1)[0].score == 1.0


def test_a_removed_item_is_never_returned() -> None:
    index = FlatIndex(DIM)
    index.put([Entry("a", X), Entry("b", Y), Entry("c", Z)])
    index.remove(["a", "unknown"])

    assert sorted(ids(index, X, 5)) == ["b", "c"]
    assert search(index, Z, 1)[0].item_id == "c"


@pytest.mark.parametrize("k", [0, -1])
def test_k_of_nothing_gives_nothing(k: int) -> None:
    index = FlatIndex(DIM)
    index.put([Entry("a", X)])

    assert search(index, X, k) == []


def test_k_over_the_number_of_items_gives_all() -> None:
    index = FlatIndex(DIM)
    index.put([Entry("a", X), Entry("b", Y)])

    assert len(search(index, X, 500)) == 2


def test_an_empty_index_gives_nothing() -> None:
    assert search(FlatIndex(DIM), X, 5) == []


def test_equal_scores_are_ordered_by_a_hash_of_the_id_at_the_kth_place_too() -> None:
    """Neither the order of posting nor that of ids shows."""
    names = [f"item-{i:03}" for i in range(200)]
    expected = sorted(names, key=tie_key)[:7]
    for order in (names, names[::-1]):
        index = FlatIndex(DIM)
        index.put([Entry(name, X) for name in order] + [Entry("worse", Y)])

        assert ids(index, X, 7) == expected


def test_only_allowed_items_are_returned() -> None:
    index = FlatIndex(DIM)
    index.put([Entry("warm", X), Entry("cold-1", Y, is_cold=True), Entry("cold-2", Z, is_cold=True)])

    assert sorted(ids(index, X, 5, cold_only=True)) == ["cold-1", "cold-2"]
    assert ids(index, X, 5, cold_only=True, exclude=["cold-1", "unknown"]) == ["cold-2"]
    index.remove(["cold-1", "cold-2"])
    assert ids(index, X, 5, cold_only=True) == []


def test_an_item_leaves_at_the_moment_it_expires() -> None:
    now = [0.0]
    index = FlatIndex(DIM, clock=lambda: now[0])
    index.put([Entry("early", X, is_cold=True, expires_at=10.0), Entry("late", Y, expires_at=20.0), Entry("never", Z)])

    now[0] = 9.999
    assert sorted(ids(index, X, 5)) == ["early", "late", "never"]
    now[0] = 10.0
    assert sorted(ids(index, X, 5)) == ["late", "never"]
    assert (len(index), index.count_cold()) == (2, 0)
    now[0] = 1e9
    assert ids(index, X, 5) == ["never"]


def test_only_the_last_moment_of_an_item_counts() -> None:
    now = [0.0]
    index = FlatIndex(DIM, clock=lambda: now[0])
    for at in (5.0, 7.0, 6.0) * 100:
        index.put([Entry("moved", X, expires_at=at), Entry("freed", Y, expires_at=at), Entry("gone", Z, expires_at=at)])
    index.put([Entry("freed", Y)])
    index.remove(["gone"])
    index.put([Entry("gone", Z)])

    now[0] = 5.5
    assert sorted(ids(index, X, 5)) == ["freed", "gone", "moved"]
    now[0] = 6.0
    assert sorted(ids(index, X, 5)) == ["freed", "gone"]
    now[0] = 9.0
    assert sorted(ids(index, X, 5)) == ["freed", "gone"]


def test_what_expired_by_a_clock_that_ran_ahead_is_known_until_it_is_put_again() -> None:
    now = [0.0]
    index = FlatIndex(DIM, clock=lambda: now[0])
    index.put(Entry(name, X, expires_at=at) for name, at in (("due", 5.0), ("early", 20.0), ("again", 20.0), ("deleted", 20.0)))
    now[0] = 30.0
    assert ids(index, X, 5) == []

    ahead = index.expired_early()
    now[0] = 10.0
    index.put([Entry("again", X, expires_at=20.0)])
    index.remove(["deleted"])

    assert ahead == []
    assert index.expired_early() == ["early"]
    assert ids(index, X, 5) == ["again"]


@pytest.mark.parametrize("shape", [(2,), (4,), (1, 3)])
def test_a_wrong_width_is_refused_and_changes_nothing(shape: tuple[int, ...]) -> None:
    index = FlatIndex(DIM)
    index.put([Entry("a", X)])

    with pytest.raises(DimensionMismatch):
        index.put([Entry("b", Y), Entry("c", np.zeros(shape, np.float32))])
    with pytest.raises(DimensionMismatch):
        search(index, np.zeros(shape, np.float32), 1)

    assert ids(index, X, 5) == ["a"]


@settings(deadline=None, max_examples=40)
@given(st.lists(st.tuples(st.sampled_from("abcdefghij"), st.integers(0, 4), st.booleans()), max_size=60))
def test_any_history_ends_where_a_plain_scan_does(steps: list[tuple[str, int, bool]]) -> None:
    random = np.random.default_rng(5)
    index, truth = FlatIndex(DIM), dict[str, tuple[FloatArray, bool]]()
    for item_id, action, cold in steps:
        if action == 0:
            index.remove([item_id])
            truth.pop(item_id, None)
        else:
            vector = random.standard_normal(DIM).astype(np.float32)
            index.put([Entry(item_id, vector, is_cold=cold)])
            truth[item_id] = (vector, cold)
    query = random.standard_normal(DIM).astype(np.float32)

    def scan(names: list[str]) -> list[str]:
        return sorted(names, key=lambda name: (-float(truth[name][0] @ query), tie_key(name)))

    assert ids(index, query, 20) == scan(list(truth))
    assert ids(index, query, 20, cold_only=True) == scan([name for name, (_, cold) in truth.items() if cold])
    assert len(index) == len(truth)


def test_searches_beside_a_writer_see_whole_items() -> None:
    """FAISS crashes when it is searched while rows are added: the lock keeps them apart."""
    index = FlatIndex(DIM)
    index.put([Entry(f"item-{i}", X) for i in range(50)])
    stop = threading.Event()
    failures: list[Exception] = []

    def keep_searching() -> None:
        while not stop.is_set():
            try:
                assert len(search(index, X, 10)) == 10
            except Exception as error:  # noqa: BLE001 - any of them fails the test
                failures.append(error)
                return

    readers = [threading.Thread(target=keep_searching) for _ in range(3)]
    for reader in readers:
        reader.start()
    for i in range(400):
        index.put([Entry(f"item-{50 + i}", X)])
        index.remove([f"item-{i}"])
    stop.set()
    for reader in readers:
        reader.join()

    assert failures == []
    assert len(index) == 50


class Watched(FlatIndex):
    """Adds an item from another thread as soon as a search begins, and counts the searches that began before it was there."""

    def __init__(self) -> None:
        super().__init__(DIM)
        self.begun_before = 0
        self._writer = threading.Thread(target=self.put, args=([Entry("new", 9 * X)],))

    def _search(self, *arguments: Any) -> list[list[Candidate]]:
        if self.begun_before == 0:
            self.begun_before = 1
            found = super()._search(*arguments)
            self._writer.start()
            self._writer.join(timeout=30)
            return found
        self.begun_before += "new" not in self._rows
        return super()._search(*arguments)


def test_a_change_waits_for_no_whole_batch() -> None:
    """Many queries of one call are searched by parts, and a change comes between two of them."""
    index = Watched()
    index.put([Entry("old", X)])

    found = index.search_many([Query(X)] * 100, 1)

    assert index.begun_before == 1
    assert [hits[0].item_id for hits in found] == ["old"] * 32 + ["new"] * 68


def test_many_that_go_at_once_go_whole() -> None:
    """More than go while one lock is held: by name, and because they expire."""
    now = 10.0
    random = np.random.default_rng(11)
    rows = random.standard_normal((3000, 4)).astype(np.float32)
    index = FlatIndex(4, clock=lambda: now)
    index.put(Entry(f"i{at}", row, expires_at=11.0 if at % 2 else None) for at, row in enumerate(rows))

    now = 12.0
    expired = len(index)
    index.remove([f"i{at}" for at in range(0, 2800, 2)] * 2)

    kept = rows[2800::2]
    assert (expired, len(index)) == (1500, 100)
    assert [hit.item_id for hit in search(index, rows[2900], 1)] == [f"i{2800 + 2 * int((kept @ rows[2900]).argmax())}"]
    np.testing.assert_allclose(index.moments().mean, kept.mean(axis=0), atol=1e-9)

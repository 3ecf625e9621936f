"""Batches: who waits together is served together, and nobody is lost."""

import threading
import time
import weakref
from collections.abc import Sequence

import pytest

from service.batching import Batcher
from service.errors import Closing, Overloaded


class Slow:
    """Work that waits to be let go, and remembers its batches."""

    def __init__(self) -> None:
        self.go, self.started = threading.Event(), threading.Event()
        self.batches: list[list[int]] = []

    def __call__(self, jobs: Sequence[int]) -> list[int | Exception]:
        self.started.set()
        self.go.wait(10)
        self.batches.append(list(jobs))
        return [ValueError(str(job)) if job < 0 else 2 * job for job in jobs]


def test_jobs_that_wait_are_taken_together_in_order() -> None:
    work = Slow()
    batcher = Batcher("test", work, max_batch=3, max_waiting=10)

    first = batcher.submit(1)
    work.started.wait(10)
    others = [batcher.submit(job) for job in (2, 3, 4, 5)]
    work.go.set()

    assert [future.result(10) for future in (first, *others)] == [2, 4, 6, 8, 10]
    assert work.batches == [[1], [2, 3, 4], [5]]
    batcher.close()


def test_one_jobs_error_is_its_own() -> None:
    work = Slow()
    work.go.set()
    batcher = Batcher("test", work, max_batch=3, max_waiting=10)

    bad, good = batcher.submit(-1), batcher.submit(1)

    with pytest.raises(ValueError, match="-1"):
        bad.result(10)
    assert good.result(10) == 2
    batcher.close()


def test_what_the_work_raises_goes_to_the_batch_and_the_next_one_runs() -> None:
    calls = []

    def work(jobs: Sequence[int]) -> list[int]:
        calls.append(list(jobs))
        if len(calls) == 1:
            raise RuntimeError("once")
        return list(jobs)

    batcher = Batcher("test", work, max_batch=1, max_waiting=10)
    first = batcher.submit(1)

    with pytest.raises(RuntimeError):
        first.result(10)
    assert batcher.submit(2).result(10) == 2
    batcher.close()


def test_a_full_queue_refuses() -> None:
    work = Slow()
    batcher = Batcher("the test", work, max_batch=1, max_waiting=2)
    taken = [batcher.submit(0)]
    work.started.wait(10)
    taken += [batcher.submit(1), batcher.submit(2)]

    with pytest.raises(Overloaded, match="the test"):
        batcher.submit(3)

    work.go.set()
    assert [future.result(10) for future in taken] == [0, 2, 4]
    batcher.close()


def test_closing_finishes_what_was_taken_and_takes_no_more() -> None:
    work = Slow()
    batcher = Batcher("test", work, max_batch=2, max_waiting=10)
    taken = [batcher.submit(job) for job in range(5)]
    work.go.set()

    batcher.close()

    assert [future.result(0) for future in taken] == [0, 2, 4, 6, 8]
    with pytest.raises(Closing):
        batcher.submit(1)


def test_nothing_holds_a_job_that_is_answered() -> None:
    """While the next one is waited for: a job may be an item with its pictures."""
    batcher: Batcher[Slow, int] = Batcher("test", lambda jobs: [len(jobs)], max_batch=3, max_waiting=10)
    job = Slow()
    left = weakref.ref(job)

    batcher.submit(job).result(10)
    del job
    deadline = time.monotonic() + 10
    while left() is not None and time.monotonic() < deadline:
        time.sleep(0.01)

    assert left() is None
    batcher.close()

"""One worker thread that takes what is waiting, all at once, and answers each."""

import queue
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Generic, TypeVar

from service.errors import Closing, Overloaded

Job = TypeVar("Job")
Answer = TypeVar("Answer")


@dataclass(frozen=True, slots=True)
class _Waiting(Generic[Job, Answer]):
    job: Job
    future: "Future[Answer]"


class Batcher(Generic[Job, Answer]):
    """
    Runs jobs of many callers in batches, in the order in which they came.

    While one batch runs, the next one gathers: a lone job waits for nobody, and under load
    encoders see full batches and writes share a commit. The queue is bounded.
    """

    def __init__(
        self, name: str, work: Callable[[Sequence[Job]], Sequence[Answer | Exception]], *, max_batch: int, max_waiting: int
    ) -> None:
        """
        Args:
            work: answers or errors, one a job, in order; what it raises goes to every job of the batch.
        """
        self.name = name
        self._work, self._max_batch = work, max_batch
        self._queue: queue.Queue[_Waiting[Job, Answer] | None] = queue.Queue(maxsize=max_waiting)
        self._closing = False
        self._gate = threading.Lock()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    @property
    def waiting(self) -> int:
        """How many jobs no batch has taken yet."""
        return self._queue.qsize()

    def submit(self, job: Job) -> "Future[Answer]":
        """
        Raises:
            Overloaded: the queue is full; the job was not taken.
            Closing: `close` was called; the job was not taken.
        """
        future: Future[Answer] = Future()
        with self._gate:
            if self._closing:
                raise Closing(self.name)
            try:
                self._queue.put_nowait(_Waiting(job, future))
            except queue.Full:
                raise Overloaded(self.name, waiting=self._queue.maxsize) from None
        return future

    def close(self) -> None:
        """Takes no more jobs, finishes those it has, and returns when the last is answered."""
        with self._gate:
            already, self._closing = self._closing, True
        if not already:
            self._queue.put(None)
        self._thread.join()

    def _run(self) -> None:
        while (first := self._queue.get()) is not None:
            batch = [first]
            last = self._gather(batch)
            self._answer([waiting for waiting in batch if waiting.future.set_running_or_notify_cancel()])
            del batch, first  # while the next one is waited for, nothing holds what these were about
            if last:
                return

    def _gather(self, batch: list[_Waiting[Job, Answer]]) -> bool:
        """Fills the batch with what is waiting; True when nothing will come any more."""
        while len(batch) < self._max_batch:
            try:
                waiting = self._queue.get_nowait()
            except queue.Empty:
                return False
            if waiting is None:
                return True
            batch.append(waiting)
        return False

    def _answer(self, batch: list[_Waiting[Job, Answer]]) -> None:
        if not batch:
            return
        answers: Sequence[Answer | Exception]
        try:
            answers = self._work([waiting.job for waiting in batch])
        except Exception as error:  # noqa: BLE001 - the outermost edge of this thread: it must outlive any batch
            answers = [error] * len(batch)
        for waiting, answer in zip(batch, answers, strict=True):
            if isinstance(answer, Exception):
                waiting.future.set_exception(answer)
            else:
                waiting.future.set_result(answer)

"""Events grow too old to keep: a sweep at the start and every day."""

import threading
import time

import structlog

from model.errors import ProjectError
from service.store.events import EventLog
from service.thawing.reactions import SECONDS_A_DAY

_log = structlog.get_logger(__name__)
_AT_ONCE = 1000


def sweep(log: EventLog, retention_days: float, stop: threading.Event) -> int:
    """
    Removes the events that are older than so many days, a few at a time so that other writes get through.

    Returns:
        How many pairs of a user and an item lost events.

    Raises:
        Overloaded, Closing, StoreUnavailable: what was removed stays removed.
    """
    moment, pairs = time.time() - retention_days * SECONDS_A_DAY, 0
    while not stop.is_set():
        change = log.remove_older(moment, _AT_ONCE).result()
        if not change.pairs:
            break
        pairs += len(change.pairs)
    return pairs


class Retention:
    """A thread that sweeps once a day; without a number of days there is none."""

    def __init__(self, log: EventLog, retention_days: float | None) -> None:
        self._log, self._closing = log, threading.Event()
        self._thread: threading.Thread | None = None
        if retention_days is not None:
            self._thread = threading.Thread(target=self._run, args=(retention_days,), name="retention", daemon=True)
            self._thread.start()

    def close(self) -> None:
        """Stops after the part that is being removed."""
        self._closing.set()
        if self._thread is not None:
            self._thread.join()

    def _run(self, retention_days: float) -> None:
        while True:
            try:
                pairs = sweep(self._log, retention_days, self._closing)
                _log.info("old events removed", pairs=pairs, older_than_days=retention_days)
            except ProjectError as error:
                _log.warning("old events were not removed", error=str(error))
            except Exception as error:  # noqa: BLE001 - the outermost edge of this thread: it must outlive any sweep
                _log.error("old events were not removed", error=repr(error), exc_info=error)
            if self._closing.wait(SECONDS_A_DAY):
                return

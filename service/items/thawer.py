"""Items thaw: what events moved goes into the index, a moment after their commit and many at once."""

import threading
import time

import structlog

from service.items.catalogue import Catalogue
from service.monitoring.metrics import Metrics

_log = structlog.get_logger(__name__)


class Thawer:
    """A thread that waits for events, lets more of them gather for a moment, and then moves items."""

    def __init__(self, catalogue: Catalogue, metrics: Metrics, *, pause_seconds: float) -> None:
        self._catalogue, self._ledger, self._metrics, self._pause = catalogue, catalogue.ledger, metrics, pause_seconds
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._run, name="thaw", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Stops; what was not moved yet is at the next start."""
        self._closing.set()
        self._ledger.changed.set()  # so that the thread wakes up
        self._thread.join()

    def _run(self) -> None:
        while not self._closing.is_set():  # asked anew each time: settling may clear what `close` has set
            self._ledger.changed.wait()
            if self._closing.wait(self._pause):
                return
            try:
                self._settle()
            except Exception as error:  # noqa: BLE001 - the outermost edge of this thread: it must outlive any batch
                _log.error("items were not moved", error=repr(error), exc_info=error)

    def _settle(self) -> None:
        start, since = time.monotonic(), self._ledger.changed_since
        while self._catalogue.settle():
            if self._closing.is_set():
                return
        end = time.monotonic()
        self._metrics.stage("thaw").observe(end - start)
        self._metrics.thaw_lag.observe(end - since)

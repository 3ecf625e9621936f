"""The thread that moves items stops when it is told to, whatever it is doing."""

import threading
from types import SimpleNamespace

from service.items.thawer import Thawer
from service.monitoring.metrics import Metrics


def test_it_stops_though_settling_ends_in_the_moment_in_which_it_is_told() -> None:
    changed, settling, told = threading.Event(), threading.Event(), threading.Event()
    ledger = SimpleNamespace(changed=changed, changed_since=0.0)

    def settle() -> bool:
        settling.set()
        assert told.wait(10)
        changed.clear()  # nothing is left to do
        return False

    thawer = Thawer(SimpleNamespace(ledger=ledger, settle=settle), Metrics(), pause_seconds=0.0)  # type: ignore[arg-type]
    changed.set()
    assert settling.wait(10)
    closing = threading.Thread(target=thawer.close, daemon=True)
    closing.start()
    assert thawer._closing.wait(10)
    assert changed.wait(10)
    told.set()
    closing.join(10)

    assert not closing.is_alive()

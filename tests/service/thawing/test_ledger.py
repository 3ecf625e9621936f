"""The ledger, led along in parts, stands where one stands that saw everything at once."""

import numpy as np
import pytest

from service.space import Space
from service.store.event_records import Erased, KeptEvent, KnownItem, Reacted
from service.thawing.ledger import Ledger
from service.thawing.reactions import Rules

ITEMS = [f"new-{at}" for at in range(4)]


def like(space: Space, number: int, user: str, item: str) -> Reacted:
    anchor = space.prior_user + np.float32(0.01 * (1 + ITEMS.index(item)))
    return Reacted([], {(user, item): [KeptEvent("like", None, 1e9, number)]}, {item: KnownItem(0.0, anchor)})


def settle(ledger: Ledger) -> None:
    while ledger.changed.is_set():
        with ledger.lock:
            ledger.settle()


def test_an_item_keeps_what_its_audience_says_while_others_leave_a_part_at_a_time(
    space: Space, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ann and Bob go, one of them is refolded, and Cay comes before the other is."""
    monkeypatch.setattr("service.thawing.refolding._PAIRS_AT_ONCE", 1)
    led, fresh = Ledger(space, Rules(), 0), Ledger(space, Rules(), 0)
    with led.lock:
        led.apply([like(space, at, user, item) for at, item in enumerate(ITEMS, 1) for user in ("ann", "bob")])
    settle(led)

    with led.lock:
        led.apply([Erased("ann"), Erased("bob")])
        led.settle()
        led.apply([like(space, 99, "cay", ITEMS[0])])
    with fresh.lock:
        fresh.apply([like(space, 99, "cay", ITEMS[0])])
    settle(led)
    settle(fresh)

    anchors = np.stack([space.prior_user] * 4)
    (count, thawed), (expected_count, expected) = led.progress(ITEMS)[ITEMS[0]], fresh.progress(ITEMS)[ITEMS[0]]
    assert (count, expected_count) == (1, 1)
    assert thawed == pytest.approx(expected, rel=1e-6)
    assert thawed > 0
    assert led.progress(ITEMS).keys() == {ITEMS[0]}
    np.testing.assert_allclose(led.serve(ITEMS, anchors).embeddings, fresh.serve(ITEMS, anchors).embeddings, atol=1e-6)

"""tau: how much a cold item must be helped for lists to hold a wanted share of cold items."""

import tracemalloc

import numpy as np
import pytest
import scipy.sparse as sp

from model.content import FloatArray
from model.features import Features
from training.cold_share import SHARES, cold_share, find_taus
from training.dataset import WarmData

USERS, WARM, COLD, WIDTH, K = 200, 120, 60, 6, 20


def warm_data(seen: sp.csr_array) -> WarmData:
    items, users = [f"item-{at}" for at in range(seen.shape[1])], [f"user-{at}" for at in range(seen.shape[0])]
    features = Features((np.ones((len(items), 1), np.float32),), np.ones((len(items), 1), np.bool_))
    return WarmData(items, features, users, seen, seen, np.zeros(len(items), np.bool_))


def share_by_hand(users: FloatArray, seen: FloatArray, warm: FloatArray, cold: FloatArray, tau: float) -> float:
    """Whole lists, written out."""
    counts = []
    for user, met in zip(users, seen, strict=True):
        scores = warm @ user
        listed = [(-score, False) for score, hidden in zip(scores, met > 0, strict=True) if not hidden]
        listed += [(-score, True) for score in cold @ user + tau * scores.std()]
        counts.append(sum(is_cold for _, is_cold in sorted(listed)[:K]) / K)
    return float(np.mean(counts))


@pytest.fixture(scope="module")
def drawn() -> tuple[FloatArray, FloatArray, FloatArray, FloatArray]:
    """Users, seen, warm items, and cold items of half the spread."""
    random = np.random.default_rng(6)
    users, warm, cold = (random.standard_normal((count, WIDTH)).astype(np.float32) for count in (USERS, WARM, COLD))
    return users, (random.random((USERS, WARM)) < 0.2).astype(np.float32), warm, 0.5 * cold


def test_tau_gives_the_asked_share(drawn: tuple[FloatArray, FloatArray, FloatArray, FloatArray]) -> None:
    users, seen, warm, cold = drawn

    taus = find_taus(users, warm_data(sp.csr_array(seen)), warm, cold, k=K)

    assert tuple(taus) == SHARES
    for share, tau in taus.items():
        assert share_by_hand(users, seen, warm, cold, tau) == pytest.approx(share, abs=1 / K)
    assert list(taus.values()) == sorted(set(taus.values()))


def test_a_share_that_the_cold_items_cannot_fill_has_no_tau(drawn: tuple[FloatArray, FloatArray, FloatArray, FloatArray]) -> None:
    users, seen, warm, cold = drawn

    taus = find_taus(users, warm_data(sp.csr_array(seen)), warm, cold[:6], k=K)

    assert tuple(taus) == (0.02, 0.05, 0.1, 0.2, 0.3)
    assert max(taus.values()) < 7


def test_a_share_that_is_always_exceeded_has_no_tau(drawn: tuple[FloatArray, FloatArray, FloatArray, FloatArray]) -> None:
    """Fifteen warm candidates leave five of twenty places to cold items, whatever these are worth."""
    users, _, warm, cold = drawn
    nothing = sp.csr_array(np.zeros((USERS, 15), np.float32))

    assert tuple(find_taus(users, warm_data(nothing), warm[:15], cold, k=K)) == (0.3, 0.5)


def test_the_share_rises_with_tau(drawn: tuple[FloatArray, FloatArray, FloatArray, FloatArray]) -> None:
    users, _, warm, cold = drawn
    scores = users @ warm.T

    shares = [cold_share(scores, users @ cold.T + tau * scores.std(axis=1, keepdims=True), K) for tau in (-8, -1, 0, 1, 8)]

    assert shares == sorted(shares)
    assert (shares[0], shares[-1]) == (0, 1)


def test_what_users_have_seen_never_counts() -> None:
    """Seen without liking is seen too; whatever else such items would be worth, tau is the same."""
    random = np.random.default_rng(6)
    users = random.standard_normal((USERS, WIDTH)).astype(np.float32)
    warm, cold = (random.standard_normal((count, WIDTH)).astype(np.float32) for count in (WARM, COLD))
    cells = (np.repeat(np.arange(USERS), 60), np.tile(np.arange(60), USERS))
    seen = sp.csr_array((np.zeros(60 * USERS, np.float32), cells), shape=(USERS, WARM))

    tau = find_taus(users, warm_data(seen), warm, cold, shares=[0.3], k=K)[0.3]

    hidden = np.tile((np.arange(WARM) < 60).astype(np.float32), (USERS, 1))
    assert share_by_hand(users, hidden, warm, cold, tau) == pytest.approx(0.3, abs=0.5 / K)
    assert share_by_hand(users, np.zeros_like(hidden), warm, cold, tau) < 0.3 - 1 / K


def test_places_that_nothing_fills_hold_no_cold_item() -> None:
    """Five warm and three cold candidates for ten places."""
    warm = np.concatenate([np.ones((1, 5)), np.full((1, 5), -np.inf)], axis=1).astype(np.float32)
    cold = np.concatenate([np.zeros((1, 3)), np.full((1, 7), -np.inf)], axis=1).astype(np.float32)

    assert cold_share(warm, cold, 10) == pytest.approx(3 / 10)


def test_never_are_the_scores_of_all_users_and_items_held_at_once() -> None:
    random = np.random.default_rng(6)
    users, warm = (random.standard_normal((count, WIDTH)).astype(np.float32) for count in (1000, 4000))
    data = warm_data(sp.csr_array(np.zeros((1000, 4000), np.float32)))
    tracemalloc.start()

    find_taus(users, data, warm, warm[:COLD], k=K)

    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < len(users) * len(warm) * warm.itemsize / 2

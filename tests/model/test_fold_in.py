"""Users that fold in: a sum of steps, and a popularity coordinate that fits their scores."""

import numpy as np
import pytest
import scipy.sparse as sp

from model.content import FloatArray
from model.fold_in import FoldIn


@pytest.fixture
def arrays() -> dict[str, FloatArray]:
    """Two factors and a popularity coordinate."""
    return {
        "prior": np.array([0.5, 0.0], np.float32),
        "step": np.array([[2.0, 0.0], [0.0, 4.0]], np.float32),
        "centre": np.array([1.0, 0.0], np.float32),
        "rarity": np.array([0.5], np.float32),
        "spread": np.eye(2, dtype=np.float32),
        "popularity": np.array([0.3], np.float32),
    }


def test_a_step_is_the_anchor_centred_and_scaled_and_smaller_for_the_popular(arrays: dict[str, FloatArray]) -> None:
    anchors = np.array([[1.0, 1.0, 0.0], [1.0, 1.0, 2.0]], np.float32)

    steps = FoldIn(arrays).steps(anchors)

    np.testing.assert_allclose(steps[0], [4.0, 4.0], rtol=1e-6)
    np.testing.assert_allclose(steps[1], np.array([4.0, 4.0]) * np.exp(-1.0), rtol=1e-6)


def test_a_taste_is_what_it_starts_from_and_weight_times_step_of_each_event(arrays: dict[str, FloatArray]) -> None:
    """One user did both, the other nothing."""
    fold, steps = FoldIn(arrays), np.array([[4.0, 0.0], [1.0, 2.0]], np.float32)
    bases, weights = np.array([[1.0, 0.0], [0.0, 3.0]], np.float32), np.array([[0.5, -1.0], [0.0, 0.0]])

    tastes = fold.fold(bases, weights, steps)

    assert tastes.dtype == np.float32
    assert tastes.tolist() == [[2.0, -2.0], [0.0, 3.0]]
    assert fold.fold(bases, sp.csr_array(weights), steps).tolist() == tastes.tolist()
    assert fold.fold(fold.prior, weights, steps).tolist() == [[1.5, -2.0], [0.5, 0.0]]


def test_popularity_weighs_in_proportion_to_the_spread_of_a_users_scores(arrays: dict[str, FloatArray]) -> None:
    """Twice the taste, twice the weight: the ranking is the same."""
    users = FoldIn(arrays).place(np.array([[3.0, 4.0], [6.0, 8.0]], np.float32))

    np.testing.assert_allclose(users, [[3.0, 4.0, 0.3 * 5], [6.0, 8.0, 0.3 * 10]], rtol=1e-6)


def test_a_stranger_of_no_taste_is_placed_all_the_same(arrays: dict[str, FloatArray]) -> None:
    users = FoldIn(arrays).place(np.zeros((1, 2), np.float32))

    assert np.isfinite(users).all()


def test_without_popularity_an_embedding_is_the_taste(arrays: dict[str, FloatArray]) -> None:
    plain = {name: value for name, value in arrays.items() if name not in ("popularity", "spread")}
    fold = FoldIn(plain)

    steps = fold.steps(np.array([[1.0, 1.0]], np.float32))

    np.testing.assert_allclose(steps, [[4.0, 4.0]])
    assert fold.place(steps).tolist() == steps.tolist()
    assert fold.base(steps).tolist() == steps.tolist()

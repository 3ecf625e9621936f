"""Metrics against hand-computed cases, and against another library's."""

import math
from typing import Any

import numpy as np
import pytest
import scipy.sparse as sp
from sklearn.metrics import ndcg_score

from model.ties import tie_key
from training.metrics import rank_metrics
from training.ranking import best_columns

IDS = ["a", "b", "c", "d"]


def metrics_of(scores: list[list[float]], likes: list[list[int]], cutoffs: tuple[int, ...], **options: Any) -> dict[str, float]:
    """Metrics of given scores: items are the axes, users their scores."""
    users = np.array(scores, np.float32)
    items = np.eye(users.shape[1], dtype=np.float32)
    ids = [f"item-{i}" for i in range(users.shape[1])]
    return rank_metrics(users, items, ids, sp.csr_array(np.array(likes, np.float32)), cutoffs=cutoffs, **options).means()


def test_one_user_by_hand() -> None:
    """Ranking: liked, not, liked, not; one more like at the end."""
    means = metrics_of([[5, 4, 3, 2, 1]], [[1, 0, 1, 0, 1]], (2, 3))

    ideal2, ideal3 = 1 + 1 / math.log2(3), 1 + 1 / math.log2(3) + 1 / math.log2(4)
    assert means["ndcg@2"] == pytest.approx(1 / ideal2)
    assert means["ndcg@3"] == pytest.approx((1 + 1 / math.log2(4)) / ideal3)
    assert [means["recall@2"], means["recall@3"]] == pytest.approx([1 / 3, 2 / 3])
    assert (means["hr@2"], means["hr@3"]) == (1, 1)


def test_the_ideal_holds_no_more_than_the_users_positives() -> None:
    assert metrics_of([[3, 2, 1]], [[1, 0, 0]], (2,))["ndcg@2"] == 1


def test_a_cutoff_beyond_the_items_counts_what_is_there() -> None:
    means = metrics_of([[1, 2]], [[1, 0]], (50,))

    assert [means["recall@50"], means["ndcg@50"]] == pytest.approx([1, 1 / math.log2(3)])


def test_users_without_a_positive_are_left_out() -> None:
    means = metrics_of([[1, 2], [2, 1]], [[0, 0], [1, 0]], (1,))

    assert means["hr@1"] == 1


def test_an_excluded_item_is_neither_candidate_nor_positive() -> None:
    excluded = sp.csr_array(np.array([[1.0, 0, 0]], np.float32))

    means = metrics_of([[9, 2, 1]], [[1, 1, 0]], (1,), excluded=excluded)

    assert (means["recall@1"], means["ndcg@1"]) == (1, 1)


def test_an_explicit_zero_excludes_too() -> None:
    """Items seen without liking are stored as zeros."""
    excluded = sp.csr_array((np.zeros(1, np.float32), ([0], [0])), shape=(1, 3))

    assert metrics_of([[9, 2, 1]], [[0, 1, 0]], (1,), excluded=excluded)["hr@1"] == 1


def test_they_agree_with_another_library() -> None:
    random = np.random.default_rng(3)
    scores, likes = random.standard_normal((40, 30)), (random.random((40, 30)) < 0.2).astype(int)
    likes[:, 0] = 1

    for k in (1, 5, 10, 30):
        ours = metrics_of(scores.tolist(), likes.tolist(), (k,))[f"ndcg@{k}"]
        assert ours == pytest.approx(ndcg_score(likes, scores, k=k), abs=1e-6)


def test_ties_do_not_see_the_order_of_ids_or_rows() -> None:
    expected = min(IDS, key=tie_key)
    for order in (IDS, IDS[::-1]):
        likes = sp.csr_array(np.array([[float(name == expected) for name in order]], np.float32))
        means = rank_metrics(np.ones((1, 1), np.float32), np.ones((4, 1), np.float32), order, likes, cutoffs=(1,)).means()
        assert means["hr@1"] == 1


def test_the_leftmost_of_equal_scores_comes_first() -> None:
    scores = np.array([[1, 3, 3, 3, 0]], np.float32)

    assert best_columns(scores, 2).tolist() == [[1, 2]]
    assert best_columns(scores, 9).tolist() == [[1, 2, 3, 0, 4]]

"""Lists and what they are worth: against hand-computed cases, and against another library's metrics."""

import math

import numpy as np
import pytest
import scipy.sparse as sp
from numpy.typing import NDArray
from sklearn.metrics import ndcg_score

from model.content import FloatArray
from training.metrics import coverage, metrics
from training.ranking import Ranking, rank


def rank_scores(scores: FloatArray, likes: NDArray[np.float32], ids: list[str] | None = None) -> Ranking:
    named = ids or [f"item-{at}" for at in range(scores.shape[1])]
    return rank(lambda rows: scores[rows], named, sp.csr_array(likes))


def drawn(users: int = 30, items: int = 70) -> tuple[FloatArray, NDArray[np.float32]]:
    random = np.random.default_rng(5)
    likes = (random.random((users, items)) < 0.1).astype(np.float32)
    likes[:, 0] = 1  # another library's mean counts users without positives, ours does not
    return random.standard_normal((users, items)).astype(np.float32), likes


def test_one_user_by_hand() -> None:
    """The list: liked, not, liked, not, liked."""
    ranking = rank_scores(np.array([[5, 4, 3, 2, 1]], np.float32), np.array([[1, 0, 1, 0, 1]], np.float32))

    values = metrics(ranking, (2, 3))

    assert ranking.top.tolist() == [[0, 1, 2, 3, 4]]
    assert ranking.liked.tolist() == [[True, False, True, False, True]]
    ideal2, ideal3 = 1 + 1 / math.log2(3), 1 + 1 / math.log2(3) + 1 / math.log2(4)
    assert values["ndcg@2"] == pytest.approx(1 / ideal2)
    assert values["ndcg@3"] == pytest.approx((1 + 1 / math.log2(4)) / ideal3)
    assert [*values["recall@2"], *values["recall@3"]] == pytest.approx([1 / 3, 2 / 3])
    assert [*values["hr@2"], *values["hr@3"]] == [1, 1]


def test_a_user_of_few_positives_has_a_short_ideal() -> None:
    ranking = rank_scores(np.array([[3, 2, 1], [1, 2, 3]], np.float32), np.array([[1, 0, 0], [1, 0, 0]], np.float32))

    values = metrics(ranking, (2, 20))

    assert values["ndcg@2"].tolist() == [1, 0]
    assert values["hr@2"].tolist() == [1, 0]
    assert values["ndcg@20"] == pytest.approx([1, 1 / math.log2(4)])


@pytest.mark.parametrize("k", [10, 20, 50])
def test_ndcg_is_another_librarys(k: int) -> None:
    scores, likes = drawn()

    assert metrics(rank_scores(scores, likes))[f"ndcg@{k}"].mean() == pytest.approx(ndcg_score(likes, scores, k=k), abs=1e-9)


def test_ties_see_neither_the_order_of_candidates_nor_of_ids() -> None:
    """Scores of three values only: lists of ids are the same however the candidates come."""
    random = np.random.default_rng(1)
    ids = [f"{at:03}" for at in range(60)]
    scores = random.integers(0, 3, (8, 60)).astype(np.float32)
    likes = (random.random((8, 60)) < 0.3).astype(np.float32)
    order = random.permutation(60)

    one = rank_scores(scores, likes, ids)
    other = rank_scores(scores[:, order], likes[:, order], [ids[at] for at in order])

    assert np.array_equal(one.top, order[other.top])
    assert all(np.array_equal(metrics(one)[name], values) for name, values in metrics(other).items())
    equal = rank_scores(np.zeros((1, 60), np.float32), likes[:1], ids).top[0].tolist()
    assert equal != sorted(equal)
    assert equal != sorted(equal, reverse=True)


def test_users_without_positives_are_left_out() -> None:
    ranking = rank_scores(np.ones((3, 2), np.float32), np.array([[0, 0], [1, 0], [0, 0]], np.float32))

    assert ranking.users.tolist() == [1]
    assert all(values.shape == (1,) for values in metrics(ranking).values())


def test_nobody_to_judge_is_an_empty_ranking() -> None:
    ranking = rank_scores(np.ones((2, 3), np.float32), np.zeros((2, 3), np.float32))

    assert (len(ranking.users), ranking.top.shape) == (0, (0, 3))
    assert coverage(ranking) == 0


def test_coverage_by_hand() -> None:
    """Firsts are items 0 and 1 of four; the first two hold 0, 1 and 2."""
    scores = np.array([[9, 5, 1, 0], [1, 9, 5, 0], [9, 5, 1, 0]], np.float32)
    ranking = rank_scores(scores, np.ones((3, 4), np.float32))

    assert coverage(ranking, 1) == 2 / 4
    assert coverage(ranking, 2) == 3 / 4

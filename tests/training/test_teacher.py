"""Users between the projection of their likes on the factors and the plain sum of them."""

import numpy as np
import pytest
import scipy.sparse as sp

from model.content import FloatArray
from model.fold_in import FoldIn
from training.recipes.teacher import Teacher, fit_teacher, median_spread

FACTORS = 12


@pytest.fixture
def likes() -> sp.csr_array:
    random = np.random.default_rng(7)
    tastes, traits = random.standard_normal((150, 4)), random.standard_normal((90, 4))
    return sp.csr_array((tastes @ traits.T + random.standard_normal((150, 90)) > 2).astype(np.float32))


@pytest.fixture
def teacher(likes: sp.csr_array) -> Teacher:
    return fit_teacher(likes, factors=FACTORS, damping=0.3, restore=0.0, prior_weight=0.4)


def sums(likes: sp.csr_array, teacher: Teacher) -> FloatArray:
    """(U, F): the items that each user likes, added up, each as rare as it is."""
    items = teacher.items + teacher.closed_form["centre"]
    return np.asarray(likes @ (items * np.exp(-teacher.closed_form["rarity"] * teacher.popularity)[:, None]), np.float32)


@pytest.mark.parametrize("weight", [0.5, 4.0])
def test_what_is_added_is_the_plain_sum_of_likes_spread_as_widely_as_wished(
    likes: sp.csr_array, teacher: Teacher, weight: float
) -> None:
    added = teacher.with_sums(weight).users - teacher.users
    plain = sums(likes, teacher)
    size = float((added * plain).sum() / (plain * plain).sum())
    own = median_spread(teacher.users - teacher.prior, teacher.items)

    np.testing.assert_allclose(added, size * plain, atol=1e-3)
    assert median_spread(added, teacher.items) == pytest.approx(weight * own, rel=1e-3)


def test_no_sums_change_nothing(teacher: Teacher) -> None:
    same = teacher.with_sums(0.0)

    np.testing.assert_allclose(same.users, teacher.users, atol=1e-6)
    np.testing.assert_array_equal(same.projection, teacher.projection)


def test_users_with_sums_fold_in_as_they_were_trained(likes: sp.csr_array, teacher: Teacher) -> None:
    """In training by the projection, in serving by the items' embeddings; nobody's likes leave the prior user."""
    moved = teacher.with_sums(2.0)
    fold_in = FoldIn({**moved.closed_form, "prior": moved.prior, "popularity": np.ones(1, np.float32)})
    steps = fold_in.steps(np.column_stack([moved.items, moved.popularity]))

    np.testing.assert_allclose(moved.prior + likes @ moved.projection, moved.users, atol=1e-3)
    np.testing.assert_allclose(moved.prior + likes @ steps, moved.users, atol=1e-2)
    np.testing.assert_array_equal(moved.prior, teacher.prior)
    np.testing.assert_array_equal(moved.items, teacher.items)


def test_users_of_other_likes_move_alike(teacher: Teacher) -> None:
    """As those do who are rebuilt without the likes of held-out items."""
    others = teacher.users[:10] - teacher.projection[:10]

    np.testing.assert_allclose(
        teacher.add_sums(others, 3.0), teacher.with_sums(3.0).users[:10] - teacher.with_sums(3.0).projection[:10], atol=1e-4
    )


@pytest.fixture
def one_like_each() -> sp.csr_array:
    """Far more items than factors, and a user for each like: most users lie outside of the factors."""
    random = np.random.default_rng(0)
    popular = 1 / np.arange(1, 401) ** 0.8
    rows, columns = np.arange(900), random.choice(400, 900, p=popular / popular.sum())
    return sp.csr_array((np.ones(900, np.float32), (rows, np.unique(columns, return_inverse=True)[1])))


def test_the_same_likes_give_the_same_factors_where_one_start_does_not_reach_all(one_like_each: sp.csr_array) -> None:
    one, two = (fit_teacher(one_like_each, factors=FACTORS, damping=0.3, restore=0.0) for _ in range(2))

    np.testing.assert_array_equal(one.users, two.users)
    np.testing.assert_array_equal(one.items, two.items)


def test_factors_are_those_of_a_whole_decomposition(likes: sp.csr_array) -> None:
    """Of users and items turned around, too: fewer users than items are another way through."""
    for seen in (likes, sp.csr_array(likes.T)):
        teacher = fit_teacher(seen, factors=FACTORS, damping=0.3, restore=0.0)
        popularity = np.asarray(seen.sum(axis=0)).ravel() + 1
        left, sizes, right = np.linalg.svd(seen.toarray() * popularity**-0.3, full_matrices=False)
        best = (left[:, :FACTORS] * sizes[:FACTORS]) @ right[:FACTORS]
        items = teacher.items + teacher.closed_form["centre"]

        np.testing.assert_allclose(teacher.users @ items.T, best, atol=1e-3)


def test_sums_count_where_most_users_lie_outside_of_the_factors(one_like_each: sp.csr_array) -> None:
    teacher = fit_teacher(one_like_each, factors=FACTORS, damping=0.3, restore=0.0, prior_weight=0.4)
    inside = np.abs(teacher.users - teacher.prior).max(axis=1) > 1e-3

    moved = teacher.with_sums(1.0).users - teacher.users

    assert inside.mean() < 0.5
    assert median_spread(moved[inside], teacher.items) == pytest.approx(
        median_spread((teacher.users - teacher.prior)[inside], teacher.items), rel=0.05
    )

"""What a checkpoint says of audiences is what is true of people who were not asked for it."""

import numpy as np
import pytest
import scipy.sparse as sp

from model.content import FloatArray
from model.thawing import Evidence, Thawing
from training.recipes.audiences import Audiences, Tellers
from training.recipes.teacher import Teacher, fit_teacher
from training.recipes.thawing_fit import CAUTION, HeldOut, Origin, be_cautious, fit_thawing


@pytest.fixture
def likes() -> sp.csr_array:
    """Of people who like items at random: nobody's taste tells anything of an item that it has nothing to do with."""
    random = np.random.default_rng(5)
    return sp.csr_array((random.random((500, 200)) < 0.03).astype(np.float32))


@pytest.fixture
def teacher(likes: sp.csr_array) -> Teacher:
    return fit_teacher(likes, factors=12, damping=0.3, restore=0.1, prior_weight=0.5).with_sums(0.7)


def tell(likes: sp.csr_array, width: int, seed: int) -> Tellers:
    random = np.random.default_rng(seed)
    shapes = ((likes.shape[0], width), (likes.shape[1], width))
    values, parts = (random.standard_normal(shape).astype(np.float32) for shape in shapes)
    return Tellers(values, parts, random.random(likes.shape[0]) + 0.5)


def told_by(tellers: Tellers, user: int, item: int) -> FloatArray:
    return np.asarray(tellers.weights[user] * (tellers.values[user] - tellers.parts[item]))


def test_audiences_are_summed_and_spread_without_what_an_own_like_put_in(likes: sp.csr_array) -> None:
    """Written out, like by like."""
    one, other = tell(likes, 3, 1), tell(likes, 2, 2)
    pairs = list(zip(*likes.nonzero(), strict=True))
    sums, around = np.zeros((200, 3)), np.zeros((3, 2))
    for item in range(200):
        users = [user for user, liked in pairs if liked == item]
        told = [np.stack([told_by(each, int(user), item) for user in users]) for each in (one, other)]
        sums[item] = told[0].sum(axis=0)
        around += (told[0] - told[0].mean(axis=0)).T @ (told[1] - told[1].mean(axis=0))

    audiences = Audiences(likes)

    np.testing.assert_allclose(audiences.sums(one), sums, atol=1e-5)
    np.testing.assert_allclose(audiences.covary(one, other), around / (likes.nnz - 200), atol=1e-5)


def test_a_teachers_items_are_what_its_origin_says(likes: sp.csr_array, teacher: Teacher) -> None:
    origin = teacher.origin

    items = origin.scales * (likes.T @ origin.tellers.values)

    np.testing.assert_allclose(teacher.items, items - items.mean(axis=0), atol=1e-4)
    np.testing.assert_allclose(origin.tellers.values, likes @ origin.tellers.parts, atol=1e-4)


def moved(likes: sp.csr_array, teacher: Teacher, origin: Origin | None) -> float:
    """How far ten people drawn at random move items of which content knows nothing, on average."""
    readings = Tellers(teacher.users, teacher.projection, np.ones(500))
    nothing = np.zeros_like(teacher.targets)
    thawing = Thawing(fit_thawing(likes, readings, HeldOut(np.arange(200), nothing, teacher.targets), origin))
    random = np.random.default_rng(3)
    sums = np.stack([teacher.users[random.choice(500, 10, replace=False)].sum(axis=0) for _ in range(200)])
    ten, none = np.full(200, 10, np.float32), np.zeros(200, np.float32)
    found = thawing.move(nothing, Evidence(ten, sums, none, np.zeros_like(sums), none))
    return float(np.linalg.norm(found, axis=1).mean())


def test_people_who_have_nothing_in_common_move_no_item(likes: sp.csr_array, teacher: Teacher) -> None:
    """An item was learned from the very people who were asked of it: by that alone it would seem that people tell."""
    own = np.linalg.norm(teacher.items, axis=1).mean()

    assert moved(likes, teacher, teacher.origin) < 0.15 * own
    assert moved(likes, teacher, None) > 2 * moved(likes, teacher, teacher.origin)


@pytest.mark.parametrize(("each", "times"), [(60, 1.0), (20, 1.0), (10, 4.0), (5, 16.0), (1, 400.0)])
def test_people_are_trusted_less_where_users_have_few_likes(each: int, times: float) -> None:
    """Users without any say nothing for or against it."""
    likes = np.zeros((30, 60), np.float32)
    likes[:20, :each] = 1

    assert be_cautious(sp.csr_array(likes)) == pytest.approx(CAUTION * times)


def test_no_likes_at_all_are_no_reason_to_stop() -> None:
    assert np.isfinite(be_cautious(sp.csr_array(np.zeros((3, 4), np.float32))))

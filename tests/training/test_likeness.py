"""What users like beyond the teacher's factors."""

import numpy as np
import pytest
import scipy.sparse as sp
from numpy.typing import NDArray

from model.config import LensConfig, MamexConfig, ModalityConfig, ViewConfig
from model.content import FloatArray
from model.encoders.spec import Kind
from model.fold_in import FoldIn
from model.mamex import Mamex
from training.recipes.closed_form import place_lens
from training.recipes.likeness import find_likeness
from training.recipes.teacher import Teacher, fit_teacher
from training.recipes.view_kernels import ViewKernels

KINDS, EACH, USERS, FACTORS = 12, 5, 200, 3
ITEMS = KINDS * EACH


@pytest.fixture
def content() -> FloatArray:
    """(ITEMS, KINDS): items of a kind look alike."""
    noise = np.random.default_rng(0).normal(size=(ITEMS, KINDS))
    return np.asarray(np.repeat(np.eye(KINDS), EACH, axis=0) + 0.1 * noise, np.float32)


@pytest.fixture
def likes() -> sp.csr_array:
    """Each user likes most items of two kinds: more pairs of kinds than three factors can tell apart."""
    random = np.random.default_rng(1)
    dense = np.zeros((USERS, KINDS, EACH), np.float32)
    for user in range(USERS):
        dense[user, random.choice(KINDS, 2, replace=False)] = random.random((2, EACH)) < 0.7
    return sp.csr_array(dense.reshape(USERS, ITEMS))


def kernels_of(content: FloatArray, landmarks: int) -> ViewKernels:
    lens = LensConfig("text", landmarks=landmarks)
    config = MamexConfig((ModalityConfig("text", content.shape[1]),), (ViewConfig("text", (lens,), ((0,),), 1),), width=4)
    mixture = Mamex(config).mixture(0)
    chosen = np.sort(np.random.default_rng(2).permutation(len(content))[:landmarks]).astype(np.intp)
    place_lens(mixture.typed_lenses()[0], content, Kind.TEXT, chosen)
    return ViewKernels(mixture, (content,), chosen)


def widen(likes: sp.csr_array, content: FloatArray, *, directions: int = 8, landmarks: int = ITEMS) -> Teacher:
    teacher = fit_teacher(likes, factors=FACTORS, damping=0.3, restore=0.0)
    kernels, rows = kernels_of(content, landmarks), np.arange(len(content))
    return find_likeness(teacher, likes, kernels, rows, directions=directions, smoothing=4.0).beside(1.0)


def separation(teacher: Teacher, likes: sp.csr_array) -> float:
    """How far items of a user's kinds that it has not liked score above those of other kinds, in deviations."""
    scores = teacher.users @ teacher.items.T
    scores = (scores - scores.mean(axis=1, keepdims=True)) / (scores.std(axis=1, keepdims=True) + 1e-9)
    liked = likes.toarray().astype(bool)
    own = np.repeat(liked.reshape(USERS, KINDS, EACH).any(axis=2), EACH, axis=1)
    return float(scores[own & ~liked].mean() - scores[~own].mean())


def test_kinds_that_few_factors_confuse_are_told_apart(likes: sp.csr_array, content: FloatArray) -> None:
    factors_alone = fit_teacher(likes, factors=FACTORS, damping=0.3, restore=0.0)

    assert separation(widen(likes, content), likes) > separation(factors_alone, likes) + 0.3


def test_the_first_factors_stay_as_they_were(likes: sp.csr_array, content: FloatArray) -> None:
    before, after = fit_teacher(likes, factors=FACTORS, damping=0.3, restore=0.0), widen(likes, content)

    assert after.beyond == 8
    np.testing.assert_array_equal(after.users[:, :FACTORS], before.users)
    np.testing.assert_array_equal(after.items[:, :FACTORS], before.items)


@pytest.mark.parametrize("landmarks", [ITEMS, 30])
def test_a_user_is_the_sum_of_what_its_likes_add(likes: sp.csr_array, content: FloatArray, landmarks: int) -> None:
    """In training by the projection, and in serving by the items' embeddings."""
    teacher = widen(likes, content, landmarks=landmarks)
    fold_in = FoldIn({**teacher.closed_form, "prior": teacher.prior, "popularity": np.ones(1, np.float32)})
    steps = fold_in.steps(np.column_stack([teacher.items, teacher.popularity]))

    np.testing.assert_allclose(likes @ teacher.projection, teacher.users, atol=1e-3)
    np.testing.assert_allclose(likes @ steps, teacher.users, atol=1e-2)


def test_fewer_landmarks_than_items_come_close(likes: sp.csr_array, content: FloatArray) -> None:
    every, some = widen(likes, content), widen(likes, content, landmarks=40)

    assert separation(some, likes) > 0.8 * separation(every, likes)


def test_the_weight_is_how_widely_scores_are_spread(likes: sp.csr_array, content: FloatArray) -> None:
    teacher = widen(likes, content)

    def spread(columns: slice) -> float:
        return float(np.median((teacher.users[:, columns] @ teacher.items[:, columns].T).std(axis=1)))

    assert spread(slice(FACTORS, None)) == pytest.approx(spread(slice(0, FACTORS)), rel=1e-3)


def test_items_are_as_large_as_what_they_add_to_scores(likes: sp.csr_array, content: FloatArray) -> None:
    """Users are of one size along every coordinate, so that items may be compared with each other by theirs."""
    teacher = widen(likes, content)

    sizes = np.sqrt((teacher.users[:, FACTORS:] ** 2).mean(axis=0))

    assert sizes.min() > 0.3
    assert sizes.max() < 3


@pytest.mark.parametrize("items", [1, 2, 6])
def test_a_catalogue_too_small_for_directions_is_padded(items: int, content: FloatArray, likes: sp.csr_array) -> None:
    rows: NDArray[np.intp] = np.arange(items)
    few = sp.csr_array(likes[:, rows])

    teacher = widen(few, content[rows], landmarks=items)

    assert teacher.items.shape == (items, FACTORS + 8)
    assert np.isfinite(teacher.users).all()
    assert np.isfinite(teacher.projection).all()


def test_where_nothing_lies_beyond_the_factors_nothing_is_added(content: FloatArray) -> None:
    """As many factors as the likes have: what is left of them is rounding, and must not be blown up."""
    likes = sp.csr_array(np.kron(np.eye(2), np.ones((20, ITEMS // 2))).astype(np.float32))

    teacher = widen(likes, content)

    assert not teacher.users[:, FACTORS:].any()
    assert not teacher.items[:, FACTORS:].any()


def test_items_that_cannot_be_read_move_users_too(likes: sp.csr_array, content: FloatArray) -> None:
    teacher = fit_teacher(likes, factors=FACTORS, damping=0.3, restore=0.0)
    readable = np.arange(0, ITEMS, 2)

    kernels = kernels_of(content[readable], len(readable))
    wide = find_likeness(teacher, likes, kernels, readable, directions=8, smoothing=4.0).beside(1.0)

    assert np.abs(wide.projection[1::2, FACTORS:]).max() > 0


def test_what_few_users_have_beyond_the_factors_is_not_blown_up_for_the_rest() -> None:
    """Brands tell of likes, and most users have one like alone, of a brand that nobody else has anything to do with."""
    random = np.random.default_rng(3)
    some, brands, each, single = 60, 12, 8, 140
    tastes = random.standard_normal((some, 6)) @ random.standard_normal((6, brands))
    dense = np.zeros((some + single, brands * each + single), np.float32)
    dense[:some, : brands * each] = np.repeat(tastes, each, axis=1) + random.standard_normal((some, brands * each)) > 2
    dense[some:, brands * each :] = np.eye(single)
    brand = np.append(np.arange(brands * each) // each, brands + np.arange(single))
    rows = np.arange(len(brand))
    named = sp.csr_array((np.ones(len(brand), np.float32), (rows, brand)), shape=(len(brand), 256))
    config = MamexConfig(
        (ModalityConfig("attributes", 256, sparse=True),),
        (ViewConfig("attributes", (LensConfig("attributes", vocabulary=brands + single),), ((0,),), 1),),
        width=4,
    )
    mixture = Mamex(config).mixture(0)
    place_lens(mixture.typed_lenses()[0], named, Kind.ATTRIBUTES, rows)
    likes = sp.csr_array(dense)
    teacher = fit_teacher(likes, factors=FACTORS, damping=0.3, restore=0.0, prior_weight=0.4)

    kernels = ViewKernels(mixture, (named,), rows)
    wide = find_likeness(teacher, likes, kernels, rows, directions=8, smoothing=4.0).beside(0.25)

    assert np.abs(wide.items[:, FACTORS:]).max() < 10 * np.abs(wide.items[:, :FACTORS]).max()
    assert np.abs(wide.items[:, FACTORS:]).max() > 0

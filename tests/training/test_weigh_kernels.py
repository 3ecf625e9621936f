"""Each way to read counts as much as it tells of this catalogue's likes."""

import numpy as np
import pytest
import scipy.sparse as sp
import torch

from model.config import LensConfig, MamexConfig, ModalityConfig, ViewConfig
from model.content import FloatArray
from model.encoders.spec import Kind
from model.mamex import Mamex
from training.recipes.closed_form import ViewFit, place_lens
from training.recipes.episodes import Audience, Episode, LeaveOneOutPredictions
from training.recipes.teacher import Teacher, fit_teacher
from training.recipes.view_kernels import ViewItems, ViewKernels
from training.recipes.weigh_kernels import Choice, LeaveOneOut, count_tries, weigh_kernels

ITEMS, USERS, KINDS = 120, 90, 6
START = Choice((1.0, 1.0), 2.0, 0.0)


def like(share: float) -> sp.csr_array:
    """Each user likes a share of the items of one kind; item n is of kind n modulo the kinds."""
    random = np.random.default_rng(3)
    own = (np.arange(USERS)[:, None] % KINDS) == (np.arange(ITEMS)[None] % KINDS)
    return sp.csr_array((own & (random.random((USERS, ITEMS)) < share)).astype(np.float32))


@pytest.fixture
def likes() -> sp.csr_array:
    return like(0.8)


@pytest.fixture
def teacher(likes: sp.csr_array) -> Teacher:
    return fit_teacher(likes, factors=KINDS, damping=0.3, restore=0.0, prior_weight=0.4)


def read(told: float) -> ViewItems:
    """Two lenses: the first shows an item's kind, more or less clearly; the second nothing but chance."""
    random = np.random.default_rng(4)
    kinds = np.eye(KINDS)[np.arange(ITEMS) % KINDS]
    told_kinds = told * kinds + random.standard_normal((ITEMS, KINDS)) * 0.5
    chance = random.standard_normal((ITEMS, 3))
    encodings = tuple(np.asarray(x / np.linalg.norm(x, axis=1, keepdims=True), np.float32) for x in (told_kinds, chance))
    lenses = tuple(LensConfig(name, landmarks=ITEMS) for name in ("kinds", "chance"))
    modalities = (ModalityConfig("kinds", KINDS), ModalityConfig("chance", 3))
    mixture = Mamex(MamexConfig(modalities, (ViewConfig("view", lenses, ((0,), (1,)), 2),), width=KINDS + 1)).mixture(0)
    rows = np.arange(ITEMS)
    for lens, encoding in zip(mixture.typed_lenses(), encodings, strict=True):
        place_lens(lens, encoding, Kind.TEXT, rows)
    return ViewItems("view", mixture, (0, 1), rows, encodings, rows)


def test_what_tells_more_counts_more_and_items_are_ranked_better(teacher: Teacher, likes: sp.csr_array) -> None:
    items = read(told=1.0)
    left_out, tries = LeaveOneOut(items, teacher, likes), []

    choice = weigh_kernels(items, teacher, likes, START, 3, lambda *_: tries.append(1), sums=False)

    assert choice.weights[0] > 2 * choice.weights[1]
    assert left_out.ndcg(choice) > left_out.ndcg(START) + left_out.margin
    assert len(tries) == count_tries(2, 3, sums=False) == 1 + 2 * 3 * 3


@pytest.mark.parametrize(("gain", "moves"), [(0.9, False), (1.1, True)])
def test_only_a_gain_beyond_chance_moves_a_weight(
    teacher: Teacher, likes: sp.csr_array, monkeypatch: pytest.MonkeyPatch, gain: float, moves: bool
) -> None:
    """A third of the second weight ranks better by so much of the margin, and nothing else does."""

    def ndcg(self: LeaveOneOut, choice: Choice) -> float:
        return 0.5 + float(gain * self.margin * (choice == START.scale_weight(1 / 3, lens=1)))

    monkeypatch.setattr(LeaveOneOut, "ndcg", ndcg)

    choice = weigh_kernels(read(told=1.0), teacher, likes, START, 1, lambda *_: None, sums=False)

    assert choice == (START.scale_weight(1 / 3, lens=1) if moves else START)


def test_users_judge_items_that_they_have_not_seen(teacher: Teacher, likes: sp.csr_array) -> None:
    """As episodes rebuild them."""
    items = read(told=1.0)
    shown = items.encodings[0]
    everybody = np.arange(USERS)
    for held, _, tastes, liked in LeaveOneOut(items, teacher, likes)._folds:
        nothing = LeaveOneOutPredictions(
            (), torch.zeros(len(shown), 0, dtype=torch.bool), torch.zeros(len(shown), dtype=torch.bool)
        )
        rebuilt, theirs = Audience(likes, teacher).without(Episode(held, nothing), everybody)
        np.testing.assert_allclose(tastes, rebuilt.numpy(), atol=1e-5)
        np.testing.assert_array_equal(liked.toarray(), theirs.numpy())


def test_no_pass_leaves_everything_as_it_is(teacher: Teacher, likes: sp.csr_array) -> None:
    assert weigh_kernels(read(1.0), teacher, likes, START, 0, lambda *_: None, sums=True) == START
    assert count_tries(2, 0, sums=True) == 0


def test_an_item_is_judged_by_what_the_regression_says_without_it(teacher: Teacher, likes: sp.csr_array) -> None:
    """As the fit that is kept leaves items out."""
    items = read(told=1.0)
    targets: FloatArray = np.column_stack([teacher.items, teacher.popularity])
    choice = Choice((0.5, 2.0), 1.5, 0.0)
    predicted = LeaveOneOut(items, teacher, likes)._predict(choice)

    for lens, weight in zip(items.mixture.typed_lenses(), choice.weights, strict=True):
        lens.weight.fill_(weight)
    fit = ViewFit(ViewKernels(items.mixture, items.encodings, items.landmarks), targets, choice.ridge)

    np.testing.assert_allclose(predicted, fit.left_out().sum(axis=1), atol=1e-3)


def test_a_lens_alone_is_weighed_by_its_ridge(teacher: Teacher, likes: sp.csr_array) -> None:
    both = read(told=1.0)
    config = MamexConfig(
        (ModalityConfig("kinds", KINDS),), (ViewConfig("view", (LensConfig("kinds", landmarks=ITEMS),), ((0,),), 1),), KINDS + 1
    )
    mixture = Mamex(config).mixture(0)
    place_lens(mixture.typed_lenses()[0], both.encodings[0], Kind.TEXT, both.landmarks)
    alone = ViewItems("view", mixture, (0,), both.rows, both.encodings[:1], both.landmarks)

    choice = weigh_kernels(alone, teacher, likes, Choice((1.0,), 2.0, 0.0), 2, lambda *_: None, sums=False)

    assert choice.weights == (1.0,)
    assert count_tries(1, 2, sums=False) == 1 + 2 * 2


def test_users_become_plainer_sums_where_few_likes_leave_many_factors_to_chance() -> None:
    few, start = like(0.3), Choice((1.0, 0.3), 2.0, 0.5)
    teacher = fit_teacher(few, factors=40, damping=0.3, restore=0.0, prior_weight=0.4)
    items, tries = read(told=1.0), []
    left_out = LeaveOneOut(items, teacher, few)

    choice = weigh_kernels(items, teacher, few, start, 3, lambda *_: tries.append(1), sums=True)

    assert choice.sums > 2 * start.sums
    assert left_out.ndcg(choice) > left_out.ndcg(start) + left_out.margin
    assert len(tries) == count_tries(2, 3, sums=True) == count_tries(2, 3, sums=False) + 2 * 3


def test_users_stay_as_they_are_where_likes_tell_their_factors(teacher: Teacher, likes: sp.csr_array) -> None:
    """As many factors as there are kinds, and most items of a kind are liked."""
    start = Choice((1.0, 0.3), 2.0, 0.5)

    assert weigh_kernels(read(told=1.0), teacher, likes, start, 3, lambda *_: None, sums=True).sums == start.sums

"""Each way to read counts as much as it tells of this catalogue's likes."""

import numpy as np
import pytest
import scipy.sparse as sp

from model.config import LensConfig, MamexConfig, ModalityConfig, ViewConfig
from model.encoders.spec import Kind
from model.mamex import Mamex
from training.recipes.closed_form import place_lens
from training.recipes.inner_folds import InnerFold, beats, draw_folds
from training.recipes.teacher import Teacher, fit_teacher
from training.recipes.view_kernels import ViewItems
from training.recipes.weigh_kernels import Choice, FoldedPart, FoldedView, count_tries, weigh_kernels

ITEMS, USERS, KINDS = 120, 90, 6
START = Choice((1.0, 1.0), 2.0, 0.0)


def like(share: float, users: int = USERS) -> sp.csr_array:
    """Each user likes a share of the items of one kind; item n is of kind n modulo the kinds."""
    random = np.random.default_rng(3)
    own = (np.arange(users)[:, None] % KINDS) == (np.arange(ITEMS)[None] % KINDS)
    return sp.csr_array((own & (random.random((users, ITEMS)) < share)).astype(np.float32))


@pytest.fixture
def likes() -> sp.csr_array:
    return like(0.8)


@pytest.fixture
def folds(likes: sp.csr_array) -> list[InnerFold]:
    return fold(likes, factors=KINDS)


def fold(likes: sp.csr_array, factors: int) -> list[InnerFold]:
    def fit(kept: sp.csr_array) -> Teacher:
        return fit_teacher(kept, factors=factors, damping=0.3, restore=0.0, prior_weight=0.4)

    return draw_folds(likes, fit, lambda *_: None)


def read(told: float, count: int = ITEMS) -> ViewItems:
    """Two lenses: the first shows an item's kind, more or less clearly; the second nothing but chance."""
    random = np.random.default_rng(4)
    kinds = np.eye(KINDS)[np.arange(count) % KINDS]
    told_kinds = told * kinds + random.standard_normal((count, KINDS)) * 0.5
    chance = random.standard_normal((count, 3))
    encodings = tuple(np.asarray(x / np.linalg.norm(x, axis=1, keepdims=True), np.float32) for x in (told_kinds, chance))
    lenses = tuple(LensConfig(name, landmarks=count) for name in ("kinds", "chance"))
    modalities = (ModalityConfig("kinds", KINDS), ModalityConfig("chance", 3))
    mixture = Mamex(MamexConfig(modalities, (ViewConfig("view", lenses, ((0,), (1,)), 2),), width=KINDS + 1)).mixture(0)
    rows = np.arange(count)
    for lens, encoding in zip(mixture.typed_lenses(), encodings, strict=True):
        place_lens(lens, encoding, Kind.TEXT, rows)
    return ViewItems("view", mixture, (0, 1), rows, encodings, rows)


def test_what_tells_more_counts_more_and_items_are_ranked_better(folds: list[InnerFold]) -> None:
    items = read(told=1.0)
    folded, tries = FoldedView(items, folds), []

    choice = weigh_kernels(items, folds, START, 3, lambda *_: tries.append(1), sums=False)

    assert choice.weights[0] > 2 * choice.weights[1]
    assert beats(folded.ndcg(choice), folded.ndcg(START))
    assert len(tries) == count_tries(2, 3, sums=False) == 1 + 2 * 3 * 3


@pytest.mark.parametrize(("gain", "moves"), [(2.7, False), (3.3, True)])
def test_only_a_gain_beyond_chance_moves_a_weight(
    folds: list[InnerFold], monkeypatch: pytest.MonkeyPatch, gain: float, moves: bool
) -> None:
    """A third of the second weight is better by so many standard errors, and nothing else is."""
    better = START.scale_weight(1 / 3, lens=1)
    chance = np.random.default_rng(0).standard_normal(400)
    chance = (chance - chance.mean()) / chance.std() / np.sqrt(400)  # a mean of 0, with a standard error of 1 / 400
    found = 0.5 + (chance + gain / 400)

    monkeypatch.setattr(FoldedView, "ndcg", lambda _, choice: found if choice == better else np.full(400, 0.5))

    choice = weigh_kernels(read(told=1.0), folds, START, 1, lambda *_: None, sums=False)

    assert choice == (better if moves else START)


def test_what_ranks_a_part_knows_nothing_of_its_likes(likes: sp.csr_array, folds: list[InnerFold]) -> None:
    """The part's likes made others, its teacher and what is predicted of it stay."""
    items, first = read(told=1.0), folds[0]
    changed = likes.toarray()
    changed[:, first.held] = changed[::-1][:, first.held]
    assert (changed != likes.toarray()).any()
    again = fold(sp.csr_array(changed), factors=KINDS)[0]
    view, kernel = (FoldedPart.of(one, items.rows) for one in (first, again)), np.eye(ITEMS, dtype=np.float32) + 0.5

    before, after = (part.predict(kernel, 1.0, part.fold.teacher.targets[part.kept_at]) for part in view)

    np.testing.assert_array_equal(first.teacher.users, again.teacher.users)
    np.testing.assert_array_equal(before, after)


def test_each_item_is_judged_once_by_all_who_like_it(likes: sp.csr_array, folds: list[InnerFold]) -> None:
    items = read(told=1.0)

    assert sorted(np.concatenate([one.held for one in folds])) == list(range(ITEMS))
    for one in folds:
        part = FoldedPart.of(one, items.rows)
        assert sorted([*one.held, *one.kept]) == list(range(ITEMS))
        np.testing.assert_array_equal(one.likes.toarray(), likes[:, one.kept].toarray())
        np.testing.assert_array_equal(part.liked.toarray(), likes[part.judges][:, one.held].toarray())
        assert part.liked.nnz == likes[:, one.held].nnz


def test_a_view_of_some_items_is_judged_by_them(likes: sp.csr_array, folds: list[InnerFold]) -> None:
    """Every third item lacks what the view reads."""
    rows = np.flatnonzero(np.arange(ITEMS) % 3 > 0)

    for one in folds:
        part = FoldedPart.of(one, rows)
        assert sorted([*part.held, *part.kept]) == list(range(len(rows)))
        assert not set(rows[part.kept]) & set(one.held)
        assert part.names == [str(row) for row in rows[part.held]]
        np.testing.assert_array_equal(one.kept[part.kept_at], rows[part.kept])
        np.testing.assert_array_equal(part.liked.toarray(), likes[part.judges][:, rows[part.held]].toarray())
        assert part.liked.nnz == likes[:, rows[part.held]].nnz


def test_no_pass_leaves_everything_as_it_is() -> None:
    assert weigh_kernels(read(1.0), [], START, 0, lambda *_: None, sums=True) == START
    assert count_tries(2, 0, sums=True) == 0


@pytest.mark.parametrize("count", [2, 3, 5])
def test_next_to_no_items_leave_everything_as_it_is(count: int) -> None:
    """Parts of one item have nothing to rank."""
    few = sp.csr_array(like(0.8)[:, :count])

    assert weigh_kernels(read(1.0, count), fold(few, factors=2), START, 1, lambda *_: None, sums=True) == START


def test_a_lens_alone_is_weighed_by_its_ridge(folds: list[InnerFold]) -> None:
    both = read(told=1.0)
    config = MamexConfig(
        (ModalityConfig("kinds", KINDS),), (ViewConfig("view", (LensConfig("kinds", landmarks=ITEMS),), ((0,),), 1),), KINDS + 1
    )
    mixture = Mamex(config).mixture(0)
    place_lens(mixture.typed_lenses()[0], both.encodings[0], Kind.TEXT, both.landmarks)
    alone = ViewItems("view", mixture, (0,), both.rows, both.encodings[:1], both.landmarks)

    choice = weigh_kernels(alone, folds, Choice((1.0,), 2.0, 0.0), 2, lambda *_: None, sums=False)

    assert choice.weights == (1.0,)
    assert count_tries(1, 2, sums=False) == 1 + 2 * 2


def test_users_become_plainer_sums_where_few_likes_leave_many_factors_to_chance() -> None:
    start = Choice((1.0, 0.3), 2.0, 0.5)
    items, folds, tries = read(told=1.0), fold(like(0.3, users=600), factors=40), []
    folded = FoldedView(items, folds)

    choice = weigh_kernels(items, folds, start, 3, lambda *_: tries.append(1), sums=True)

    assert choice.sums > 2 * start.sums
    assert beats(folded.ndcg(choice), folded.ndcg(start))
    assert len(tries) == count_tries(2, 3, sums=True) == count_tries(2, 3, sums=False) + 2 * 3


def test_users_stay_as_they_are_where_likes_tell_their_factors(folds: list[InnerFold]) -> None:
    """As many factors as there are kinds, and most items of a kind are liked."""
    start = Choice((1.0, 0.3), 2.0, 0.5)

    assert weigh_kernels(read(told=1.0), folds, start, 3, lambda *_: None, sums=True).sums == start.sums

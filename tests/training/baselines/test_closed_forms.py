"""The simple methods: by hand on three items, and against another library."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
import scipy.sparse as sp
import torch
from sklearn.kernel_ridge import KernelRidge

from model.content import FloatArray
from model.encoders.spec import EncoderSpec, Kind
from model.features import Features
from training.baselines.chance import prepare_chance
from training.baselines.content import Content
from training.baselines.factors import SVD, _solve_rows, fit_als
from training.baselines.method import Space
from training.baselines.profile import prepare_best_match, prepare_content_knn, prepare_mean_profile
from training.baselines.ridge import prepare_user_ridge
from training.dataset import ColdData, WarmData
from training.progress import SilentReporter
from training.recipes.trained import Job

LIKES = [[1, 1, 0], [0, 0, 1]]
HALF = np.sqrt(0.5)


def features_of(values: object) -> Features:
    """One modality that nothing lacks."""
    array = np.array(values, np.float32)
    return Features((array,), np.ones((len(array), 1), np.bool_))


def make_job(content: object, likes: object, seed: int = 0) -> Job:
    matrix, features = sp.csr_array(np.array(likes, np.float32)), features_of(content)
    users, items = matrix.shape
    ids = [f"warm-{at}" for at in range(items)]
    warm = WarmData(ids, features, [str(at) for at in range(users)], matrix, matrix, np.zeros(items, np.bool_))
    cold = ColdData(["cold"], features.take(slice(0, 1)), sp.csr_array(np.ones((users, 1), np.float32)))
    specs = {"text": EncoderSpec("made up", Kind.TEXT, features.values[0].shape[1], "float32", "none")}
    return Job(warm, cold, specs, seed, "cpu", SilentReporter())


@pytest.fixture
def three() -> Job:
    """Centred already: east, north and south-west; one user likes the first two, another the last."""
    return make_job([[1, 0], [0, 1], [-1, -1]], LIKES)


@pytest.fixture
def drawn() -> Job:
    random = np.random.default_rng(2)
    likes = (random.random((12, 25)) < 0.3).astype(np.float32)
    likes[:, 0] = 1
    return make_job(random.standard_normal((25, 6)), likes)


def scores_of(space: Space, features: Features, **setting: float) -> FloatArray:
    """(U, C) of a setting, the first tried but for what is named, for the first two users."""
    start = {name: axis.start for name, axis in space.axes.items()}
    return space.fit({**start, **setting})(features)(np.arange(2))


def test_mean_profile_by_hand(three: Job) -> None:
    got = scores_of(prepare_mean_profile(three), features_of([[3, 0], [1, 1], [0, 0]]))

    np.testing.assert_allclose(got, [[HALF, 1, 0], [-HALF, -1, 0]], atol=1e-6)


def test_best_match_by_hand(three: Job) -> None:
    got = scores_of(prepare_best_match(three), features_of([[3, 0], [1, 1]]))

    np.testing.assert_allclose(got, [[1, HALF], [-HALF, -1]], atol=1e-6)


@pytest.mark.parametrize(("count", "summed"), [(1, 2), (2, 3), (9, 3)])
def test_content_knn_by_hand(three: Job, count: int, summed: float) -> None:
    """(2, 1) is next to the east, then to the north; what lies the other way counts nothing."""
    got = scores_of(prepare_content_knn(three), features_of([[2, 1]]), neighbours=count)

    np.testing.assert_allclose(got, [[summed / np.sqrt(5)], [0]], atol=1e-6)


def test_content_is_centred_on_warm_items_and_what_is_missing_is_the_centre() -> None:
    content = Content(make_job([[3, 1], [1, 1], [2, 4]], LIKES), [1.0])
    given = Features((np.array([[5, 2], [0, 0]], np.float32),), np.array([[True], [False]]))

    np.testing.assert_allclose(content.of(given), [[1, 0], [0, 0]], atol=1e-6)


def test_the_mean_of_the_best_matches_by_hand(three: Job) -> None:
    got = scores_of(prepare_best_match(three), features_of([[3, 0]]), matches=2)

    np.testing.assert_allclose(got, [[0.5], [-HALF]], atol=1e-6)


def test_a_rare_like_counts_more_by_hand() -> None:
    """The north has two likes and the east one: at a power of 1 the north counts half as much for who likes both."""
    job = make_job([[1, 0], [0, 1], [-1, -1]], [[1, 1, 0], [0, 1, 0]])
    got = scores_of(prepare_mean_profile(job), features_of([[1, 0], [0, 1]]), rarity=1.0)

    np.testing.assert_allclose(got[0], [1 / np.sqrt(1.25), 0.5 / np.sqrt(1.25)], atol=1e-6)


@pytest.mark.parametrize("setting", [{"bandwidth": 0.0, "ridge": 3.0}, {"bandwidth": 2.0, "ridge": 0.7}])
def test_user_ridge_is_kernel_ridge_regression(drawn: Job, setting: dict[str, float]) -> None:
    """Against another library's, on kernels written out."""
    new = np.random.default_rng(3).standard_normal((4, 6)).astype(np.float32)
    centre = drawn.warm.features.values[0].mean(axis=0)
    warm, cold = (
        (each - centre) / np.linalg.norm(each - centre, axis=1)[:, None] for each in (drawn.warm.features.values[0], new)
    )
    kernels = [each @ warm.T for each in (warm, cold)]
    if setting["bandwidth"]:
        kernels = [np.exp(-2 * (2 - 2 * each)) for each in kernels]
    liked = drawn.warm.likes.toarray()
    model = KernelRidge(alpha=setting["ridge"], kernel="precomputed")

    expected = model.fit(kernels[0], (liked - liked.mean(axis=1, keepdims=True)).T).predict(kernels[1]).T

    np.testing.assert_allclose(scores_of(prepare_user_ridge(drawn), features_of(new), **setting), expected[:2], atol=1e-5)


def test_als_solves_its_users_exactly(drawn: Job) -> None:
    """The weighted loss over the whole matrix is flat at what the normal equations give."""
    likes, known = drawn.warm.likes, np.random.default_rng(1).standard_normal((25, 5)).astype(np.float32)
    users = torch.tensor(_solve_rows(likes, known, 4.0, 2.0), dtype=torch.float64, requires_grad=True)
    liked = torch.tensor(likes.toarray(), dtype=torch.float64)

    missed = (liked - users @ torch.tensor(known, dtype=torch.float64).T) ** 2
    (((1 + 4.0 * liked) * missed).sum() + 2.0 * (users**2).sum()).backward()  # type: ignore[no-untyped-call]

    assert users.grad is not None
    assert float(users.grad.abs().max()) < 1e-3
    assert float(users.detach().abs().max()) > 0.1


def test_als_ends_with_items_that_fit_its_users(drawn: Job) -> None:
    factors = fit_als(drawn.warm.likes, 4.0, 2.0)
    liked = drawn.warm.likes.toarray().astype(np.float64)
    users = factors.users.astype(np.float64)
    weights = [users.T * (1 + 4.0 * column) for column in liked.T]

    items = np.stack(
        [
            np.linalg.solve(w @ users + 2.0 * np.eye(users.shape[1]), w @ column)
            for w, column in zip(weights, liked.T, strict=True)
        ]
    )

    np.testing.assert_allclose(factors.items, items - items.mean(axis=0), atol=1e-3)
    predicted = users @ items.T
    assert predicted[liked > 0].mean() > predicted[liked == 0].mean() + 0.3


def test_svd_factors_are_the_best_of_their_rank() -> None:
    """Up to a constant for each user, which centring takes from all of its scores."""
    likes = (np.random.default_rng(4).random((90, 80)) < 0.3).astype(np.float32)
    left, sizes, right = np.linalg.svd(likes.astype(np.float64))
    best = (left[:, :64] * sizes[:64]) @ right[:64]

    factors = SVD.fit(sp.csr_array(likes), {"width": 64})
    got = factors.users.astype(np.float64) @ factors.items.T.astype(np.float64)

    np.testing.assert_allclose(got, best - best.mean(axis=1, keepdims=True), atol=1e-3)
    assert np.linalg.matrix_rank(got, tol=1e-3) == 64


def test_chance_gives_each_user_an_order_of_its_own(three: Job) -> None:
    candidates = features_of(np.zeros((50, 2)))
    first, again = (scores_of(prepare_chance(three), candidates) for _ in range(2))
    other = scores_of(prepare_chance(replace(three, seed=1)), candidates)

    assert np.array_equal(first, again)
    orders = {tuple(np.argsort(row)) for row in (*first, *other)}
    assert len(orders) == 4


@pytest.mark.parametrize("prepare", [prepare_mean_profile, prepare_best_match, prepare_content_knn, prepare_user_ridge])
def test_nothing_of_a_cold_item_enters(drawn: Job, prepare: Callable[[Job], Space]) -> None:
    """Other validation items, and another candidate beside it: an item's scores stay, at every value of each axis."""
    random = np.random.default_rng(9)
    item, one, other = (random.standard_normal((1, 6)) for _ in range(3))
    changed = replace(drawn, cold=ColdData(["else"], features_of(100 * other), sp.csr_array(np.zeros((12, 1), np.float32))))

    for name, axis in prepare(drawn).axes.items():
        for value in axis.values:
            before = scores_of(prepare(drawn), features_of(np.concatenate([item, one])), **{name: value})
            after = scores_of(prepare(changed), features_of(np.concatenate([item, 50 * other])), **{name: value})

            np.testing.assert_allclose(before[:, 0], after[:, 0], atol=1e-6)
            assert not np.allclose(before[:, 1], after[:, 1], atol=1e-4)

"""The parts of the recipe `thaw`, each against what it claims to be."""

import numpy as np
import pytest
import scipy.sparse as sp
import torch
from numpy.typing import NDArray
from sklearn.kernel_ridge import KernelRidge

from model.config import LensConfig, MamexConfig, ModalityConfig, ViewConfig
from model.content import BoolArray, FloatArray
from model.encoders.lexical import DIM, LexicalEncoder
from model.encoders.spec import Kind
from model.errors import ColdItemInTraining
from model.features import Features
from model.fold_in import place_users
from model.mamex import Mamex
from training.recipes.calibration import CalibratedFit
from training.recipes.closed_form import ViewFit, add, place_lens, take_vocabulary
from training.recipes.episodes import Audience, Episode, FittedView, hold_out, leave_out, listwise_loss
from training.recipes.fusion import Lacking
from training.recipes.heads import Heads
from training.recipes.ranking_fit import write_gate, write_view
from training.recipes.teacher import fit_teacher
from training.recipes.view_kernels import ViewItems, ViewKernels

ITEMS, WIDTH = 30, 5
NOTHING_COLD = np.zeros(ITEMS, np.bool_)


@pytest.fixture
def random() -> np.random.Generator:
    return np.random.default_rng(7)


@pytest.fixture
def dense(random: np.random.Generator) -> FloatArray:
    values = random.standard_normal((ITEMS, 6)).astype(np.float32)
    return np.asarray(values / np.linalg.norm(values, axis=1, keepdims=True), np.float32)


@pytest.fixture
def targets(random: np.random.Generator) -> FloatArray:
    values = random.standard_normal((ITEMS, WIDTH)).astype(np.float32)
    return np.asarray(values - values.mean(axis=0), np.float32)


def make_network(landmarks: int, vocabulary: int) -> Mamex:
    """One view of two experts: one reads likeness, the other words."""
    lenses = (LensConfig("text", landmarks=landmarks), LensConfig("words", vocabulary=vocabulary))
    modalities = (ModalityConfig("text", 6), ModalityConfig("words", DIM, sparse=True))
    return Mamex(MamexConfig(modalities, (ViewConfig("text", lenses, ((0,), (1,)), 2),), WIDTH)).eval()


def fit(dense: FloatArray, targets: FloatArray, landmarks: int = ITEMS) -> tuple[Mamex, FittedView]:
    words = LexicalEncoder("words").encode([f"word{at % 5} word{at % 3}" for at in range(ITEMS)])
    mamex = make_network(landmarks, len(take_vocabulary(words, Kind.TEXT, limit=100).places))
    rows = np.arange(landmarks)
    for lens, encoding in zip(mamex.mixture(0).typed_lenses(), (dense, words), strict=True):
        place_lens(lens, encoding, Kind.TEXT, rows)
        lens.weight.fill_(0.5)
    items = ViewItems("text", mamex.mixture(0), (0, 1), np.arange(ITEMS), (dense, words), rows)
    plain = ViewFit(ViewKernels(mamex.mixture(0), (dense, words), rows), targets, 1.0)
    return mamex, FittedView(CalibratedFit(plain.solve(), plain.left_out(), np.ones(WIDTH, np.float32)), items)


def say(view: FittedView) -> FloatArray:
    """(N, K, D): what each expert says of every item, learned from all."""
    kernels = ViewKernels(view.items.mixture, view.items.encodings, view.items.landmarks).whole(np.arange(ITEMS))
    return np.stack([kernel @ view.fit.coefficients for kernel in kernels], axis=1).astype(np.float32)


def episodes_of(view: FittedView, *, parts: int, folds: int, is_cold: BoolArray = NOTHING_COLD) -> list[Episode]:
    left_out = leave_out([view], is_cold)
    return hold_out(left_out, parts=parts, folds=folds, random=np.random.default_rng(0))


def kernel_by_hand(dense: FloatArray, words: sp.csr_array, rarity: FloatArray, places: NDArray[np.int64]) -> FloatArray:
    placed = dense - dense.mean(axis=0)
    placed /= np.linalg.norm(placed, axis=1, keepdims=True)
    counted = words[:, places].toarray() * rarity
    counted /= np.linalg.norm(counted, axis=1, keepdims=True)
    squares = ((placed[:, None] - placed[None]) ** 2).sum(axis=2)
    return np.asarray(0.5 * np.exp(-squares) + 0.5 * counted @ counted.T, np.float32)


def test_experts_together_are_kernel_ridge_regression(dense: FloatArray, targets: FloatArray) -> None:
    """Against another library's, on the sum of the two kernels written out."""
    _, view = fit(dense, targets)
    vocabulary = take_vocabulary(view.items.encodings[1], Kind.TEXT, limit=100)
    kernel = kernel_by_hand(dense, view.items.encodings[1], vocabulary.rarity, vocabulary.places)

    expected = KernelRidge(alpha=1.0, kernel="precomputed").fit(kernel, targets)

    np.testing.assert_allclose(say(view).sum(axis=1), expected.predict(kernel), atol=1e-4)


def test_an_item_left_out_is_predicted_as_if_it_had_never_been_there(dense: FloatArray, targets: FloatArray) -> None:
    """Each expert's part, against another library's regression on all other items, centred without it."""
    _, view = fit(dense, targets)
    kernels = ViewKernels(view.items.mixture, view.items.encodings, view.items.landmarks).whole(np.arange(ITEMS))

    left_out = view.fit.left_out

    for row in range(ITEMS):
        others = np.delete(np.arange(ITEMS), row)
        wished = targets[others] - targets[others].mean(axis=0)
        learned = KernelRidge(alpha=1.0, kernel="precomputed").fit(add(kernels)[np.ix_(others, others)], wished)
        expected = np.stack([kernel[row, others] @ learned.dual_coef_ for kernel in kernels])
        np.testing.assert_allclose(left_out[row], expected, atol=1e-4)


def test_an_item_that_lacks_a_modality_is_like_others_by_what_it_has(dense: FloatArray, targets: FloatArray) -> None:
    """Against another library's, on kernels that are 0 where one of two items lacks what is compared; the network agrees."""
    there = np.arange(ITEMS) % 3 > 0
    some = dense * there[:, None]
    mamex, view = fit(some, targets)
    words = view.items.encodings[1]
    vocabulary = take_vocabulary(words, Kind.TEXT, limit=100)
    centred = dense[there] - dense[there].mean(axis=0)
    centred /= np.linalg.norm(centred, axis=1, keepdims=True)
    text = np.zeros((ITEMS, ITEMS))
    text[np.ix_(there, there)] = 0.5 * np.exp(2 * centred @ centred.T - 2)
    counted = words[:, vocabulary.places].toarray() * vocabulary.rarity
    counted /= np.linalg.norm(counted, axis=1, keepdims=True)
    kernel = text + 0.5 * counted @ counted.T

    expected = KernelRidge(alpha=1.0, kernel="precomputed").fit(kernel, targets).predict(kernel)
    write_view(mamex.mixture(0), view, None)
    write_gate(mamex, torch.zeros(1), Lacking(torch.zeros(1, 1), torch.ones(1)))
    output = mamex(*Features((some, words), np.column_stack([there, np.ones(ITEMS, np.bool_)])).tensors())

    np.testing.assert_allclose(say(view).sum(axis=1), expected, atol=1e-4)
    np.testing.assert_allclose(2 * output.embedding.detach().numpy(), expected, atol=1e-4)
    assert output.expert_weights[0].tolist() == [[0.5 if at else 0.0, 0.5] for at in there]


def test_landmarks_come_close_and_leave_items_out_as_a_fresh_fit_does(dense: FloatArray, targets: FloatArray) -> None:
    _, some = fit(dense, targets, landmarks=24)
    _, every = fit(dense, targets)
    kernels = ViewKernels(some.items.mixture, some.items.encodings, some.items.landmarks).whole(np.arange(ITEMS))
    kernel = add(kernels).astype(np.float64)

    left_out = some.fit.left_out

    assert np.corrcoef(say(some).sum(axis=1).ravel(), say(every).sum(axis=1).ravel())[0, 1] > 0.95
    for row in (0, 23, 24, 29):  # two that are landmarks, two that are not
        others = np.delete(np.arange(ITEMS), row)
        inner = kernel[others].T @ kernel[others] + kernel[some.items.landmarks]
        inner[np.diag_indices_from(inner)] += 1e-6 * np.trace(inner) / len(inner)
        coefficients = np.linalg.solve(inner, kernel[others].T @ (targets[others] - targets[others].mean(axis=0)))
        np.testing.assert_allclose(left_out[row], np.stack([own[row] @ coefficients for own in kernels]), atol=1e-3)


@pytest.mark.parametrize("landmarks", [ITEMS, 24])
def test_the_network_says_what_was_trained(dense: FloatArray, targets: FloatArray, landmarks: int) -> None:
    """Heads and router, written into the experts' weights, give what they gave in training."""
    mamex, view = fit(dense, targets, landmarks)
    heads = Heads(2, targets[:, [0, 1, 4]].std(axis=0))
    torch.nn.init.normal_(heads.corrections, std=0.3)
    torch.nn.init.normal_(heads.logits)
    heads.kept = 0.6
    with torch.no_grad():
        expected = heads(torch.from_numpy(say(view)))
        plain = (torch.from_numpy(say(view)) * 2 * (0.6 * heads.logits).softmax(dim=0)[:, None]).sum(dim=1)
    torch.testing.assert_close(expected[:, 2:4], plain[:, 2:4])  # beyond the factors that are corrected

    factors = np.array([0.5] * (WIDTH - 1) + [-2.0], np.float32)
    write_view(mamex.mixture(0), view, heads, factors)
    write_gate(mamex, torch.zeros(1), Lacking(torch.zeros(1, 1), torch.ones(1)))
    words = view.items.encodings[1]
    got = mamex(*Features((dense, words), np.ones((ITEMS, 2), np.bool_)).tensors()).embedding

    torch.testing.assert_close(got.detach(), expected * torch.from_numpy(factors), atol=1e-4, rtol=1e-3)


def test_of_what_heads_learned_a_share_is_kept(dense: FloatArray, targets: FloatArray) -> None:
    """Half of it lies half way between nothing and all, and a look at a share changes nothing."""
    _, view = fit(dense, targets)
    heads, outputs = Heads(2, targets[:, [0, 1, 4]].std(axis=0)), torch.from_numpy(say(view))
    torch.nn.init.normal_(heads.corrections, std=0.3)
    with torch.no_grad():
        whole = heads(outputs)
        with heads.keeping(0.0):
            nothing = heads(outputs)
        with heads.keeping(0.5):
            half = heads(outputs)

        torch.testing.assert_close(half, (whole + nothing) / 2)
        torch.testing.assert_close(heads(outputs), whole)


def test_nobody_has_seen_what_an_episode_holds_out(dense: FloatArray, targets: FloatArray, random: np.random.Generator) -> None:
    """Users are the same whatever their likes of the held-out items are, and an item's outputs whatever its own targets are."""
    likes = sp.csr_array((random.random((40, ITEMS)) < 0.3).astype(np.float32))
    teacher = fit_teacher(likes, factors=4, damping=0.15, restore=0.075)
    _, view = fit(dense, targets)
    episode = episodes_of(view, parts=1, folds=3)[0]
    changed = targets.copy()
    changed[episode.items[0]] += 9
    changed -= changed.mean(axis=0)
    _, other = fit(dense, changed)
    again = episodes_of(other, parts=1, folds=3)[0]
    users, liked = Audience(likes, teacher).without(episode, np.arange(40, dtype=np.intp))
    kept = likes.toarray()
    kept[:, episode.items] = 0

    torch.testing.assert_close(episode.outputs[0][0], again.outputs[0][0], atol=1e-4, rtol=1e-4)
    assert not torch.allclose(episode.outputs[0][1], again.outputs[0][1], atol=1e-4)
    np.testing.assert_allclose(users.numpy(), kept @ teacher.projection, atol=1e-4)
    assert np.array_equal(liked.numpy(), likes.toarray()[:, episode.items])


def test_episodes_refuse_a_planted_cold_item(dense: FloatArray, targets: FloatArray) -> None:
    _, view = fit(dense, targets)

    with pytest.raises(ColdItemInTraining):
        episodes_of(view, parts=1, folds=3, is_cold=np.arange(ITEMS) == 4)


def test_every_item_is_held_out_once_a_part(dense: FloatArray, targets: FloatArray) -> None:
    _, view = fit(dense, targets)

    episodes = episodes_of(view, parts=2, folds=4)

    assert len(episodes) == 8
    assert sorted(np.concatenate([episode.items for episode in episodes[:4]]).tolist()) == list(range(ITEMS))


def test_listwise_loss_by_hand() -> None:
    scores = torch.tensor([[2.0, 1.0, 0.0], [0.0, 0.0, 0.0]])
    liked = torch.tensor([[1.0, 1.0, 0.0], [0.0, 0.0, 0.0]])

    log_sum = np.log(np.exp([2.0, 1.0, 0.0]).sum())

    assert listwise_loss(scores, liked).item() == pytest.approx(((log_sum - 2) + (log_sum - 1)) / 2**0.7)


def test_popularity_moves_every_users_scores_by_the_same_share(random: np.random.Generator) -> None:
    users, spread = random.standard_normal((6, 3)).astype(np.float32), np.diag([1.0, 4.0, 9.0]).astype(np.float32)
    items = random.standard_normal((4000, 3)).astype(np.float32) * np.array([1, 2, 3], np.float32)

    placed = place_users(users, 0.5, spread)

    deviations = (users @ items.T).std(axis=1)
    np.testing.assert_allclose(placed[:, -1] / deviations, 0.5, rtol=0.1)

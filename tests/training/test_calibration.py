"""A coordinate that content does not tell is not predicted, and one that it tells is predicted as large as it is."""

import numpy as np
import pytest

from model.config import LensConfig, MamexConfig, ModalityConfig, ViewConfig
from model.content import FloatArray
from model.encoders.spec import Kind
from model.mamex import Mamex
from training.recipes.calibration import CalibratedFit, find_slopes, solve_calibrated
from training.recipes.closed_form import ViewFit, centre_anew, place_lens, with_ones
from training.recipes.view_kernels import ViewKernels

ITEMS, DIM = 400, 4


def unit(values: FloatArray) -> FloatArray:
    return np.asarray(values / np.linalg.norm(values, axis=1, keepdims=True), np.float32)


@pytest.fixture
def shown() -> FloatArray:
    return unit(np.random.default_rng(0).standard_normal((ITEMS, DIM)).astype(np.float32))


@pytest.fixture
def targets(shown: FloatArray) -> FloatArray:
    """Three coordinates: what content tells, the same under as much chance, and chance alone."""
    random = np.random.default_rng(1)
    told = shown[:, :1] * np.sqrt(DIM)
    chance = random.standard_normal((ITEMS, 2))
    values = np.column_stack([told, told + chance[:, :1], chance[:, 1:]])
    return np.asarray(values - values.mean(axis=0), np.float32)


def regress(shown: FloatArray, targets: FloatArray, ridge: float, landmarks: int = ITEMS) -> ViewFit:
    lenses = (LensConfig("text", landmarks=landmarks),)
    config = MamexConfig((ModalityConfig("text", DIM),), (ViewConfig("text", lenses, ((0,),), 1),), targets.shape[1])
    mixture, chosen = Mamex(config).mixture(0), np.arange(landmarks)
    place_lens(mixture.typed_lenses()[0], shown, Kind.TEXT, chosen)
    return ViewFit(ViewKernels(mixture, (shown,), chosen), targets, ridge)


@pytest.mark.parametrize("landmarks", [ITEMS, 100])
def test_what_content_does_not_tell_is_not_said(shown: FloatArray, targets: FloatArray, landmarks: int) -> None:
    plain = regress(shown, targets, 0.1, landmarks)

    fit = CalibratedFit.of(plain)

    assert fit.slopes[0] == pytest.approx(1, abs=0.05)
    assert fit.slopes[0] > fit.slopes[1] > 0.4
    assert fit.slopes[2] < 0.2
    np.testing.assert_allclose(fit.coefficients, plain.solve() * fit.slopes, rtol=1e-6)
    np.testing.assert_allclose(fit.left_out, plain.left_out() * fit.slopes, rtol=1e-5, atol=1e-6)


def test_items_that_no_regression_saw_are_predicted_more_closely(shown: FloatArray, targets: FloatArray) -> None:
    """Half of them teach the other half."""
    known, new = slice(0, ITEMS, 2), slice(1, ITEMS, 2)
    squares = ((shown[:, None] - shown[None]) ** 2).sum(axis=2)
    kernel = np.exp(-squares).astype(np.float32)
    own = targets[known] - targets[known].mean(axis=0)

    calibrated = kernel[new, known] @ solve_calibrated(kernel[known, known].copy(), own, 0.1)
    plain = kernel[new, known] @ np.linalg.solve(kernel[known, known] + 0.1 * np.eye(ITEMS // 2), own)

    far, near = (((said - targets[new]) ** 2).mean(axis=0) for said in (plain, calibrated))
    assert near[2] < far[2] - 0.03
    assert near[1] < far[1]
    assert near[0] < far[0] + 0.01


def test_few_items_are_calibrated_as_a_view_is(shown: FloatArray, targets: FloatArray) -> None:
    plain = regress(shown, targets, 0.5)
    kernel = plain._kept[0].copy()

    few = solve_calibrated(kernel, targets, 0.5)

    np.testing.assert_allclose(few, CalibratedFit.of(plain).coefficients, atol=2e-3)


def test_content_that_tells_nothing_does_not_seem_to_tell_the_opposite(targets: FloatArray) -> None:
    """Where all items look the same, each is said to be the mean of the others: higher where it is itself lower."""
    wide = with_ones(targets)
    said = np.repeat(wide.sum(axis=0)[None], ITEMS, axis=0) - wide
    said /= ITEMS - 1
    assert np.corrcoef(said[:, 0], targets[:, 0])[0, 1] == pytest.approx(-1)

    anew = centre_anew(said, targets)

    np.testing.assert_allclose(anew, 0, atol=1e-6)


@pytest.mark.parametrize(("told", "slope"), [(0.1, 1), (1, 1), (2, 0.5), (-1, 0), (0, 1)])
def test_slopes_lie_between_nothing_and_all(told: float, slope: float) -> None:
    """Of what is nothing, nothing can be made: it stays as it is."""
    targets = np.random.default_rng(0).standard_normal((50, 1)).astype(np.float32)

    assert find_slopes(told * targets + 3, targets - targets.mean()) == pytest.approx([slope], rel=1e-4)

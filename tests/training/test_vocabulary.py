"""Which terms of a sparse modality training reads, and how they count."""

import json

import numpy as np
import pytest
import torch

from model.config import LensConfig, MamexConfig, ModalityConfig, ViewConfig
from model.encoders.attributes import AttributeEncoder
from model.encoders.lexical import DIM, LexicalEncoder
from model.encoders.spec import Kind
from model.features import Encoding, Features
from model.mamex import Mamex
from training.recipes.calibration import CalibratedFit
from training.recipes.closed_form import ViewFit, place_lens, take_vocabulary
from training.recipes.episodes import FittedView
from training.recipes.ranking_fit import write_view
from training.recipes.view_kernels import ViewItems, ViewKernels

ITEMS = 12


def encode(*items: dict[str, str]) -> Encoding:
    return AttributeEncoder().encode([json.dumps(item) for item in items])


def network(warm: Encoding, kind: Kind, landmarks: int = ITEMS) -> tuple[Mamex, ViewItems]:
    """One view of one lens, placed on warm items."""
    size = max(1, len(take_vocabulary(warm, kind, limit=1000).places))
    lens = LensConfig("terms", vocabulary=size)
    mamex = Mamex(
        MamexConfig((ModalityConfig("terms", DIM, sparse=True),), (ViewConfig("terms", (lens,), ((0,),), 1),), 3)
    ).eval()
    chosen = np.arange(landmarks)
    place_lens(mamex.mixture(0).typed_lenses()[0], warm, kind, chosen)
    return mamex, ViewItems("terms", mamex.mixture(0), (0,), np.arange(warm.shape[0]), (warm,), chosen)


def fit(items: ViewItems, targets: np.ndarray) -> FittedView:
    plain = ViewFit(ViewKernels(items.mixture, items.encodings, items.landmarks), targets, 1.0)
    return FittedView(CalibratedFit(plain.solve(), plain.left_out(), np.ones(targets.shape[1], np.float32)), items)


def shown(mamex: Mamex, encoding: Encoding) -> np.ndarray:
    """(B, R): what experts see."""
    features, _ = Features((encoding,), np.ones((encoding.shape[0], 1), np.bool_)).tensors()
    with torch.no_grad():
        return np.asarray(mamex.mixture(0).typed_lenses()[0](features[0]).numpy())


def test_the_second_item_of_a_brand_is_predicted_by_its_first() -> None:
    warm = encode(*({"kind": f"k{at % 3}", "brand": f"b{at}"} for at in range(ITEMS)))
    mamex, items = network(warm, Kind.ATTRIBUTES)
    targets = np.zeros((ITEMS, 3), np.float32)
    targets[4] = [1, 0, 0]
    write_view(mamex.mixture(0), fit(items, targets), None)

    new = encode({"kind": "k1", "brand": "b4"}, {"kind": "k1", "brand": "never seen"})
    said = mamex(*Features((new,), np.ones((2, 1), np.bool_)).tensors()).embedding.detach().numpy()

    assert said[0, 0] > said[1, 0] + 0.1


def test_a_word_that_one_text_alone_has_is_not_read() -> None:
    words = LexicalEncoder("words").encode(["blue mug", "blue cup", "red xylophone"])

    vocabulary = take_vocabulary(words, Kind.TEXT, limit=100)

    assert vocabulary.places.tolist() == LexicalEncoder("words").encode(["blue"]).indices.tolist()


def test_of_too_many_terms_the_most_frequent_stay() -> None:
    warm = encode(*({"kind": "same", "brand": f"b{at}"} for at in range(ITEMS)))

    vocabulary = take_vocabulary(warm, Kind.ATTRIBUTES, limit=1)

    assert vocabulary.shared.tolist() == [True]


def test_what_an_item_alone_has_makes_it_no_less_like_others() -> None:
    plain, named = encode({"kind": "mug"}, {"kind": "mug"}), encode({"kind": "mug", "brand": "own"}, {"kind": "mug"})

    alike = []
    for warm in (plain, named):
        mamex, _ = network(warm, Kind.ATTRIBUTES, landmarks=2)
        rows = shown(mamex, warm)
        alike.append(float(rows[0] @ rows[1]))

    assert alike[0] == pytest.approx(1)
    assert alike[1] == pytest.approx(alike[0])


def test_an_item_of_nothing_shared_has_length_one() -> None:
    warm = encode({"brand": "a"}, {"brand": "b"})
    mamex, _ = network(warm, Kind.ATTRIBUTES, landmarks=2)

    assert np.linalg.norm(shown(mamex, warm), axis=1) == pytest.approx([1, 1])


def test_items_that_are_like_nothing_are_predicted_as_nothing() -> None:
    """More of them than landmarks, each of a stock number of its own."""
    warm = encode(*({"sku": f"s{at}"} for at in range(ITEMS)))
    _, items = network(warm, Kind.TEXT, landmarks=4)
    view = fit(items, np.ones((ITEMS, 3), np.float32))

    assert not view.items.heard().any()
    np.testing.assert_array_equal(view.fit.coefficients, 0)
    np.testing.assert_array_equal(view.fit.left_out, 0)


def test_what_items_say_of_themselves_alone_leaves_numbers() -> None:
    """Where nothing is like anything else and the ridge is next to nothing, an item's own share in it is all there is."""
    warm = encode(*({"sku": f"s{at}"} for at in range(ITEMS)))
    _, items = network(warm, Kind.ATTRIBUTES)
    fitted = ViewFit(ViewKernels(items.mixture, items.encodings, items.landmarks), np.ones((ITEMS, 3), np.float32), 1e-20)

    assert np.isfinite(fitted.left_out()).all()

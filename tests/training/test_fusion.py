"""The gate under training, and the network's that is written alike."""

import pytest
import torch

from model.config import LensConfig, MamexConfig, ModalityConfig, ViewConfig
from model.mamex import Mamex
from training.recipes.fusion import Fusion, measure_weights, weigh_lacking
from training.recipes.ranking_fit import write_gate

WIDTH = 5


def test_an_item_of_one_view_is_what_that_view_says() -> None:
    fusion = Fusion(0.1, [1.0, -0.5, 2.0], WIDTH)

    fused = fusion(torch.ones(3, 3, WIDTH), torch.eye(3, dtype=torch.bool))

    assert fused[:, 0].tolist() == pytest.approx([1, 1, 1])
    assert fused[:, -1].tolist() == pytest.approx([1, -0.5, 2])


@pytest.mark.parametrize(("agree", "expected"), [(False, [0.5, 2.0]), (True, [1.25, 1.25])])
def test_views_that_are_left_are_weighed_to_come_nearest_to_what_was_said_with_all(agree: bool, expected: list[float]) -> None:
    """Views that know different things get each its own share; views that say the same share the weight."""
    torch.manual_seed(0)
    views = torch.randn(2000, 2, WIDTH)
    views[:, 1] = views[:, 0] if agree else views[:, 1]
    whole = 0.5 * views[:, 0] + 2.0 * views[:, 1] + 0.1 * torch.randn(2000, WIDTH)

    weights = measure_weights([(views[:700] + 5, whole[:700]), (views[700:], whole[700:] - 3)], torch.randn(50, WIDTH))

    assert weights.tolist() == pytest.approx(expected, abs=0.05)


def test_a_view_that_says_the_opposite_is_not_heard() -> None:
    torch.manual_seed(0)
    views = torch.randn(500, 2, WIDTH)

    weights = measure_weights([(views, views[:, 0] - views[:, 1])], torch.randn(50, WIDTH))

    assert weights.tolist() == pytest.approx([1, 0], abs=0.1)


def test_the_network_weighs_what_is_left_as_it_was_measured() -> None:
    """By training's fusion and by the gate that is written alike, whatever items that have everything get."""
    lacking = weigh_lacking(torch.tensor([0.3, -1.0, 2.0]), [torch.tensor([0.2, 0.0, 0.6]), torch.zeros(3)])
    fusion = Fusion(0.1, [1.0, 1.0, 1.0], WIDTH)
    fusion.logits.data.copy_(torch.tensor([0.3, -1.0, 2.0]))
    fusion.set_lacking(lacking)
    modalities = (ModalityConfig("image", 4), ModalityConfig("text", 3))
    reads = (("image", "text"), ("text",), ("image",))
    views = [ViewConfig("+".join(of), tuple(map(LensConfig, of)), tuple((at,) for at in range(len(of))), len(of)) for of in reads]
    mamex = Mamex(MamexConfig(modalities, tuple(views), WIDTH)).eval()
    write_gate(mamex, fusion.logits.detach(), fusion.lacking)
    present = torch.tensor([[True, True], [True, False], [False, True]])

    output = mamex([torch.randn(3, 4), torch.randn(3, 3)], present)

    torch.testing.assert_close(fusion(output.views, mamex.views_present(present)), output.embedding)
    views_of_picture = output.views[1]
    torch.testing.assert_close(output.embedding[1], 0.2 * views_of_picture[0] + 0.6 * views_of_picture[2], atol=1e-5, rtol=1e-4)
    torch.testing.assert_close(output.log_gate[0].exp(), torch.tensor([0.3, -1.0, 2.0]).softmax(dim=0))
    unknown = torch.tensor([0.3, -1.0]).softmax(dim=0)  # where nothing could be measured, what is there keeps its proportions
    torch.testing.assert_close(output.log_gate[2].exp()[:2], unknown)


def test_views_of_no_item_are_left_as_they_are() -> None:
    nothing = measure_weights([(torch.zeros(1, 2, WIDTH), torch.zeros(1, WIDTH))], torch.ones(1, WIDTH))
    lacking = weigh_lacking(torch.zeros(2), [nothing])

    assert not lacking.shifts.any()
    assert lacking.strengths.tolist() == [1, 1]

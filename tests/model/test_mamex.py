"""What the network promises, whatever its weights."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from model.config import LensConfig, MamexConfig, ModalityConfig, ViewConfig
from model.errors import NothingPresent
from model.experts import top_k_softmax
from model.mamex import Mamex, fuse

DIMS = (6, 5)
PAPER = MamexConfig(
    modalities=(ModalityConfig("image", DIMS[0]), ModalityConfig("text", DIMS[1])),
    views=(
        ViewConfig("image", (LensConfig("image"),), ((0,),) * 4, 2),
        ViewConfig("text", (LensConfig("text"),), ((0,),) * 4, 2),
    ),
    width=8,
)
JOINT = MamexConfig(
    modalities=PAPER.modalities,
    views=(*PAPER.views, ViewConfig("image+text", (LensConfig("image", landmarks=7), LensConfig("text")), ((0,), (0, 1)), 1)),
    width=8,
)


def make(config: MamexConfig, seed: int = 0) -> Mamex:
    torch.manual_seed(seed)
    mamex = Mamex(config).eval()
    for parameter in mamex.parameters():
        torch.nn.init.normal_(parameter)
    return mamex


def draw(items: int, seed: int = 1) -> tuple[list[Tensor], Tensor]:
    """Features of some items, each with at least one modality."""
    random = torch.Generator().manual_seed(seed)
    present = torch.rand(items, 2, generator=random) < 0.6
    present[~present.any(dim=1), 0] = True
    return [torch.nn.functional.normalize(torch.randn(items, dim, generator=random), dim=-1) for dim in DIMS], present


@pytest.mark.parametrize("config", [PAPER, JOINT])
@settings(deadline=None, max_examples=25)
@given(seed=st.integers(0, 10_000))
def test_gates_sum_to_one_and_are_zero_where_missing(config: MamexConfig, seed: int) -> None:
    mamex = make(config, seed)
    features, present = draw(9, seed)

    output = mamex(features, present)
    gate = output.log_gate.exp()

    torch.testing.assert_close(gate.sum(dim=1), torch.ones(9))
    assert (gate[~mamex.views_present(present)] == 0).all()


@pytest.mark.parametrize("config", [PAPER, JOINT])
@pytest.mark.parametrize("rubbish", [0.0, 7.0, float("nan"), float("inf")])
def test_bytes_of_a_missing_modality_cannot_change_the_embedding(config: MamexConfig, rubbish: float) -> None:
    mamex = make(config)
    features, present = draw(12)
    spoiled = [torch.where(present[:, m, None], value, rubbish) for m, value in enumerate(features)]

    expected, got = mamex(features, present), mamex(spoiled, present)

    assert torch.equal(expected.embedding, got.embedding)


@pytest.mark.parametrize("modality", [0, 1])
def test_one_view_present_gives_exactly_its_output(modality: int) -> None:
    mamex = make(PAPER)
    features, _ = draw(10)
    only = torch.zeros(10, 2, dtype=torch.bool)
    only[:, modality] = True

    output = mamex(features, only)

    assert torch.equal(output.embedding, output.views[:, modality])


@pytest.mark.parametrize("modality", [0, 1])
def test_a_view_of_several_modalities_says_its_part_by_those_that_are_there(modality: int) -> None:
    """Only experts that have something to read speak, with the weight that they have beside the others."""
    mamex = make(JOINT)
    features, _ = draw(10)
    only = torch.zeros(10, 2, dtype=torch.bool)
    only[:, modality] = True
    mixture = mamex.mixture(2)

    weights = mamex(features, only).expert_weights[2]
    seen = [torch.zeros_like(value) if m != modality else value for m, value in enumerate(features)]
    logits = mixture.router(mixture.route(seen))
    expected = (top_k_softmax(logits, 1)[:, :, None] * mixture.expert_outputs(seen))[:, 1 if modality else slice(None)]

    reads_picture, reads_both = weights.unbind(dim=1)
    assert (reads_picture == 0).all() or modality == 0
    assert torch.equal(reads_both, top_k_softmax(logits, 1)[:, 1])
    torch.testing.assert_close(mamex(features, only).views[:, 2], expected if modality else expected.sum(dim=1))


def test_an_item_that_lacks_views_stands_out_by_the_product_of_their_strengths() -> None:
    mamex = make(JOINT)
    features, _ = draw(3)
    present = torch.tensor([[True, True], [True, False], [False, True]])
    before = mamex(features, present).embedding
    mamex.strengths.copy_(torch.tensor([0.5, 0.25, 9.0]))

    after = mamex(features, present).embedding

    torch.testing.assert_close(after, before * torch.tensor([[1.0], [0.25], [0.5]]))
    third = torch.zeros(2, 3, 4)
    some = torch.tensor([[True, False, False], [True, True, True]])
    fused = fuse(third + 1.0, some / some.sum(dim=1, keepdim=True), some, mamex.strengths)
    assert fused[:, 0].tolist() == pytest.approx([0.25 * 9.0, 1.0])


@pytest.mark.parametrize("config", [PAPER, JOINT])
def test_a_batch_equals_its_items_one_by_one(config: MamexConfig) -> None:
    mamex = make(config)
    features, present = draw(20)

    batch = mamex(features, present).embedding
    single = torch.cat([mamex([v[i : i + 1] for v in features], present[i : i + 1]).embedding for i in range(20)])

    torch.testing.assert_close(batch, single, atol=1e-5, rtol=1e-5)


def test_permuting_the_batch_permutes_the_embeddings() -> None:
    mamex = make(JOINT)
    features, present = draw(15)
    order = torch.randperm(15)

    torch.testing.assert_close(
        mamex(features, present).embedding[order], mamex([v[order] for v in features], present[order]).embedding
    )


def test_an_item_without_any_modality_is_refused() -> None:
    mamex = make(PAPER)
    features, present = draw(3)
    present[1] = False

    with pytest.raises(NothingPresent):
        mamex(features, present)


def test_a_view_of_two_modalities_is_there_when_either_is() -> None:
    views = make(JOINT).views_present(torch.tensor([[True, True], [True, False], [False, True]]))

    assert views.tolist() == [[True, True, True], [True, False, True], [False, True, True]]


def test_top_k_keeps_exactly_k_experts_even_when_logits_are_equal() -> None:
    weights = top_k_softmax(torch.zeros(3, 4), 2)

    assert (weights > 0).sum(dim=1).tolist() == [2, 2, 2]
    assert weights.sum(dim=1).tolist() == [1.0, 1.0, 1.0]


def test_experts_are_named_by_what_they_read() -> None:
    assert PAPER.views[0].expert_names == ("image 1", "image 2", "image 3", "image 4")
    assert JOINT.views[2].expert_names == ("image", "image+text")


def test_a_config_reads_back_as_it_was() -> None:
    assert MamexConfig.read(JOINT.to_fields()) == JOINT

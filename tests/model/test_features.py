"""Features keep their numbers through stores and caches."""

import numpy as np
import pytest
import scipy.sparse as sp

from model.content import Content
from model.encoders.lexical import DIM, LexicalEncoder
from model.features import mean_rows, row_to_bytes, rows_of_bytes, spread_rows, to_tensor


def test_dense_rows_survive_as_bytes() -> None:
    values = np.random.default_rng(0).standard_normal((3, 4)).astype(np.float32)

    back = rows_of_bytes([row_to_bytes(values, 2), None, row_to_bytes(values, 0)], 4, sparse=False)

    assert back.tolist() == [values[2].tolist(), [0.0] * 4, values[0].tolist()]


def test_sparse_rows_survive_as_bytes() -> None:
    values = LexicalEncoder("words").encode(["a red house", "a blue boat"])

    back = rows_of_bytes([row_to_bytes(values, 1), None, row_to_bytes(values, 0)], DIM, sparse=True)

    assert (back[[2, 0]] != values).nnz == 0
    assert back[[1]].nnz == 0


def test_rows_are_spread_to_their_places() -> None:
    dense = spread_rows(np.array([[1.0], [2.0]], np.float32), np.array([2, 0]), 3)
    sparse = spread_rows(LexicalEncoder("words").encode(["x"]), np.array([1]), 3)

    assert dense.tolist() == [[2.0], [0.0], [1.0]]
    assert np.diff(sparse.indptr).tolist() == [0, 1, 0]


def test_a_sparse_array_becomes_the_same_tensor() -> None:
    values = LexicalEncoder("words").encode(["a b", "c"])

    tensor = to_tensor(values)

    assert tensor.shape == values.shape
    assert sorted(tensor.values().tolist()) == sorted(values.data.tolist())


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (Content("Title", "Text"), "Title. Text"),
        (Content("  ", "Text"), "Text"),
        (Content("", " \n"), ""),
        (Content("A", "B", None, {"brand": "Acme"}), "A. B"),
    ],
)
def test_words_are_title_and_text_without_blanks(content: Content, words: str) -> None:
    assert content.words(("title", "text")) == words


def test_the_first_of_alternatives_that_is_not_blank_is_read() -> None:
    fields = ("title|text",)

    assert [Content("T", "x").words(fields), Content(" ", "x").words(fields), Content().words(fields)] == ["T", "x", ""]


def test_words_can_be_read_from_attributes_too() -> None:
    assert (
        Content("A", "", None, {"brand": "Acme", "year": 1999, "none": None}).words(("brand", "title", "year", "none"))
        == "Acme. A. 1999"
    )


def test_the_mean_of_a_run_of_rows_has_length_1_again() -> None:
    rows = np.array([[1, 0, 0], [0, 1, 0], [0, 0, 1], [0.6, 0.8, 0]], np.float32)
    expected = np.array([[0.5**0.5, 0.5**0.5, 0], [0, 0, 1], [0.6, 0.8, 0]])

    dense = mean_rows(rows, np.array([2, 1, 1]))
    sparse = mean_rows(sp.csr_array(rows), np.array([2, 1, 1]))

    assert dense.dtype == sparse.dtype == np.float32
    np.testing.assert_allclose(dense, expected, atol=1e-6)
    np.testing.assert_allclose(sparse.toarray(), expected, atol=1e-6)


def test_rows_that_cancel_each_other_out_give_zeros_and_no_nan() -> None:
    assert mean_rows(np.array([[1, 0], [-1, 0]], np.float32), np.array([2])).tolist() == [[0.0, 0.0]]

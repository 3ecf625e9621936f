"""Attributes as an encoder reads them: what is alike has much in common."""

import json
from collections.abc import Mapping

import numpy as np
import pytest

from model.content import Content, Scalar
from model.encoders.attributes import AttributeEncoder
from model.encoders.choose import make_encoder


def alike(one: Mapping[str, Scalar], other: Mapping[str, Scalar]) -> float:
    """The inner product of two items that have these attributes and no others."""
    rows = [Content(attributes=attributes).facts(list(attributes)) for attributes in (one, other)]
    encoded = AttributeEncoder().encode(rows)
    return float((encoded[[0]] @ encoded[[1]].T).toarray()[0, 0])


def test_equal_attributes_are_wholly_alike_and_others_not_at_all() -> None:
    assert alike({"brand": "Acme", "year": 1995}, {"year": 1995, "brand": "ACME "}) == pytest.approx(1)
    assert alike({"brand": "Acme"}, {"brand": "Other"}) == 0
    assert alike({"brand": "Acme"}, {"maker": "Acme"}) == 0


def test_each_attribute_counts_the_same_however_many_values_it_lists() -> None:
    many, few = {"genres": "Comedy|Drama|War", "country": "France"}, {"genres": "Horror", "country": "France"}

    assert alike(many, few) == pytest.approx(1 / 2)
    assert alike({"genres": "Comedy|Drama"}, {"genres": "Drama, Comedy"}) == pytest.approx(1)
    assert alike({"genres": "Comedy|Drama"}, {"genres": "Drama"}) == pytest.approx(1 / np.sqrt(2))


def test_near_numbers_are_more_alike_than_far_ones() -> None:
    near, further, far = (alike({"year": 1995}, {"year": other}) for other in (1996, 1970, 12))

    assert 1 > near > further > far == 0
    assert alike({"price": -3.5}, {"price": 3.5}) == 0
    assert alike({"price": 0}, {"price": 0.0}) == pytest.approx(1)


def test_a_table_s_text_reads_as_the_number_it_is_and_true_does_not() -> None:
    assert alike({"year": "1995"}, {"year": 1995.0}) == pytest.approx(1)
    assert alike({"new": True}, {"new": "TRUE"}) == pytest.approx(1)
    assert alike({"new": True}, {"new": 1}) == 0
    assert alike({"size": "nan"}, {"size": "NaN"}) == pytest.approx(1)


def test_rows_have_length_one_whatever_the_attributes_hold() -> None:
    odd: list[dict[str, Scalar]] = [{"a": "|,;"}, {"a": "x|" * 500}, {"a": 1e308, "b": 5e-324}, {"a": "\ud83d", "b": "é"}]

    encoded = AttributeEncoder().encode([Content(attributes=one).facts(list(one)) for one in odd])

    np.testing.assert_allclose(np.asarray(encoded.multiply(encoded).sum(axis=1)).ravel(), 1, rtol=1e-5)


def test_only_named_attributes_are_read_and_blank_ones_are_missing() -> None:
    content = Content(attributes={"b": 2, "a": "x", "blank": "  ", "none": None, "other": 1})

    assert json.loads(content.facts(("b", "a", "blank", "none", "absent"))) == {"a": "x", "b": 2}
    assert content.facts(("blank", "none", "absent")) == ""


def test_the_encoder_is_made_by_its_name() -> None:
    encoder = make_encoder("lexical-attributes")

    assert (str(encoder.spec.kind), encoder.spec.sparse) == ("attributes", True)

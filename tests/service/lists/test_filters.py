"""Filters on attributes and age: what they keep, what they refuse, and that they cost no recall."""

import json
import time
from typing import Any
from unittest import mock

import httpx
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from service.index import columns
from service.index.faiss_flat import FlatIndex
from service.index.protocol import Entry, Query
from service.index.where import Between, OneOf, Where
from service.lists.filters import AttributeFilter
from tests.conftest import ClientMaker
from tests.service.searching import search

USER = "words-sailing-01"
VALUES = st.one_of(
    st.none(), st.booleans(), st.integers(-2, 2), st.sampled_from([0.5, 1.0, -0.0]), st.sampled_from(["1", "x", ""])
)
ATTRIBUTES = st.dictionaries(st.sampled_from(["a", "b", "c"]), VALUES, max_size=3)


def holds(condition: OneOf | Between, attributes: dict[str, Any]) -> bool:
    """The same in plain words."""
    value = attributes.get(condition.attribute)
    if isinstance(condition, OneOf):
        return any(value == one and isinstance(value, bool) == isinstance(one, bool) for one in condition.values)
    if value is None or isinstance(value, (bool, str)):
        return False
    low = (condition.gte is None or value >= condition.gte) and (condition.gt is None or value > condition.gt)
    return low and (condition.lte is None or value <= condition.lte) and (condition.lt is None or value < condition.lt)


def holds_all(where: Where, attributes: dict[str, Any]) -> bool:
    return (
        all(holds(one, attributes) for one in where.must)
        and (not where.should or any(holds(one, attributes) for one in where.should))
        and not any(holds(one, attributes) for one in where.must_not)
    )


CONDITIONS = st.one_of(
    st.builds(OneOf, st.sampled_from(["a", "b", "nowhere"]), st.lists(VALUES, min_size=1, max_size=3).map(tuple)),
    st.builds(Between, st.sampled_from(["a", "b"]), st.none() | st.integers(-2, 2), st.none(), st.none() | st.integers(-1, 2)),
)
WHERES = st.builds(Where, *(st.lists(CONDITIONS, max_size=2).map(tuple) for _ in range(3)))


@pytest.mark.parametrize(("first", "dense"), [(1024, 32), (2, 2), (8, 3)])
@settings(deadline=None, max_examples=60)
@given(st.lists(st.tuples(st.integers(0, 60), st.none() | ATTRIBUTES), max_size=120), st.lists(WHERES, min_size=1, max_size=4))
def test_any_filter_after_any_history_keeps_what_it_says(
    first: int, dense: int, history: list[tuple[int, dict[str, Any] | None]], wheres: list[Where]
) -> None:
    """
    Attributes come, change and go with their items, as many items have them as may be: the list is a plain scan's.

    Where few rows are many already, columns change between the two ways in which they are kept.
    """
    with mock.patch.multiple(columns, _FIRST=first, _DENSE=dense):
        follow(history, wheres)


def follow(history: list[tuple[int, dict[str, Any] | None]], wheres: list[Where]) -> None:
    random = np.random.default_rng(3)
    index, truth = FlatIndex(2), dict[str, dict[str, Any]]()
    for number, attributes in history:
        if attributes is None:
            index.remove([f"i{number}"])
            truth.pop(f"i{number}", None)
        else:
            index.put([Entry(f"i{number}", random.standard_normal(2).astype(np.float32), attributes=attributes)])
            truth[f"i{number}"] = attributes

    for where in wheres:
        found = {hit.item_id for hit in search(index, np.ones(2, np.float32), 500, where=where)}
        assert found == {item_id for item_id, attributes in truth.items() if holds_all(where, attributes)}


def test_an_item_that_goes_takes_nothing_of_a_rare_attribute_with_it() -> None:
    """The last rows alone have the name, and a row before them goes: the last one takes its place."""
    random = np.random.default_rng(6)
    rows = random.standard_normal((2000, 4)).astype(np.float32)
    index = FlatIndex(4)
    index.put(Entry(f"i{at}", row, attributes={"rare": at} if at >= 1960 else {"usual": 1}) for at, row in enumerate(rows))

    for gone in (5, 1999, 1970, 7):
        index.remove([f"i{gone}"])

    left = [at for at in range(1960, 2000) if at not in (1999, 1970)]
    for at in left:
        assert [hit.item_id for hit in search(index, rows[at], 5, where=Where(must=(OneOf("rare", (at,)),)))] == [f"i{at}"]
    assert len(index) == 1996
    assert np.array_equal(index.get(["i1998"])[0].embedding, rows[1998])


@pytest.mark.parametrize("share", [0.001, 0.02, 0.3, 0.7, 1.0])
def test_a_filter_costs_no_recall_however_selective(share: float) -> None:
    random = np.random.default_rng(4)
    rows = random.standard_normal((4000, 8)).astype(np.float32)
    kept = random.random(4000) < share
    index = FlatIndex(8)
    index.put(Entry(f"i{at}", row, attributes={"kept": bool(kept[at]), "at": at}) for at, row in enumerate(rows))
    where = Where(must=(OneOf("kept", (True,)),))

    for query in random.standard_normal((5, 8)).astype(np.float32):
        found = [hit.item_id for hit in search(index, query, 20, where=where, exclude=["i7"])]
        best = [at for at in np.argsort(-(rows @ query)) if kept[at] and at != 7][:20]
        assert found == [f"i{at}" for at in best]


def test_many_queries_at_once_answer_as_one_by_one() -> None:
    """With and without a filter, each with its own exclusions and its own lift for what is cold."""
    random = np.random.default_rng(5)
    index = FlatIndex(8)
    rows = random.standard_normal((3000, 8)).astype(np.float32)
    rows[1000:1100] = rows[0]  # ties
    index.put(
        Entry(f"i{at}", row, attributes={"even": at % 2 == 0, "few": at % 50}, coldness=at % 3 / 2) for at, row in enumerate(rows)
    )
    queries = [
        Query(vector, lift=float(at % 4), exclude=[f"i{one}" for one in random.integers(0, 3000, 40)])
        for at, vector in enumerate([*random.standard_normal((20, 8)).astype(np.float32), rows[0]])
    ]

    for where in (None, Where(must_not=(OneOf("few", (3,)),)), Where(must=(OneOf("even", (True,)), Between("few", lt=9)))):
        together = index.search_many(queries, 12, where=where)
        assert together == [index.search_many([query], 12, where=where)[0] for query in queries]
        assert all(len(hits) == 12 for hits in together)
        assert not any(hit.item_id in query.exclude for query, hits in zip(queries, together, strict=True) for hit in hits)
    assert index.search_many(queries, 12, where=Where(must=(OneOf("few", (99,)),))) == [[]] * 21


def test_a_name_that_few_items_have_costs_no_column_of_all() -> None:
    """Attributes with names of their own must not take memory that grows with the square of the catalogue."""
    index = FlatIndex(2)
    index.put(Entry(f"i{at}", np.ones(2, np.float32), attributes={f"only-{at}": at, "all": at}) for at in range(3000))

    columns = index._rows._columns._columns

    assert sum(len(column._codes) for column in columns.values()) < 10_000
    assert [hit.item_id for hit in search(index, np.ones(2, np.float32), 9, where=Where(must=(OneOf("only-7", (7,)),)))] == ["i7"]


async def ids(client: httpx.AsyncClient, **body: Any) -> list[str]:
    answer = await client.post("/recommend", json={"user_id": USER, "k": 50, **body})
    assert answer.status_code == 200, answer.text
    return sorted(hit["item_id"] for hit in answer.json()["items"])


async def post_shop(client: httpx.AsyncClient) -> None:
    for item_id, attributes in {
        "mug": {"price": 12, "kind": "cup", "new": True},
        "bowl": {"price": 30.5, "kind": "dish"},
        "plate": {"price": 8, "kind": "dish", "new": False},
        "gift": {"kind": None},
    }.items():
        posted = await client.post("/items", json={"item_id": item_id, "title": "x", "attributes": attributes})
        assert posted.status_code == 201


@pytest.mark.anyio
async def test_the_words_of_a_filter(client: httpx.AsyncClient) -> None:
    await post_shop(client)

    assert await ids(client, filter={"must": [{"attribute": "kind", "equals": "dish"}]}) == ["bowl", "plate"]
    assert await ids(client, filter={"must": [{"attribute": "price", "gte": 8, "lt": 12}]}) == ["plate"]
    assert await ids(client, filter={"must": [{"attribute": "price", "equals": 12.0}]}) == ["mug"]
    assert await ids(client, filter={"must_not": [{"attribute": "kind", "any_of": ["cup", "dish"]}]}) == ["gift"]
    assert await ids(client, filter={"must": [{"attribute": "kind", "equals": None}]}) == ["gift"]
    either = [{"attribute": "new", "equals": True}, {"attribute": "price", "gt": 30}]
    assert await ids(client, filter={"should": either}) == ["bowl", "mug"]
    assert await ids(client, filter={"must": [{"attribute": "kind", "equals": "dish"}], "should": either}) == ["bowl"]
    assert await ids(client, filter={}) == ["bowl", "gift", "mug", "plate"]
    assert await ids(client, filter={"must": [{"attribute": "new", "equals": 1}]}) == []


@pytest.mark.anyio
async def test_a_changed_attribute_counts_at_once_and_after_a_restart(service: ClientMaker) -> None:
    cheap = {"must": [{"attribute": "price", "lt": 10}]}
    async with service().client() as client:
        await post_shop(client)
        await client.post("/items", json={"item_id": "mug", "title": "x", "attributes": {"price": 9}})
        before = await ids(client, filter=cheap)
    async with service().client() as client:
        after = await ids(client, filter=cheap)

    assert before == after == ["mug", "plate"]


@pytest.mark.anyio
async def test_a_query_takes_the_same_filter_as_json(client: httpx.AsyncClient) -> None:
    await post_shop(client)
    query = {"filter": '{"must": [{"attribute": "kind", "equals": "dish"}]}', "exclude": ["bowl", "nobody"]}

    found = await client.get(f"/recommend/{USER}", params=query)

    assert [hit["item_id"] for hit in found.json()["items"]] == ["plate"]


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("condition", "said"),
    [
        ({"attribute": "price", "gte": "ten"}, ("price", "gte", "'ten'")),
        ({"attribute": "price", "lt": True}, ("price", "lt")),
        ({"attribute": "price", "like": "x"}, ("price", "like", "any_of")),
        ({"attribute": "price"}, ("price", "equals")),
        ({"attribute": "price", "equals": 1, "gte": 0}, ("price", "equals")),
        ({"attribute": "price", "equals": [1]}, ("price", "equals")),
        ({"attribute": "price", "any_of": []}, ("price", "any_of")),
        ({"attribute": "price", "any_of": "x"}, ("price", "any_of")),
    ],
)
async def test_a_bad_condition_is_refused_by_attribute_and_operator(
    client: httpx.AsyncClient, condition: dict[str, Any], said: tuple[str, ...]
) -> None:
    posted = await client.post("/recommend", json={"user_id": USER, "filter": {"should": [condition]}})
    asked = await client.get(f"/recommend/{USER}", params={"filter": json.dumps({"should": [condition]})})

    for answer in (posted, asked):
        problem = answer.json()
        assert (answer.status_code, problem["type"]) == (422, "urn:thaw:problem:invalid-field")
        assert problem["field"].startswith("filter")
        assert all(word in problem["detail"] for word in said), problem["detail"]


def test_an_empty_filter_asks_for_nothing() -> None:
    assert AttributeFilter().to_where(None) is None
    assert AttributeFilter().to_where(5.0) == Where(since=5.0)


@pytest.mark.anyio
@pytest.mark.parametrize("age", [3600, 0.5, "3600", "PT1H", "P7D"])
async def test_max_age_takes_seconds_and_durations(client: httpx.AsyncClient, age: object) -> None:
    await client.post("/items", json={"item_id": "new", "title": "x"})

    assert await ids(client, max_age=age) == ["new"]


def test_since_keeps_what_was_published_then_or_later() -> None:
    now = time.time()
    index = FlatIndex(2)
    index.put(Entry(f"{days}-days", np.ones(2, np.float32), published=now - 86_400 * days) for days in (0, 1, 2, 3))

    found = [hit.item_id for hit in search(index, np.ones(2, np.float32), 9, where=Where(since=now - 86_400))]

    assert sorted(found) == ["0-days", "1-days"]
    assert index.newest(2) == ["0-days", "1-days"]
    assert index.newest(2, exclude=["0-days"], where=Where(since=now - 86_400 * 2)) == ["1-days", "2-days"]


@pytest.mark.anyio
@pytest.mark.parametrize("age", [0, -5, "yesterday", "", "inf"])
async def test_a_bad_age_is_refused(client: httpx.AsyncClient, age: object) -> None:
    await client.post("/items", json={"item_id": "new", "title": "x"})

    answer = await client.post("/recommend", json={"user_id": USER, "max_age": age})

    assert (answer.status_code, answer.json()["field"].split(".")[0]) == (422, "max_age")


@pytest.mark.parametrize(
    ("filters", "told"),
    [
        ('{"must": [{"attribute": "price", "gte": 1' + "0" * 400 + "}]}", "finite number"),
        ('{"must": [{"attribute": "price", "lt": -1' + "0" * 400 + "}]}", "finite number"),
        ('{"must": [{"attribute": "price", "\\ud800": 1}]}', "no operator"),
    ],
)
@pytest.mark.anyio
async def test_a_filter_that_no_number_or_word_stands_in_is_refused(client: httpx.AsyncClient, filters: str, told: str) -> None:
    """JSON's integers have no limit, and its strings may hold half of an emoji."""
    body = f'{{"user_id": "words-sailing-01", "filter": {filters}}}'

    by_get = await client.get("/recommend/words-sailing-01", params={"filter": filters})
    by_post = await client.post("/recommend", content=body, headers={"Content-Type": "application/json"})

    assert (by_get.status_code, by_post.status_code) in ((422, 422), (422, 400))
    assert told in by_get.json()["detail"] or "\\ud800" in filters


def test_long_strings_are_told_apart_and_not_kept() -> None:
    columns._kept_hash.cache_clear()

    codes = {columns._code("x" * length) for length in range(250, 350)}

    assert len(codes) == 100
    assert columns._kept_hash.cache_info().currsize == 7

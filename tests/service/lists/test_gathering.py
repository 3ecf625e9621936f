"""Lists for all who wait, by one call for those who wish for the same."""

import asyncio
import threading
from collections.abc import Sequence

import numpy as np
import pytest

from service.index.faiss_flat import FlatIndex
from service.lists.filters import AttributeCondition, AttributeFilter
from service.lists.gathering import AT_ONCE, FEW_ITEMS, Gathering
from service.lists.ranking import Defaults, Ranking, Reader
from service.lists.recommendation_id import Origin
from service.lists.wish import Pick, Wish

pytestmark = pytest.mark.anyio
MANY_ITEMS = FEW_ITEMS + 1


class Calls:
    """Ranks each reader by what it has seen, and keeps who was ranked together; the first call may be held up."""

    def __init__(self) -> None:
        self.together: list[list[str]] = []
        self.threads: list[int] = []
        self.go_on = threading.Event()
        self.go_on.set()

    def rank(self, readers: Sequence[Reader], wish: Wish) -> list[list[Pick]]:
        self.together.append([reader.seen[0] for reader in readers])
        self.threads.append(threading.get_ident())
        assert self.go_on.wait(10)
        if wish.k == 13:
            raise LookupError("thirteen")
        return [[Pick(f"for {reader.seen[0]}", 1.0, 1.0, "relevance")] for reader in readers]


def reader(name: str) -> Reader:
    return Reader(np.zeros(2, np.float32), Origin("user", "0" * 12), [name])


def start(gathering: Gathering, name: str, wish: Wish) -> "asyncio.Task[list[Pick]]":
    return asyncio.create_task(gathering.rank(reader(name), wish))


async def hold_up(gathering: Gathering, calls: Calls) -> "asyncio.Task[list[Pick]]":
    """A call that is under way, so that others gather."""
    calls.go_on.clear()
    first = start(gathering, "first", Wish())
    while not calls.together:
        await asyncio.sleep(0.001)
    return first


async def test_those_who_come_while_a_call_is_under_way_are_ranked_by_the_next_one_each_for_itself() -> None:
    calls = Calls()
    gathering = Gathering(calls.rank, lambda: MANY_ITEMS)
    first = await hold_up(gathering, calls)
    others = [start(gathering, name, Wish()) for name in "abc"]
    await asyncio.sleep(0.01)
    calls.go_on.set()
    found = [(await task)[0].item_id for task in (first, *others)]
    assert found == ["for first", "for a", "for b", "for c"]
    assert calls.together == [["first"], ["a", "b", "c"]]
    assert threading.get_ident() not in calls.threads


async def test_among_few_items_those_who_ask_at_once_are_ranked_at_once_without_a_thread() -> None:
    calls = Calls()
    gathering = Gathering(calls.rank, lambda: FEW_ITEMS)
    tasks = [start(gathering, name, Wish()) for name in "abc"]
    assert [(await task)[0].item_id for task in tasks] == ["for a", "for b", "for c"]
    assert calls.together == [["a", "b", "c"]]
    assert calls.threads == [threading.get_ident()]


@pytest.mark.parametrize("items", [FEW_ITEMS, MANY_ITEMS])
async def test_wishes_that_differ_are_ranked_apart(items: int) -> None:
    calls = Calls()
    gathering = Gathering(calls.rank, lambda: items)
    wishes = [Wish(k=3), Wish(k=4), Wish(k=3), Wish(k=3, cold_only=True)]
    await asyncio.gather(*(start(gathering, name, wish) for name, wish in zip("abcd", wishes, strict=True)))
    assert calls.together == [["a", "c"], ["b"], ["d"]]


@pytest.mark.parametrize("items", [FEW_ITEMS, MANY_ITEMS])
async def test_what_goes_wrong_is_told_to_each_of_the_call_and_to_nobody_else(items: int) -> None:
    gathering = Gathering(Calls().rank, lambda: items)
    tasks = [start(gathering, name, wish) for name, wish in (("a", Wish(k=13)), ("b", Wish()), ("c", Wish(k=13)))]
    found = await asyncio.gather(*tasks, return_exceptions=True)
    assert [isinstance(one, LookupError) for one in found] == [True, False, True]
    assert (await gathering.rank(reader("d"), Wish()))[0].item_id == "for d"


async def test_one_who_leaves_costs_the_others_nothing() -> None:
    calls = Calls()
    gathering = Gathering(calls.rank, lambda: MANY_ITEMS)
    first = await hold_up(gathering, calls)
    leaving, staying = start(gathering, "leaving", Wish()), start(gathering, "staying", Wish())
    await asyncio.sleep(0.01)
    leaving.cancel()
    first.cancel()
    await asyncio.sleep(0)
    calls.go_on.set()
    assert (await staying)[0].item_id == "for staying"
    assert calls.together == [["first"], ["staying"]]
    assert (await gathering.rank(reader("later"), Wish()))[0].item_id == "for later"


async def test_no_call_ranks_for_more_than_a_certain_number() -> None:
    calls = Calls()
    gathering = Gathering(calls.rank, lambda: MANY_ITEMS)
    await asyncio.gather(*(start(gathering, str(number), Wish()) for number in range(2 * AT_ONCE + 1)))
    assert [len(names) for names in calls.together] == [AT_ONCE, AT_ONCE, 1]


def filtered(values: int, price: float = 1) -> AttributeFilter:
    """By one condition on a price and others on colours, of as many values."""
    colours = AttributeCondition(attribute="colour", any_of=[str(at) for at in range(values - 1)])
    return AttributeFilter(must=(AttributeCondition(attribute="price", gte=price, lt=price + 1),), must_not=(colours,))


@pytest.mark.parametrize(
    ("wish", "is_quick"),
    [
        (Wish(k=100, cold_only=True, exclude=("a",)), True),
        (Wish(k=101), False),
        (Wish(exploration=0.5), False),
        (Wish(diversity=0.1), False),
        (Wish(attributes=filtered(8)), True),
        (Wish(attributes=filtered(9)), False),
    ],
)
def test_what_may_take_long_is_not_ranked_with_others(wish: Wish, is_quick: bool) -> None:
    assert Ranking(FlatIndex(2), 1, Defaults(0.0, 0.0)).is_quick(wish) is is_quick


@pytest.mark.parametrize("condition", ["equals", "any_of"])
async def test_filters_that_only_python_holds_equal_are_not_ranked_together(condition: str) -> None:
    """1 and true are two values of an attribute."""
    values = [1, True, 1, "1"]
    filters = [
        AttributeFilter(must=(AttributeCondition.model_validate({"attribute": "a", condition: value}),))
        for value in (values if condition == "equals" else [[value] for value in values])
    ]
    calls = Calls()
    gathering = Gathering(calls.rank, lambda: MANY_ITEMS)

    await asyncio.gather(*(start(gathering, str(at), Wish(attributes=one)) for at, one in enumerate(filters)))

    assert sorted(calls.together) == [["0", "2"], ["1"], ["3"]]


async def test_a_wish_is_not_compared_with_all_that_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    """Else many different filters at one moment would hold the event loop up."""
    compared = 0

    def count(condition: AttributeCondition, other: object) -> bool:
        nonlocal compared
        compared += 1
        return condition is other

    monkeypatch.setattr(AttributeCondition, "__eq__", count)
    calls = Calls()
    gathering = Gathering(calls.rank, lambda: MANY_ITEMS)
    wishes = [Wish(attributes=filtered(2, at)) for at in range(300)]

    await asyncio.gather(*(start(gathering, str(at), wish) for at, wish in enumerate(wishes)))

    assert len(calls.together) == 300
    assert compared < 300


def test_where_every_list_has_places_for_new_items_none_is_ranked_with_others() -> None:
    ranking = Ranking(FlatIndex(2), 1, Defaults(0.0, exploration=0.2))
    assert not ranking.is_quick(Wish())
    assert ranking.is_quick(Wish(exploration=0.0))

"""Pairs are found by user and by item, whatever came and went."""

from collections import defaultdict

from hypothesis import given
from hypothesis import strategies as st

from service.thawing.pairs import Pairs

STEPS = st.lists(st.tuples(st.booleans(), st.integers(0, 4), st.integers(0, 5)), max_size=150)


@given(STEPS)
def test_after_any_history_each_owner_has_its_pairs(steps: list[tuple[bool, int, int]]) -> None:
    pairs, truth = Pairs(), dict[tuple[int, int], int]()
    for comes, user, item in steps:
        row = pairs.find(user, item)
        assert row == truth.get((user, item))
        if comes and row is None:
            truth[user, item] = pairs.add(user, item)
        elif not comes and row is not None:
            pairs.drop(truth.pop((user, item)))

    of_user, of_item = defaultdict(set), defaultdict(set)
    for (user, item), row in truth.items():
        of_user[user].add(row)
        of_item[item].add(row)
    for owner in range(6):
        assert sorted(pairs.of_user(owner).tolist()) == sorted(of_user[owner])
        assert sorted(pairs.of_item(owner).tolist()) == sorted(of_item[owner])
        assert (pairs.count_of_user(owner), pairs.count_of_item(owner)) == (len(of_user[owner]), len(of_item[owner]))

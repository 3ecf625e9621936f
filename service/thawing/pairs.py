"""Pairs of a user and an item that had to do with each other, found by either."""

from array import array
from collections import defaultdict
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from service.thawing.columns import Columns

RowIds = NDArray[np.int64]


class Pairs(Columns):
    """A row a pair; `user` and `item` are rows of theirs, `at_user` and `at_item` its places among these' pairs."""

    def __init__(self, **kinds: tuple[type, int]) -> None:
        places: dict[str, tuple[type, int]] = {"at_user": (np.int64, 0), "at_item": (np.int64, 0)}
        super().__init__(user=(np.int64, 0), item=(np.int64, 0), **places, **kinds)
        self._of_user: defaultdict[int, array[int]] = defaultdict(lambda: array("q"))
        self._of_item: defaultdict[int, array[int]] = defaultdict(lambda: array("q"))

    def of_user(self, user: int) -> RowIds:
        """Rows of a user's pairs."""
        return _copy(self._of_user.get(user))

    def of_item(self, item: int) -> RowIds:
        """Rows of an item's pairs."""
        return _copy(self._of_item.get(item))

    def count_of_user(self, user: int) -> int:
        """How many pairs a user has; as quick for many as for few."""
        return len(self._of_user.get(user, ()))

    def count_of_item(self, item: int) -> int:
        """How many pairs an item has; as quick for many as for few."""
        return len(self._of_item.get(item, ()))

    def of_users(self, users: Sequence[int]) -> tuple[RowIds, RowIds]:
        """Rows of the users' pairs, and which of the users, from 0, each is of."""
        rows = [self.of_user(user) for user in users]
        return np.concatenate(rows), np.repeat(np.arange(len(users)), [len(some) for some in rows])

    def find(self, user: int, item: int) -> int | None:
        """The row of a pair, or None."""
        rows = self.of_user(user)
        found = rows[self["item"][rows] == item]
        return int(found[0]) if len(found) else None

    def add(self, user: int, item: int) -> int:
        """Takes a row for a pair that has none."""
        row = self.take()
        self["user"][row], self["item"][row] = user, item
        for members, owner, place in ((self._of_user, user, "at_user"), (self._of_item, item, "at_item")):
            self[place][row] = len(members[owner])
            members[owner].append(row)
        return row

    def drop(self, row: int) -> None:
        """Gives a pair's row back, in a time that does not depend on how many its user and its item have."""
        for members, name in ((self._of_user, "user"), (self._of_item, "item")):
            owner, place = int(self[name][row]), self[f"at_{name}"]
            last = members[owner].pop()
            if last != row:
                members[owner][int(place[row])] = last
                place[last] = place[row]
            if not members[owner]:
                del members[owner]
        self.give_back(row)


def _copy(rows: "array[int] | None") -> RowIds:
    """The rows as they are at this moment: a slice is one step, and leaves the array free to grow."""
    return np.array(rows[:] if rows is not None else (), np.int64)

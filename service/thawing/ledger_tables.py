"""What the ledger holds: a row a user, a row an item, a row a pair of them; and what can be read off them at once."""

import itertools
import secrets
import threading
from collections.abc import Iterable

import numpy as np

from model.content import FloatArray
from service.space import Space
from service.thawing.columns import NamedColumns
from service.thawing.evidence import audience_columns, pair_columns
from service.thawing.pairs import Pairs


class LedgerTables:
    """
    Of users and items that have events.

    `lock` is held by whoever changes them or serves from them; `number`, `knows`, `is_erased`, `erased`, `acted_on` and
    `has_events` need none.
    """

    def __init__(self, space: Space) -> None:
        self.lock = threading.RLock()
        factors = space.fold_in.factors
        self.users = NamedColumns(
            number=(np.int64, 0), pairs=(np.int64, 0), counted=(np.int64, 0), reading=(np.float32, factors), size=(np.float32, 0)
        )
        self.items = NamedColumns(
            known=(np.bool_, 0),
            anchor=(np.float32, space.tower.width),
            step=(np.float64, factors),
            trained=(np.float64, 0),
            events=(np.int64, 0),
            pairs=(np.int64, 0),
            **audience_columns(factors),
        )
        self.pairs = Pairs(
            weight=(np.float64, 0),
            moment=(np.float64, 0),
            acted=(np.bool_, 0),
            events=(np.int64, 0),
            liked=(np.bool_, 0),
            **pair_columns(),
        )
        self._erased: set[str] = set()
        # Of this run alone: what an earlier run or another service left in a cache is never taken for one of them.
        self._numbers = itertools.count((secrets.randbits(31) << 32) + 1)

    def renumber(self, user: int) -> None:
        """Events move the taste of the user of this row."""
        self.users["number"][user] = next(self._numbers)

    def erase(self, user_ids: Iterable[str]) -> None:
        """Nothing that the checkpoint knows of these users may be used from now on."""
        self._erased.update(user_ids)

    def number(self, user_id: str) -> int:
        """Another one whenever events move the user's taste; 0 for a user whom no event moves."""
        row = self.users.row(user_id)
        return int(self.users["number"][row]) if row is not None and self.users["counted"][row] else 0

    def knows(self, user_id: str) -> bool:
        """Whether the user has events."""
        row = self.users.row(user_id)
        return row is not None and bool(self.users["pairs"][row])

    def is_erased(self, user_id: str) -> bool:
        """Whether what the checkpoint knows of the user must not be used."""
        return user_id in self._erased

    def acted_on(self, user_id: str) -> list[str]:
        """Ids of the items that the user did more with than look."""
        user = self.users.row(user_id)
        if user is None:
            return []
        rows = self.pairs.of_user(user)
        acted = rows[self.pairs["acted"][rows] & (self.pairs["user"][rows] == user)]
        names = map(self.items.get_name, self.pairs["item"][acted].tolist())  # without the lock one may just have gone
        return [name for name in names if name is not None]

    def likes(self, user_id: str) -> tuple[list[str], FloatArray]:
        """Ids and (H, D) anchors of the items that the user's events say it likes."""
        with self.lock:
            user = self.users.row(user_id)
            rows = self.pairs.of_user(-1 if user is None else user)
            items = self.pairs["item"][rows[self.pairs["weight"][rows] > 0]]
            items = items[self.items["known"][items]]
            return [self.items.name(item) for item in items.tolist()], self.items["anchor"][items]

    def taken_back(self, user_id: str) -> set[str]:
        """Ids of the items that the user does not want, or wants less than training has it."""
        with self.lock:
            user = self.users.row(user_id)
            rows = self.pairs.of_user(-1 if user is None else user)
            return {self.items.name(item) for item in self.pairs["item"][rows[self.pairs["weight"][rows] < 0]].tolist()}

    def actors(self, item_id: str) -> set[str]:
        """Ids of the users who did more with an item than look."""
        with self.lock:
            item = self.items.row(item_id)
            rows = self.pairs.of_item(-1 if item is None else item)
            return {self.users.name(user) for user in self.pairs["user"][rows[self.pairs["acted"][rows]]].tolist()}

    @property
    def erased(self) -> frozenset[str]:
        """Users of whom nothing that the checkpoint knows may be used."""
        return frozenset(self._erased)

    def has_events(self, item_id: str) -> bool:
        """Whether anybody had to do with the item since the checkpoint was trained."""
        row = self.items.row(item_id)
        return row is not None and bool(self.items["pairs"][row])

"""Users whose events changed are folded in anew, some at a time, and their items' audiences with them."""

from collections.abc import Sequence

import numpy as np
import scipy.sparse as sp

from model.content import FloatArray
from service.space import Space
from service.thawing.columns import take_first
from service.thawing.evidence import AudienceUpdate, Tellers, clear_audience
from service.thawing.ledger_tables import LedgerTables
from service.thawing.pairs import RowIds
from service.thawing.reactions import Numbers, Rules

_PAIRS_AT_ONCE = 8192


class Refolding:
    """Users wait here until they are refolded. Called with the tables' lock held."""

    def __init__(self, tables: LedgerTables, space: Space, rules: Rules) -> None:
        self._tables, self._space, self._rules = tables, space, rules
        self._stale: dict[int, None] = {}

    @property
    def waiting(self) -> bool:
        """Whether any user waits."""
        return bool(self._stale)

    def add(self, user: int) -> None:
        """The user of this row waits from now on."""
        self._stale[user] = None

    def taste(self, user: int) -> FloatArray:
        """(1, F): the taste of the user of this row, as its pairs are now, whether it waits or not."""
        return self._tastes([user], *self._tables.pairs.of_users([user]))[0]

    def refold_some(self) -> list[int]:
        """
        Brings some of those who wait and their items' audiences to where their pairs are, and lets go of pairs without
        events. Somebody must be waiting.

        Returns:
            Rows of the items of these users.
        """
        users, pairs, known = self._take(), self._tables.pairs, self._tables.users
        rows, user = pairs.of_users(users)
        tastes, own = self._tastes(users, rows, user)
        update, after = AudienceUpdate(self._tables.items, pairs, rows, user), Tellers.of(self._space.fold_in, tastes)
        update.exchange(Tellers(known["reading"][users], known["size"][users]), after, own)
        known["reading"][users], known["size"][users] = after.readings, after.sizes
        touched: list[int] = update.touched.tolist()
        self._let_go(users, rows, touched)
        return touched

    def _take(self) -> list[int]:
        """As many as have about so many pairs together."""
        users: list[int] = []
        size = 0
        for user in self._stale:
            users.append(user)
            size += self._tables.pairs.count_of_user(user)
            if size >= _PAIRS_AT_ONCE:
                break
        return take_first(self._stale, len(users))

    def _tastes(self, users: Sequence[int], rows: RowIds, user: RowIds) -> tuple[FloatArray, Numbers]:
        """The users' tastes, and how many steps of its own item each of their pairs has in them."""
        pairs, items = self._tables.pairs, self._tables.pairs["item"][rows]
        own = self._rules.faded(pairs["weight"][rows], pairs["moment"][rows], user)
        own *= self._tables.items["known"][items]
        weights = sp.csr_array((own, (user, np.arange(len(own)))), shape=(len(users), len(own)))
        return self._space.fold_in.fold(self._bases(users), weights, self._tables.items["step"][items]), own

    def _bases(self, users: Sequence[int]) -> FloatArray:
        """(U, F): where training left the users; the prior of those whom it did not know, or must not have known."""
        fold_in, names = self._space.fold_in, map(self._tables.users.name, users)
        trained = [None if self._tables.is_erased(name) else self._space.user_embedding(name) for name in names]
        return np.stack([fold_in.prior if known is None else fold_in.base(known[None])[0] for known in trained])

    def _let_go(self, users: Sequence[int], rows: RowIds, items: Sequence[int]) -> None:
        """Of pairs without events, of what is left in the sums of items without pairs, and of users without pairs."""
        pairs = self._tables.pairs
        for row in rows[pairs["events"][rows] == 0].tolist():
            pairs.drop(row)
        # Not by the count of those who have events: the share of others who left may still wait to be taken out.
        left = [item for item in items if not pairs.count_of_item(item)]
        clear_audience(self._tables.items, np.array(left, np.int64))
        for user in users:
            if not pairs.count_of_user(user):
                self._tables.users.drop(user)

"""What is known of each row beside its embedding: whose it is, whether it is cold, its attributes, its age."""

from collections.abc import Callable, Collection, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from model.content import BoolArray
from service.index.columns import AttributeColumns
from service.index.protocol import Entry
from service.index.where import Condition, Where

_FIRST = 1024


class Rows:
    """Rows 0 to n - 1 without a gap; not safe beside a writer."""

    def __init__(self) -> None:
        self._by_id: dict[str, int] = {}
        self._ids: list[str] = []
        self._cold: BoolArray = np.zeros(_FIRST, np.bool_)
        self._published: NDArray[np.float64] = np.zeros(_FIRST)
        self._columns = AttributeColumns()

    def __len__(self) -> int:
        return len(self._ids)

    def __contains__(self, item_id: str) -> bool:
        return item_id in self._by_id

    @property
    def published(self) -> NDArray[np.float64]:
        """(n,) seconds since 1970."""
        return self._published[: len(self)]

    def row(self, item_id: str) -> int:
        return self._by_id[item_id]

    def rows(self, item_ids: Collection[str]) -> set[int]:
        """Rows of the items that are there."""
        return {self._by_id[item_id] for item_id in item_ids if item_id in self._by_id}

    def item_id(self, row: int) -> str:
        return self._ids[row]

    def is_cold(self, row: int) -> bool:
        return bool(self._cold[row])

    def count_cold(self) -> int:
        return int(self._cold[: len(self)].sum())

    def append(self, entry: Entry) -> None:
        row = len(self)
        self._by_id[entry.item_id] = row
        self._ids.append(entry.item_id)
        self._columns.append(entry.attributes)
        self._note(row, entry.is_cold, entry.published)

    def write(self, row: int, entry: Entry) -> None:
        self._columns.write(row, entry.attributes)
        self._note(row, entry.is_cold, entry.published)

    def fill(self, row: int) -> None:
        """Moves the last row to `row` and drops it there."""
        del self._by_id[self._ids[row]]
        last = len(self) - 1
        if row != last:
            self._ids[row] = self._ids[last]
            self._by_id[self._ids[row]] = row
            self._note(row, self.is_cold(last), float(self._published[last]))
        self._columns.fill(row)
        self._ids.pop()

    def allowed(self, cold_only: bool, where: Where | None) -> BoolArray | None:
        """(n,) bool: the rows that are cold, where only these are asked for, and of which `where` holds; None for every row."""
        masks = [self._cold[: len(self)]] if cold_only else []
        masks += self._holding(where) if where is not None else ()
        return np.logical_and.reduce(masks) if masks else None

    def _holding(self, where: Where) -> Iterator[BoolArray]:
        holding: Callable[[Condition], BoolArray] = self._columns.holding
        if where.since is not None:
            yield self.published >= where.since
        yield from map(holding, where.must)
        if where.should:
            yield np.logical_or.reduce([holding(condition) for condition in where.should])
        yield from (~holding(condition) for condition in where.must_not)

    def _note(self, row: int, is_cold: bool, published: float) -> None:
        if row >= len(self._published):
            self._cold, self._published = _twice_as_long(self._cold), _twice_as_long(self._published)
        self._cold[row], self._published[row] = is_cold, published


def _twice_as_long(values: NDArray[Any]) -> NDArray[Any]:
    return np.concatenate([values, np.zeros_like(values)])

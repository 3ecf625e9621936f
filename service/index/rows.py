"""What is known of each row beside its embedding: whose it is, its tags, its attributes, its age."""

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
        self._entries: list[tuple[str, frozenset[str]]] = []
        self._tags: dict[str, BoolArray] = {}
        self._published: NDArray[np.float64] = np.zeros(_FIRST)
        self._columns = AttributeColumns()

    def __len__(self) -> int:
        return len(self._entries)

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
        return self._entries[row][0]

    def tags(self, row: int) -> frozenset[str]:
        return self._entries[row][1]

    def count(self, tag: str) -> int:
        return int(self._tags[tag][: len(self)].sum()) if tag in self._tags else 0

    def append(self, entry: Entry) -> None:
        row = len(self)
        self._by_id[entry.item_id] = row
        self._entries.append((entry.item_id, entry.tags))
        self._columns.append(entry.attributes)
        self._note(row, entry.tags, entry.published)

    def write(self, row: int, entry: Entry) -> None:
        self._entries[row] = (entry.item_id, entry.tags)
        self._columns.write(row, entry.attributes)
        self._note(row, entry.tags, entry.published)

    def fill(self, row: int) -> None:
        """Moves the last row to `row` and drops it there."""
        del self._by_id[self._entries[row][0]]
        last = len(self) - 1
        if row != last:
            item_id, tags = self._entries[row] = self._entries[last]
            self._by_id[item_id] = row
            self._note(row, tags, float(self._published[last]))
        self._columns.fill(row)
        self._entries.pop()

    def allowed(self, within: str | None, where: Where | None) -> BoolArray | None:
        """(n,) bool: the rows that carry the tag and of which `where` holds; None for every row."""
        masks = [*self._tagged(within), *(self._holding(where) if where is not None else ())]
        return np.logical_and.reduce(masks) if masks else None

    def _tagged(self, tag: str | None) -> Iterator[BoolArray]:
        if tag is not None:
            yield self._tags[tag][: len(self)] if tag in self._tags else np.zeros(len(self), np.bool_)

    def _holding(self, where: Where) -> Iterator[BoolArray]:
        holding: Callable[[Condition], BoolArray] = self._columns.holding
        if where.since is not None:
            yield self.published >= where.since
        yield from map(holding, where.must)
        if where.should:
            yield np.logical_or.reduce([holding(condition) for condition in where.should])
        yield from (~holding(condition) for condition in where.must_not)

    def _note(self, row: int, tags: frozenset[str], published: float) -> None:
        if row >= len(self._published):
            self._published = _longer(self._published, row)
        self._published[row] = published
        for tag in tags - self._tags.keys():
            self._tags[tag] = np.zeros(len(self._published), np.bool_)
        for tag in self._tags:
            if row >= len(self._tags[tag]):
                self._tags[tag] = _longer(self._tags[tag], row)
            self._tags[tag][row] = tag in tags


def _longer(values: NDArray[Any], row: int) -> NDArray[Any]:
    more = max(len(values), row + 1 - len(values))
    return np.concatenate([values, np.zeros(more, values.dtype)])

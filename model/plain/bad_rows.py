"""The rows that could not be used, counted by reason and named."""

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from model.plain.errors import TooManyBadRows

_NAMED = 100


@dataclass(slots=True)
class BadRows:
    """What was wrong with one table, row by row."""

    table: str
    rows: int = 0
    """How many rows were read, good and bad."""
    counts: Counter[str] = field(default_factory=Counter)
    dropped: int = 0
    """Rows that were left out whole; the other bad ones lost a part."""
    harmless: int = 0
    """Rows that are named and do not count against the limit."""
    examples: dict[str, list[str]] = field(default_factory=dict)
    dropping: set[str] = field(default_factory=set)
    """The reasons for which rows were left out."""
    remarks: set[str] = field(default_factory=set)
    """The reasons that are named and may well be meant so."""

    def drop(self, reason: str, where: str) -> None:
        """Notes a row that was left out."""
        self.dropped += 1
        self.dropping.add(reason)
        self.note(reason, where)

    def note(self, reason: str, where: str) -> None:
        """Notes a row that is used, but without the part that is bad."""
        self.counts[reason] += 1
        named = self.examples.setdefault(reason, [])
        if len(named) < _NAMED:
            named.append(where)

    def remark(self, reason: str, where: str) -> None:
        """Notes a row that may well be meant so."""
        self.harmless += 1
        self.remarks.add(reason)
        self.note(reason, where)

    @property
    def bad(self) -> int:
        """Rows that were left out or lost a part, and count against the limit."""
        return self.counts.total() - self.harmless

    def require_few(self, limit: float) -> None:
        """
        Raises:
            TooManyBadRows: more than `limit` of the rows, a share of 1, are bad.
        """
        if self.bad > limit * max(self.rows, 1):
            raise TooManyBadRows(self.table, bad=self.bad, rows=self.rows, limit=limit, counts=self.counts)

    def to_fields(self) -> dict[str, Any]:
        """As the report file holds it."""
        counts = dict(self.counts.most_common())
        return {"rows": self.rows, "dropped": self.dropped, "counts": counts, "examples": self.examples}

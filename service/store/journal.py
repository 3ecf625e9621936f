"""What changed in the store while another space is being built beside the one that serves."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from service.store.event_records import Erased, Pair, Reacted
from service.store.records import Change, Put


@dataclass(slots=True)
class Noted:
    """Names of what changed; how it stands now is in the store."""

    items: set[str] = field(default_factory=set)
    pairs: set[Pair] = field(default_factory=set)
    users: set[str] = field(default_factory=set)
    """Users that were erased."""

    def __len__(self) -> int:
        return len(self.items) + len(self.pairs) + len(self.users)

    def add(self, changes: Sequence[Change]) -> None:
        """Notes some changes."""
        for change in changes:
            if isinstance(change, Reacted):
                self.pairs.update(change.pairs)
            elif isinstance(change, Erased):
                self.users.add(change.user_id)
            else:
                self.items.add(change.item.item_id if isinstance(change, Put) else change.item_id)


class Feed:
    """Leads whoever serves along the store's changes; called with the store's writer paused, or by it."""

    def __init__(self) -> None:
        self.follower: Callable[[Sequence[Change]], None] = lambda changes: None
        """Told of every change; nobody is until somebody serves."""
        self._noted: Noted | None = None

    def apply(self, changes: Sequence[Change]) -> None:
        """Tells of changes, in commit order."""
        if self._noted is not None:
            self._noted.add(changes)
        self.follower(changes)

    def take_notes(self) -> Noted:
        """What was noted since this was called last; the first call starts the notes."""
        noted, self._noted = self._noted, Noted()
        return noted or Noted()

    def stop_notes(self) -> None:
        """Notes nothing any more."""
        self._noted = None

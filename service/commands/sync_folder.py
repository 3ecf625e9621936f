"""Makes what a running service shows follow a plain data folder: what is absent is hidden, what comes back is shown."""

import time
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from model.plain.items import read_truth, read_word
from model.plain.tables import find_table
from service.client import CallFailed, Client
from service.commands.ingest_folder import Outcome, ingest_folder
from service.errors import ServiceError

REASON = "absent at the last sync"
"""What hidden items carry: others, hidden by hand, stay hidden when they come back."""
MAX_HIDDEN_SHARE = 0.2


class SyncRefused(ServiceError):
    """A sync would hide too much of the catalogue; nothing was changed."""

    def __init__(self, *, absent: int, visible: int) -> None:
        self.absent, self.visible = absent, visible
        super().__init__(
            f"{absent:,} of {visible:,} visible items are not in the folder, and would be hidden: over the limit of "
            f"{MAX_HIDDEN_SHARE:.0%}. If that is meant, pass --force"
        )


@dataclass(frozen=True, slots=True)
class SyncOutcome:
    """What became of a folder's items, and of those that it does not have."""

    posted: Outcome
    hidden: int
    shown: int


def sync_folder(folder: Path, *, url: str, split: str | None, workers: int, force: bool) -> SyncOutcome:
    """
    Posts the folder's items, hides the visible ones that it does not name, and shows those again that a sync had hidden.

    A row that is named and refused, or is of another split, counts as there: its item is not hidden.

    Raises:
        SyncRefused: more than a fifth of what is visible would be hidden, without `force`; nothing was changed.
        DataError, CallFailed: as from `ingest_folder`.
    """
    rows = find_table(folder, "items").rows(["item_id"])
    named = {read_word(row.get("item_id")): read_truth(read_word(row.get("hidden"))) for _, row, _ in rows}
    with Client(url) as client:
        catalogue = list(client.items())
        visible = [item["item_id"] for item in catalogue if _is_visible(item)]
        absent = [item_id for item_id in visible if item_id not in named]
        if not force and len(absent) > MAX_HIDDEN_SHARE * len(visible):
            raise SyncRefused(absent=len(absent), visible=len(visible))
        posted = ingest_folder(folder, url=url, split=split, workers=workers)
        gone = [item["item_id"] for item in catalogue if item["hidden_reason"] == REASON]
        back = [item_id for item_id in gone if item_id in named and not named[item_id]]
        hidden = sum(_change(client, item_id, hidden=True, hidden_reason=REASON) for item_id in absent)
        shown = sum(_change(client, item_id, hidden=False) for item_id in back)
    return SyncOutcome(posted, hidden, shown)


def _is_visible(item: dict[str, Any]) -> bool:
    expires_at = item["expires_at"]
    return not item["hidden"] and (expires_at is None or datetime.fromisoformat(expires_at).timestamp() > time.time())


def _change(client: Client, item_id: str, **changes: Any) -> bool:
    """Whether there was such an item: another client may have removed it meanwhile."""
    try:
        client.change_item(item_id, **changes)
    except CallFailed as error:
        if error.status != 404:
            raise
        return False
    return True

"""What a service says of a folder that it wrote (`thaw export`), in a file beside the tables."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from model.errors import EventError
from model.event_types import Liking
from model.plain.errors import TableUnreadable

FILE = "export.json"


@dataclass(frozen=True, slots=True)
class ExportNote:
    """What a training on the folder must know."""

    liking: Liking
    """What the service counts as a like."""
    events_through: int
    """The number of the last event that the folder may hold."""
    store_id: str | None = None
    """Of the store that gave the number; None where an older version wrote the folder."""


def write_note(folder: Path, note: ExportNote, facts: Mapping[str, Any]) -> None:
    """
    Writes the file anew.

    Args:
        facts: what else is told to whoever opens the file; JSON.
    """
    told = {**facts, "events_through": note.events_through, "store_id": note.store_id, **note.liking.to_fields()}
    (folder / FILE).write_text(json.dumps(told, indent=1) + "\n", encoding="utf-8")


def read_note(folder: Path) -> ExportNote | None:
    """
    The note of a folder; None where no service wrote the folder.

    Raises:
        TableUnreadable: the file is no such note.
    """
    try:
        told: dict[str, Any] = json.loads((folder / FILE).read_text(encoding="utf-8"))
        return ExportNote(Liking.of(told), int(told["events_through"]), _read_store_id(told))
    except FileNotFoundError:
        return None
    except (ValueError, KeyError, TypeError, AttributeError, EventError) as error:
        raise TableUnreadable(folder / FILE, f"it is no note of an export ({error})") from error


def _read_store_id(told: Mapping[str, Any]) -> str | None:
    found = told.get("store_id")
    if found is not None and not isinstance(found, str):
        raise ValueError(f"its store_id is {found!r}")
    return found

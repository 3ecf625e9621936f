"""How items stand: warm, thawing or cold, and how far events moved them."""

import asyncio
from typing import Any

from service.ledger import Ledger
from service.space import Space


def state_of(space: Space, ledger: Ledger, item_id: str) -> str:
    """One of `warm`, `thawing`, `cold`."""
    if space.anchors.is_warm(item_id):
        return "warm"
    return "thawing" if ledger.tables.has_events(item_id) else "cold"


async def with_standing(ledger: Ledger, answers: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Answers about items, completed by what their events did; an item without events costs nothing."""
    moved = [answer["item_id"] for answer in answers if ledger.tables.has_events(answer["item_id"])]
    progress = await asyncio.to_thread(ledger.progress, moved) if moved else {}
    for answer in answers:
        answer["event_count"], answer["thawed"] = progress.get(answer["item_id"], (0, 0.0))
        if answer["item_id"] in progress and answer["state"] == "cold":
            answer["state"] = "thawing"
    return answers

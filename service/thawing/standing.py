"""How items stand: warm, thawing or cold, and how far events moved them."""

import asyncio
from collections.abc import Sequence

from service.space import Space
from service.thawing.ledger import Ledger


def state_of(space: Space, item_id: str, *, has_events: bool) -> str:
    """
    One of `warm`, `thawing`, `cold`.

    Args:
        has_events: whether there are any since the checkpoint was trained.
    """
    if space.anchors.is_warm(item_id):
        return "warm"
    return "thawing" if has_events else "cold"


async def progress_of(ledger: Ledger, item_ids: Sequence[str]) -> dict[str, tuple[int, float]]:
    """By item id: how many events there are, and how far they moved it, in [0, 1); an item without any is left out."""
    moved = [item_id for item_id in item_ids if ledger.tables.has_events(item_id)]
    return await asyncio.to_thread(ledger.progress, moved) if moved else {}

"""Events and items sent, and what lists become."""

from typing import Any

import httpx

from model.checkpoint import Checkpoint

USER, STRANGER = "words-sailing-01", "stranger"
WITHIN_SECONDS = 20.0  # on a busy machine; the promise is one


def event(event_id: str, user: str = STRANGER, item: str = "a", kind: str = "like", **more: object) -> dict[str, Any]:
    return {"event_id": event_id, "user_id": user, "item_id": item, "event_type": kind, **more}


async def send(client: httpx.AsyncClient, *events: dict[str, Any]) -> dict[str, Any]:
    answer = await client.post("/events", json={"events": list(events)})
    assert answer.status_code == 200, answer.text
    body: dict[str, Any] = answer.json()
    return body


async def post_items(client: httpx.AsyncClient, *names: str) -> None:
    titles = ("Sailboat mug", "Bread and flour", "A lighthouse in the harbour", "Oven warm rolls")
    for at, name in enumerate(names):
        await client.post("/items", json={"item_id": name, "title": titles[at % 4], "text": f"Number {at}"})


async def post_warm(client: httpx.AsyncClient, checkpoint: Checkpoint) -> None:
    """Every item that the checkpoint learned; the attribute `third` is its place modulo 3."""
    for at, item_id in enumerate(checkpoint.item_ids):
        await client.post("/items", json={"item_id": item_id, "title": "x", "attributes": {"third": at % 3}})


async def scores(client: httpx.AsyncClient, user: str, **wishes: bool) -> dict[str, float]:
    answer = await client.get(f"/recommend/{user}", params={"k": 500, "exclude_seen": False, **wishes})
    return {hit["item_id"]: hit["score"] for hit in answer.json()["items"]}

"""Items changed and read, and what the service counted of it."""

from typing import Any

import httpx


async def patch(client: httpx.AsyncClient, item_id: str, headers: dict[str, str] | None = None, **body: Any) -> httpx.Response:
    return await client.patch(f"/items/{item_id}", json=body, headers=headers or {})


async def read(client: httpx.AsyncClient, item_id: str) -> Any:
    return (await client.get(f"/items/{item_id}")).json()


async def encoder_runs(client: httpx.AsyncClient) -> float:
    return await counted(client, "thaw_encode_batch_items_count")


async def counted(client: httpx.AsyncClient, name: str) -> float:
    lines = (await client.get("/metrics")).text.splitlines()
    return sum(float(line.rpartition(" ")[2]) for line in lines if line.startswith(name))


async def scores(client: httpx.AsyncClient) -> dict[str, float]:
    hits = (await client.get("/recommend/words-sailing-01", params={"k": 500})).json()["items"]
    return {hit["item_id"]: hit["score"] for hit in hits}

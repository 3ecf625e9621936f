"""Ready means that lists are those of the store."""

import asyncio
import threading

import httpx
import pytest

from service.index.faiss_flat import FlatIndex
from tests.conftest import ClientMaker

pytestmark = pytest.mark.anyio


async def test_a_service_whose_index_did_not_follow_is_not_ready_until_it_is_built_anew(
    service: ClientMaker, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with service().client() as client:
        await client.post("/items", json={"item_id": "a", "title": "Sailboat mug"})
        with monkeypatch.context() as patch:
            patch.setattr(FlatIndex, "put", lambda *_: 1 / 0)
            failed = await client.post("/items", json={"item_id": "b", "title": "Sailboat mug"})
        unready = await client.get("/health/ready")
        said = (await client.get("/metrics")).text
    async with service().client() as client:
        ready = await client.get("/health/ready")

    assert failed.status_code == 500
    assert (unready.status_code, unready.json()["type"]) == (503, "urn:thaw:problem:out-of-step")
    assert "thaw_out_of_step 1.0" in said
    assert (ready.status_code, ready.json()["items"]) == (200, 2)


async def test_ready_is_told_while_every_other_thread_is_busy(service: ClientMaker) -> None:
    release = threading.Event()
    try:
        async with service().client() as client:
            busy = [asyncio.create_task(asyncio.to_thread(release.wait, 60)) for _ in range(64)]
            ready = await asyncio.wait_for(client.get("/health/ready"), 20)
            release.set()
            await asyncio.gather(*busy)
    finally:
        release.set()

    assert ready.status_code == 200


@pytest.mark.parametrize("path", ["/health/live", "/health/ready"])
async def test_probes_may_ask_without_a_body(client: httpx.AsyncClient, path: str) -> None:
    assert (await client.head(path)).status_code == 200


async def test_a_path_with_a_slash_too_many_leads_to_no_other_host(client: httpx.AsyncClient) -> None:
    answer = await client.get("/metrics/", headers={"Host": "elsewhere.localhost"})

    assert (answer.status_code, answer.headers.get("location")) == (404, None)

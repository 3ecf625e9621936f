"""The library that talks to a running service."""

import base64
import json
import os
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import quote

import httpx

from service.errors import ServiceError
from service.events.limit import MAX_EVENTS

if TYPE_CHECKING:
    from model.content import Scalar  # numpy with it, which costs a health check half a second


_NAMED = 40
"""Ids in one call's address, which has a limit."""


class CallFailed(ServiceError):
    """The service refused a call, or did not answer; `status` is 0 where there was no answer."""

    def __init__(self, status: int, detail: str, field: str | None = None) -> None:
        self.status, self.detail, self.field = status, detail, field
        super().__init__(detail)


def item_body(
    item_id: str,
    *,
    title: str = "",
    text: str = "",
    image: bytes | None = None,
    attributes: "Mapping[str, Scalar] | None" = None,
    hidden: bool | None = None,
    vectors: Mapping[str, Iterable[float]] | None = None,
) -> dict[str, Any]:
    """
    An item as the body of `POST /items`.

    Args:
        vectors: by modality, what an encoder of your own made of it.
        hidden: None does not say: a new item is not hidden, and one that is there stays as it is.
    """
    body: dict[str, Any] = {"item_id": item_id, "title": title, "text": text, "attributes": dict(attributes or {})}
    if hidden is not None:
        body["hidden"] = hidden
    if vectors:
        body["vectors"] = {name: [float(number) for number in vector] for name, vector in vectors.items()}
    if image is not None:
        body["image_base64"] = base64.b64encode(image).decode()
    return body


class Client:
    """
    Calls of the API as methods; waits and tries again when the service says that it is busy.

    Raises:
        CallFailed: from every method, when the service refuses or cannot be reached.
    """

    def __init__(
        self, url: str | None = None, *, api_key: str | None = None, timeout_seconds: float = 30.0, tries: int = 8
    ) -> None:
        """
        Args:
            url: where the service listens; else the variable THAW_URL, else port 8000 of this machine.
            api_key: what the service asks for; else the variable THAW_API_KEY, else none is sent.
        """
        key = os.environ.get("THAW_API_KEY") if api_key is None else api_key
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        base = url or os.environ.get("THAW_URL") or "http://127.0.0.1:8000"
        self._http = httpx.Client(base_url=base, timeout=timeout_seconds, headers=headers, trust_env=False)
        self._tries = tries

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Lets the connections go."""
        self._http.close()

    def put_item(
        self,
        item_id: str,
        *,
        title: str = "",
        text: str = "",
        image: bytes | None = None,
        attributes: "Mapping[str, Scalar] | None" = None,
        hidden: bool | None = None,
        vectors: Mapping[str, Iterable[float]] | None = None,
    ) -> dict[str, Any]:
        """Posts an item, as `item_body` takes it; returns it as the service holds it."""
        body = item_body(item_id, title=title, text=text, image=image, attributes=attributes, hidden=hidden, vectors=vectors)
        return self._call("POST", "/items", json=body)

    def put_items(self, items: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
        """
        Posts items in one call, each as the body of `POST /items`; those that found no room are sent again.

        Returns:
            What became of each, in their order: `status` 201 or 200, or `status` and `problem` of one that was refused.
        """
        results: dict[int, dict[str, Any]] = {}
        waiting = list(range(len(items)))
        for attempt in range(self._tries):
            lines = b"\n".join(json.dumps(items[at]).encode() for at in waiting)
            answer = self._send("POST", "/items/batch", content=lines, headers={"Content-Type": "application/x-ndjson"})
            for at, line in zip(waiting, _checked(answer).content.strip().split(b"\n"), strict=True):
                results[at] = json.loads(line)
            waiting = [at for at in waiting if results[at]["status"] == 429]
            if not waiting or attempt == self._tries - 1:
                break
            time.sleep(1)
        return [results[at] for at in range(len(items))]

    def change_item(self, item_id: str, **changes: Any) -> dict[str, Any]:
        """Changes an item by the fields of `PATCH /items/{item_id}`; returns it as it is then."""
        return self._call("PATCH", f"/items/{quote(item_id, safe='')}", json=changes)

    def get_item(self, item_id: str) -> dict[str, Any]:
        """One item."""
        return self._call("GET", f"/items/{quote(item_id, safe='')}")

    def get_items(self, item_ids: Sequence[str]) -> dict[str, dict[str, Any]]:
        """Of these items those that are there, by their ids, in few calls."""
        found: dict[str, dict[str, Any]] = {}
        for start in range(0, len(item_ids), _NAMED):
            asked = {"item_id": list(item_ids[start : start + _NAMED])}
            found |= {item["item_id"]: item for item in self._call("GET", "/items", params=asked)["items"]}
        return found

    def delete_item(self, item_id: str) -> None:
        """Removes an item."""
        self._call("DELETE", f"/items/{quote(item_id, safe='')}")

    def items(self, page: int = 500) -> Iterator[dict[str, Any]]:
        """The whole catalogue in the order of item ids."""
        cursor = None
        while True:
            answer = self._call("GET", "/items", params={"limit": page, **({"cursor": cursor} if cursor else {})})
            yield from answer["items"]
            cursor = answer["next_cursor"]
            if cursor is None:
                return

    def recommend(self, user_id: str, **wishes: Any) -> dict[str, Any]:
        """A list for a user; `wishes` are fields of the body of `POST /recommend`, such as `k=10, cold_only=True`."""
        return self._call("POST", "/recommend", json={"user_id": user_id, **wishes})

    def recommend_many(self, user_ids: Sequence[str], **wishes: Any) -> list[dict[str, Any]]:
        """For each of up to 256 users, in order: a list, or `{"user_id", "problem"}` where there can be none."""
        lists: list[dict[str, Any]] = self._call("POST", "/recommend", json={"user_ids": list(user_ids), **wishes})["lists"]
        return lists

    def recommend_history(self, history: Sequence[Mapping[str, Any]], **wishes: Any) -> dict[str, Any]:
        """A list for somebody of whom only these events are known: `item_id` each, and `event_type`, `value` or `weight`."""
        return self._call("POST", "/recommend", json={"history": list(history), **wishes})

    def similar(self, item_id: str, **wishes: Any) -> list[dict[str, Any]]:
        """Items like an item; `wishes` are the query's parameters, a `filter` as a dict."""
        params = {name: json.dumps(value) if isinstance(value, (dict, bool)) else value for name, value in wishes.items()}
        found: list[dict[str, Any]] = self._call("GET", f"/items/{quote(item_id, safe='')}/similar", params=params)["items"]
        return found

    def audience(self, item_id: str, *, k: int = 100) -> list[dict[str, Any]]:
        """The users who are most likely to want an item; needs an admin key."""
        path = f"/items/{quote(item_id, safe='')}/audience"
        users: list[dict[str, Any]] = self._call("GET", path, params={"k": k})["users"]
        return users

    def send_events(self, events: "Sequence[Mapping[str, Any]]") -> dict[str, Any]:
        """Tells what users did, a thousand at a time; returns what became of each, and counts by status."""
        outcomes: list[dict[str, Any]] = []
        counts: dict[str, int] = {}
        for start in range(0, len(events), MAX_EVENTS):
            body = {"events": [dict(event) for event in events[start : start + MAX_EVENTS]]}
            answer = self._call("POST", "/events", json=body)
            outcomes += answer["events"]
            counts = {status: counts.get(status, 0) + times for status, times in answer["counts"].items()}
        return {"events": outcomes, "counts": counts}

    def get_user(self, user_id: str) -> dict[str, Any]:
        """What is held of a user."""
        return self._call("GET", f"/users/{quote(user_id, safe='')}")

    def erase_user(self, user_id: str) -> None:
        """Removes what is held of a user, for good."""
        self._call("DELETE", f"/users/{quote(user_id, safe='')}")

    def model(self) -> dict[str, Any]:
        """What `/model` says."""
        return self._call("GET", "/model")

    def swap_model(self, checkpoint: str) -> dict[str, Any]:
        """Begins to swap a checkpoint in; `model()["swap"]` tells how it goes. Needs an admin key."""
        return self._call("POST", "/admin/model", json={"checkpoint": checkpoint})

    def require_admin(self) -> None:
        """Changes nothing; raises `CallFailed`, as every method does, where the key is none that may administer."""
        answer = self._send("POST", "/admin/model", json={})
        if answer.status_code != 422:  # else the key was taken, and an empty body names no checkpoint
            _checked(answer)

    def ready(self) -> dict[str, Any]:
        """What `/health/ready` says."""
        return self._call("GET", "/health/ready")

    def _call(self, method: str, path: str, **options: Any) -> dict[str, Any]:
        return _read(self._send(method, path, **options))

    def _send(self, method: str, path: str, **options: Any) -> httpx.Response:
        for attempt in range(self._tries):
            try:
                response = self._http.request(method, path, **options)
            except httpx.HTTPError as error:
                raise CallFailed(0, f"{self._http.base_url} does not answer: {error or type(error).__name__}") from error
            if response.status_code != 429 or attempt == self._tries - 1:
                return response
            time.sleep(float(response.headers.get("Retry-After", "1")))
        raise AssertionError("unreachable")


def _checked(response: httpx.Response) -> httpx.Response:
    if response.is_error:
        _read(response)
    return response


def _read(response: httpx.Response) -> dict[str, Any]:
    if response.status_code == 204:
        return {}
    try:
        body: dict[str, Any] = response.json()
    except ValueError:
        body = {"detail": f"the answer is not JSON (status {response.status_code})"}
    if response.is_error:
        raise CallFailed(response.status_code, str(body.get("detail", response.reason_phrase)), body.get("field"))
    return body

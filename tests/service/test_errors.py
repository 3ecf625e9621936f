"""The trees of errors are whole, and each error of the service is told as a problem."""

import json
import re
from importlib import import_module

import httpx
import pytest

from model.errors import ProjectError, UnknownEventType
from service.errors import InvalidField, ServiceError
from service.http.edge.problems import PROBLEMS, answer_error
from service.users.history import Histories
from tests.conftest import ClientMaker
from tests.service.http.test_bad_input import assert_problem


def kinds(root: type[Exception]) -> set[type[Exception]]:
    """All below an error that modules have defined."""
    return set().union(*({kind} | kinds(kind) for kind in root.__subclasses__()))


def test_every_error_of_the_service_has_its_own_problem() -> None:
    """None falls back to 500 by being forgotten in the table."""
    here = {kind for kind in kinds(ServiceError) if kind.__module__ == "service.errors" and not kind.__subclasses__()}

    assert here <= set(PROBLEMS)


@pytest.mark.parametrize(("module", "root"), [("model.errors", ProjectError), ("service.errors", ServiceError)])
def test_the_tree_at_the_top_of_a_file_has_every_error(module: str, root: type[ProjectError]) -> None:
    for name in (
        "service.client",
        "service.commands.demo",
        "service.commands.export",
        "service.commands.retrain",
        "service.commands.sync_folder",
    ):
        import_module(name)
    inside = (module, "service.") if root is ServiceError else (module,)
    wanted = {kind.__name__ for kind in kinds(root) if kind.__module__.startswith(inside)}

    drawn = set(re.findall(r"\w+", import_module(module).__doc__ or ""))

    assert wanted - drawn == set()


@pytest.mark.anyio
async def test_a_history_that_weighs_nothing_known_is_refused(client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch) -> None:
    """The body's own types are checked before; what the weights lack is no 500 either."""

    def unknown(*_arguments: object) -> None:
        raise UnknownEventType("kiss", ("like",))

    monkeypatch.setattr(Histories, "fold", unknown)

    answer = await client.post("/recommend", json={"history": [{"item_id": "a"}]})

    assert_problem(answer, 422, "event_type")
    assert answer.json()["type"] == "urn:thaw:problem:invalid-event"


def test_an_error_about_half_a_surrogate_pair_can_be_told() -> None:
    """Python's strings may hold one, and JSON may not."""
    answer = answer_error(InvalidField("\ud800", "there is no \udfff"))

    assert json.loads(bytes(answer.body))["field"] == "?"
    assert json.loads(bytes(answer.body))["detail"] == "?: there is no ?"


@pytest.mark.anyio
async def test_an_error_says_no_more_than_can_be_read(client: httpx.AsyncClient) -> None:
    """However much was sent in the wrong place."""
    condition = {"attribute": "price", "gte": [1] * 250_000}

    answer = await client.post("/recommend", json={"user_id": "a", "filter": {"must": [condition]}})

    assert_problem(answer, 422, "filter.must.0")
    assert "`gte` takes a finite number" in answer.json()["detail"]
    assert len(answer.content) < 3000


@pytest.mark.anyio
async def test_a_path_that_is_none_says_where_to_look(service: ClientMaker) -> None:
    async with service().client() as client:
        answer = await client.get("/")

    assert_problem(answer, 404, None)
    assert "/docs" in answer.json()["detail"]

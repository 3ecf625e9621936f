"""What the log says of a request, and what it must not say."""

import json
import logging
import sys
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
import structlog
from pydantic import SecretStr

from service.monitoring.logs import configure_logging
from tests.conftest import ClientMaker
from tests.fakes import draw_jpeg

pytestmark = pytest.mark.anyio
KEY = "write-key-of-the-test"


@pytest.fixture(autouse=True)
def _restored() -> Iterator[None]:
    handlers = logging.root.handlers[:]
    yield
    logging.root.handlers[:] = handlers
    structlog.reset_defaults()


def lines(capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    return [json.loads(line) for line in capsys.readouterr().err.splitlines()]


async def test_each_request_is_one_line_with_its_template_and_id(
    service: ClientMaker, capsys: pytest.CaptureFixture[str]
) -> None:
    async with service().client() as client:
        configure_logging("info")
        answer = await client.get("/items/nobody-of-note", headers={"X-Request-ID": "order-17"})
        await client.get("/health/live")

    (line,) = [line for line in lines(capsys) if line["event"] == "request"]
    assert answer.headers["x-request-id"] == line["request_id"] == "order-17"
    assert (line["method"], line["status"]) == ("GET", 404)
    assert line["route"].startswith("/items/{item_id")
    assert 0 < line["seconds"] < 60


@pytest.mark.parametrize("sent", [None, "", "a b", "x" * 129, 'quote"', "ü"])
async def test_a_request_id_that_is_none_is_replaced(client: httpx.AsyncClient, sent: str | None) -> None:
    headers = {} if sent is None else {b"x-request-id": sent.encode()}
    answers = [await client.get("/health/live", headers=headers) for _ in range(2)]

    first, second = (answer.headers["x-request-id"] for answer in answers)
    assert first != second
    assert len(first) == len(second) == 32


async def test_no_key_no_words_and_no_vector_are_logged(service: ClientMaker, capsys: pytest.CaptureFixture[str]) -> None:
    async with service(write_keys=SecretStr(KEY)).client() as client:
        configure_logging("debug")
        headers = {"Authorization": f"Bearer {KEY}"}
        await client.post("/items", json={"item_id": "a", "title": "a secret title"}, headers=headers)
        await client.post("/items", data={"item_id": "b"}, files={"image": draw_jpeg()}, headers=headers)
        await client.post("/items", json={"item_id": "c", "titel": "a secret title"}, headers=headers)
        await client.get("/recommend/words-sailing-01?k=3", headers={"X-API-Key": KEY + "-wrong"})

    text = capsys.readouterr().err
    assert [json.loads(line)["event"] for line in text.splitlines()].count("request") == 4
    assert "secret title" not in text
    assert KEY not in text
    assert "words-sailing" not in text
    assert "[" not in text  # no list of numbers


async def test_an_unforeseen_error_is_logged_with_the_id_that_the_client_gets(
    service: ClientMaker, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    async with service().client() as client:
        configure_logging("info")
        monkeypatch.setattr("service.http.routes.items.item_response", lambda *_: 1 / 0)
        answer = await client.post("/items", json={"item_id": "a", "title": "x"})

    by_event = {line["event"]: line for line in lines(capsys)}
    assert answer.status_code == by_event["request"]["status"] == 500
    assert answer.headers["x-request-id"] == by_event["unforeseen error"]["request_id"] == by_event["request"]["request_id"]
    assert "ZeroDivisionError" in by_event["unforeseen error"]["exception"]
    assert "ZeroDivisionError" not in answer.text


@pytest.mark.parametrize("odd", ["\ud800", 2**70, {1: "one"}, object()])
def test_a_line_is_written_whatever_it_holds(odd: object, capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging("info")
    structlog.get_logger("test").info("odd", value=odd)
    (line,) = lines(capsys)
    assert line["event"] == "odd"
    assert line["value"]


def test_what_libraries_say_has_the_same_form(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging("info")

    logging.getLogger("some.library").warning("careful with %s", "this")
    logging.getLogger("some.library").info("not worth a line")

    (line,) = lines(capsys)
    assert (line["event"], line["level"]) == ("careful with this", "warning")


def test_people_can_have_columns(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging("info", "console")

    structlog.get_logger("x").info("hello", items=3)
    logging.getLogger("some.library").warning("careful")
    try:
        secret = "a secret title"
        raise ValueError(len(secret))
    except ValueError as error:
        structlog.get_logger("x").error("went wrong", exc_info=error)

    text = capsys.readouterr().err
    assert "items=3" in text
    assert "careful" in text
    assert "ValueError" in text
    assert not text.startswith("{")
    assert sys.exc_info() == (None, None, None)

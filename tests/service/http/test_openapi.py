"""The OpenAPI document: complete, checked in, and true of a running service."""

import json
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from jsonschema import Draft202012Validator
from pydantic import SecretStr

from service.http.app import openapi_document
from service.http.openapi import operations
from tests.conftest import ClientMaker

DOCUMENT = openapi_document()
OPERATIONS = [pytest.param(*operation, id=f"{operation[1].upper()} {operation[0]}") for operation in operations(DOCUMENT)]
NUMBERS = ("integer", "number")
LIMITS = ("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "enum", "const")
ORDER = ("post", "put", "patch", "get", "delete")
KEY = "admin-key-of-the-test"
NEEDS_A_CHECKPOINT = {("post", "/admin/model")}  # its example names a directory of the reader's


def test_the_file_is_what_the_routes_say() -> None:
    file = Path(__file__).parents[3] / "openapi.json"

    assert json.loads(file.read_text(encoding="utf-8")) == DOCUMENT, "write it anew: python -m service.cli openapi"


def test_its_version_is_the_package_s() -> None:
    project = tomllib.loads((Path(__file__).parents[3] / "pyproject.toml").read_text(encoding="utf-8"))["project"]

    assert DOCUMENT["info"]["version"] == project["version"]


def test_every_name_that_is_referred_to_is_there() -> None:
    text = json.dumps(DOCUMENT)
    referred = {part.split('"')[0] for part in text.split('"#/components/schemas/')[1:]}

    assert referred <= DOCUMENT["components"]["schemas"].keys()
    assert "HTTPValidationError" not in text


def schemas(node: Any, where: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """Every named property below a schema, with where it stands."""
    if isinstance(node, dict):
        for name, schema in node.get("properties", {}).items():
            yield f"{where}.{name}", schema
        for name, below in node.items():
            yield from schemas(below, f"{where}.{name}")
    elif isinstance(node, list):
        for at, below in enumerate(node):
            yield from schemas(below, f"{where}[{at}]")


def all_properties() -> Iterator[tuple[str, dict[str, Any]]]:
    yield from schemas(DOCUMENT["components"]["schemas"], "schemas")
    for path, method, operation in operations(DOCUMENT):
        yield from schemas(operation.get("requestBody", {}), f"{method} {path}")


def test_every_field_is_described() -> None:
    assert [where for where, schema in all_properties() if not schema.get("description")] == []


def test_a_change_names_no_default_that_a_generated_client_would_send() -> None:
    change = DOCUMENT["paths"]["/items/{item_id}"]["patch"]["requestBody"]
    fields = list(schemas(change, "change"))

    assert "change.content.application/json.schema.hidden" in [where for where, _ in fields]
    assert [where for where, schema in fields if "default" in schema] == []


def test_every_number_that_can_be_sent_has_its_range() -> None:
    sent = [
        (f"{path} {one['name']}", one["schema"]) for path, _, operation in operations(DOCUMENT) for one in parameters(operation)
    ]
    for path, method, operation in operations(DOCUMENT):
        sent += schemas(operation.get("requestBody", {}), f"{method} {path}")
    for name, schema in DOCUMENT["components"]["schemas"].items():
        if name.endswith(("Body", "Query")):
            sent += schemas(schema, name)

    kinds = [(where, kind) for where, schema in sent for kind in (schema, *schema.get("anyOf", ()))]
    assert [where for where, kind in kinds if kind.get("type") in NUMBERS and not any(limit in kind for limit in LIMITS)] == []


def parameters(operation: dict[str, Any]) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = operation.get("parameters", [])
    return found


@pytest.mark.parametrize(("path", "method", "operation"), OPERATIONS)
def test_an_operation_says_what_it_does_takes_and_answers(path: str, method: str, operation: dict[str, Any]) -> None:
    assert operation["summary"]
    assert len(operation["description"].split("\n\n")) >= 2, "its own sentence, and the key that it needs"
    assert operation["tags"]
    assert [one["name"] for one in parameters(operation) if not one.get("description")] == []
    answers = operation["responses"]
    assert [status for status in answers if status.startswith("2")]
    for status, answer in answers.items():
        if status[0] in "45":
            assert list(answer["content"]) == ["application/problem+json"], status
        elif status not in ("204", "304"):  # these have no body
            assert [kind for kind in answer["content"].values() if kind.get("schema")], f"{status} has no schema"
    assert ("401" in answers) == ("security" in operation)


@pytest.mark.anyio
async def test_every_example_gets_a_good_answer_of_the_form_that_is_promised(service: ClientMaker) -> None:
    """Posts first, then reads, then deletes: each finds what the one before left."""
    sent = []
    async with service(admin_keys=SecretStr(KEY)).client() as client:
        client.headers["Authorization"] = f"Bearer {KEY}"
        for path, method, operation in sorted(operations(DOCUMENT), key=lambda one: ORDER.index(one[1])):
            if (method, path) in NEEDS_A_CHECKPOINT:
                continue
            url = path.format(**{one["name"]: one["example"] for one in parameters(operation) if one["in"] == "path"})
            for body in bodies(operation, f"{method} {path}"):
                answer = await client.request(method, url, **body)
                assert answer.is_success, f"{method} {url}: {answer.text}"
                assert_promised(answer, operation)
                sent.append((method, path))

    assert len(sent) >= len(OPERATIONS) - len(NEEDS_A_CHECKPOINT)


def bodies(operation: dict[str, Any], where: str) -> Iterator[dict[str, Any]]:
    """What httpx is told for each example of a body; nothing, once, where there is no body."""
    content = operation.get("requestBody", {}).get("content", {})
    if not content:
        yield {}
    for kind, media in content.items():
        examples = media.get("examples", {})
        assert examples, f"{where} has no example of {kind}: add one to service/http/examples.py"
        for example in examples.values():
            value = example["value"]
            if kind == "application/json":
                Draft202012Validator({**media["schema"], "components": DOCUMENT["components"]}).validate(value)
                yield {"json": value}
            elif kind == "multipart/form-data":
                yield {"files": {name: (None, text) for name, text in value.items()}}
            else:
                yield {"content": value.encode(), "headers": {"content-type": kind}}


def assert_promised(answer: httpx.Response, operation: dict[str, Any]) -> None:
    for name in operation["responses"][str(answer.status_code)]["headers"]:
        assert answer.headers[name]
    promised = operation["responses"][str(answer.status_code)].get("content", {})
    kind = answer.headers.get("content-type", "").partition(";")[0]
    assert answer.status_code == 204 or kind in promised
    if kind == "application/json":
        schema = {**promised[kind]["schema"], "components": DOCUMENT["components"]}
        Draft202012Validator(schema).validate(answer.json())

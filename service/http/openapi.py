"""
The OpenAPI document: what FastAPI makes of the routes, completed from what the service knows of itself.

`thaw openapi --out openapi.json` writes it; a test compares the file with the routes.
"""

from collections.abc import Iterator, Mapping
from typing import Any, TypeAlias

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from service.http.edge.keys import Right
from service.http.examples import EXAMPLES, PATH_PARAMETERS
from service.http.routes.access import declared_rights
from service.http.routes.wiring import problem_answer
from service.http.schemas.problem import ProblemAnswer

Json: TypeAlias = dict[str, Any]
VERSION = "0.1.0"
_METHODS = ("get", "post", "put", "patch", "delete")
_SECURITY: list[dict[str, list[str]]] = [{"bearer": []}, {"api_key": []}]
_SCHEMES = {
    "bearer": {"type": "http", "scheme": "bearer", "description": "`Authorization: Bearer KEY`."},
    "api_key": {"type": "apiKey", "in": "header", "name": "X-API-Key", "description": "The same key, for clients that cannot."},
}
_HEADERS = {
    "X-Request-ID": {"description": "The request's own, or a new one.", "schema": {"type": "string"}},
    "ETag": {"description": "Names this state; for If-None-Match and If-Match.", "schema": {"type": "string"}},
    "Retry-After": {"description": "Seconds to wait before trying again.", "schema": {"type": "integer", "minimum": 1}},
    "WWW-Authenticate": {"description": "How to send a key.", "schema": {"type": "string"}},
}
_HEADERS_BY_STATUS = {"401": ["WWW-Authenticate"], "429": ["Retry-After"], "503": ["Retry-After"]}
_SAID = {Right.OPEN: "Needs no key.", Right.READ: "Needs a read key.", Right.WRITE: "Needs a write key."}
_TAGS = [
    {"name": "items", "description": "The catalogue: what can be recommended."},
    {"name": "recommend", "description": "Lists for users."},
    {"name": "events", "description": "What users do: it moves their lists at once, and the items within a second."},
    {"name": "users", "description": "What is held of a user, and its erasure."},
    {"name": "state", "description": "Is it alive, is it ready, what does it serve, how is it doing."},
]
_ABOUT = """Thaw ranks items that nobody has touched yet, in the second in which they are posted.

**Keys.** Where the service was started with API keys, each call says which right its key must have; a write key may also
read, an admin key may do everything. Without keys all but admin calls are open.

**Errors** are `application/problem+json` (RFC 9457); `type` is stable, `field` names what is wrong. 429 and 503 say in
`Retry-After` how many seconds to wait.

**Request ids.** A request may carry an `X-Request-ID` of 1 to 128 letters, digits or `._:+/=-`; every answer carries it, or
a new one, and so does every line of the service's log about that request.

**Spaces.** An answer that depends on a checkpoint names its version as `space`. Embeddings and scores of two spaces cannot
be compared.
"""


def describe(app: FastAPI) -> Json:
    """The whole document of an app's routes."""
    document = get_openapi(
        title=app.title, version=VERSION, summary=app.summary, description=_ABOUT, routes=app.routes, tags=_TAGS
    )
    components = document.setdefault("components", {})
    components["securitySchemes"], components["headers"] = _SCHEMES, _HEADERS
    components.setdefault("schemas", {})[ProblemAnswer.__name__] = ProblemAnswer.model_json_schema()
    rights = declared_rights(app)
    for path, method, operation in operations(document):
        _say_right(operation, rights.get((method.upper(), path)) or Right.OPEN)
        _say_problems(operation)
        _say_headers(operation)
        _give_examples(operation, method, path)
    for unused in ("HTTPValidationError", "ValidationError"):  # FastAPI's own; ours is a problem
        components["schemas"].pop(unused, None)
    return document


def operations(document: Mapping[str, Any]) -> Iterator[tuple[str, str, Json]]:
    """Every path, method in small letters, and operation of a document."""
    for path, methods in document["paths"].items():
        for method in _METHODS:
            if method in methods:
                yield path, method, methods[method]


def _say_right(operation: Json, right: Right) -> None:
    operation["x-thaw-right"] = right.name.lower()
    said = _SAID.get(right, "Needs an admin key; off until one is set.")
    operation["description"] = "\n\n".join(filter(None, (operation.get("description"), said)))
    if right is not Right.OPEN:
        operation["security"] = _SECURITY


def _say_problems(operation: Json) -> None:
    """Adds what any route can answer to what this one says of itself."""
    answers = operation.setdefault("responses", {})
    for status in (500, *((401, 403) if "security" in operation else ())):
        answers.setdefault(str(status), problem_answer(status))
    if any("HTTPValidationError" in str(answer) for answer in answers.values()):
        answers["422"] = problem_answer(422)
    operation["responses"] = dict(sorted(answers.items()))


def _say_headers(operation: Json) -> None:
    for status, answer in operation["responses"].items():
        headers = answer.setdefault("headers", {})
        etag = ["ETag"] if status == "304" or _is_tagged(answer) else []
        for name in ["X-Request-ID", *etag, *_HEADERS_BY_STATUS.get(status, ())]:
            headers.setdefault(name, {"$ref": f"#/components/headers/{name}"})


def _is_tagged(answer: Json) -> bool:
    """Whether an answer is one item, or its picture."""
    return "image/jpeg" in answer.get("content", {}) or "schemas/ItemAnswer'" in str(answer)


def _give_examples(operation: Json, method: str, path: str) -> None:
    for parameter in operation.get("parameters", ()):
        if parameter["in"] == "path":
            for name, value in PATH_PARAMETERS.get(parameter["name"], {}).items():
                parameter.setdefault(name, value)
    for kind, examples in EXAMPLES.get((method, path), {}).items():
        operation["requestBody"]["content"][kind].setdefault("examples", examples)

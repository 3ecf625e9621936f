"""Parameters of a query: read, and documented, by one model."""

from functools import cache
from typing import Any

from fastapi import Request
from pydantic import BaseModel

from service.http.bodies.reading import BodyModel, validate


def read_query(kind: type[BodyModel], request: Request) -> BodyModel:
    """
    The parameters as a model; of one that comes several times all, where the field is a list, else the last.

    FastAPI would do the same for `Annotated[kind, Query()]`, and find out at each request what each field is.

    Raises:
        InvalidField: names the first parameter that is wrong.
    """
    sent, lists = request.query_params, _lists_of(kind)
    return validate(kind, {name: sent.getlist(name) if name in lists else value for name, value in sent.items()})


def query_parameters(kind: type[BaseModel]) -> list[dict[str, Any]]:
    """The same parameters for the OpenAPI document."""
    schema = kind.model_json_schema()
    return [
        {
            "name": name,
            "in": "query",
            "required": name in schema.get("required", ()),
            "schema": field,
            "description": field["description"],
        }
        for name, field in schema["properties"].items()
    ]


@cache
def _lists_of(kind: type[BaseModel]) -> frozenset[str]:
    fields: dict[str, dict[str, Any]] = kind.model_json_schema()["properties"]
    return frozenset(name for name, field in fields.items() if field.get("type") == "array")

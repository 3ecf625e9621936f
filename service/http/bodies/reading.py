"""What all bodies of requests have in common: a media type, JSON in it, and fields to be judged."""

from collections.abc import Callable
from typing import TypeVar

import orjson
from pydantic import BaseModel, ValidationError
from starlette.requests import Request

from service.errors import BadRequest, InvalidField, MalformedBody, Unreadable, UnsupportedContentType
from service.http.edge.problems import to_invalid_field

JSON, FORM, NDJSON, MERGE_PATCH = (
    "application/json",
    "multipart/form-data",
    "application/x-ndjson",
    "application/merge-patch+json",
)
_MOST_BRACKETS = 500_000
"""Far above what 1,000 items or events have, those in their texts included. While more are parsed, all else would wait."""
BodyModel = TypeVar("BodyModel", bound=BaseModel)
Parsed = TypeVar("Parsed")


def require_content_type(request: Request, *accepted: str) -> str:
    """
    The media type of the body, without its parameters.

    Raises:
        UnsupportedContentType: it is none of those accepted.
    """
    content_type = request.headers.get("content-type", "")
    kind = content_type.partition(";")[0].strip().lower()
    if kind not in accepted:
        raise UnsupportedContentType(content_type, accepted)
    return kind


def parse_json(data: bytes, field: str) -> object:
    """
    What a body, or a form's field, says.

    Raises:
        MalformedBody: the body is no JSON, or has more lists and objects than any call.
        InvalidField: the field is none.
    """
    if (brackets := data.count(b"[") + data.count(b"{")) > _MOST_BRACKETS:
        raise MalformedBody(f"it has {brackets:,} opening brackets, and at most {_MOST_BRACKETS:,} are taken in one call")
    try:
        return orjson.loads(data)
    except orjson.JSONDecodeError as error:
        problem: BadRequest = MalformedBody(f"it is not JSON ({error})")
        raise problem if field == "body" else InvalidField(field, f"it is not JSON ({error})") from error


def validate(kind: type[BodyModel], fields: object) -> BodyModel:
    """
    Parsed JSON as a body of one kind.

    Raises:
        InvalidField: it is none; names the first field that is wrong.
    """
    try:
        return kind.model_validate(fields)
    except ValidationError as error:
        raise to_invalid_field(error) from error


def read_one_of_many(fields: object, id_field: str, read: Callable[[object], Parsed]) -> Parsed | Unreadable:
    """One of several in a body: a bad one does not spoil the others."""
    try:
        return read(fields)
    except BadRequest as error:
        given = fields.get(id_field) if isinstance(fields, dict) else None
        return Unreadable(given if isinstance(given, str) else None, error)

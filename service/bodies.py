"""An item out of a request's body, JSON or multipart."""

import orjson
from pydantic import ValidationError
from starlette.datastructures import FormData, UploadFile
from starlette.exceptions import HTTPException
from starlette.requests import Request

from service.errors import BadRequest, InvalidField, MalformedBody, UnsupportedContentType
from service.ingest import NewItem
from service.problems import to_invalid_field
from service.schemas import ItemBody

_FORM_FIELDS = {"item_id", "title", "text", "attributes", "image"}


async def read_item(request: Request) -> NewItem:
    """
    Raises:
        UnsupportedContentType, MalformedBody, InvalidField: the body is no item; each says why.
    """
    content_type = request.headers.get("content-type", "")
    kind = content_type.partition(";")[0].strip().lower()
    if kind == "application/json":
        return _to_item(_parse_json(await request.body(), "body"), None)
    if kind == "multipart/form-data":
        return await _read_form(request)
    raise UnsupportedContentType(content_type)


async def _read_form(request: Request) -> NewItem:
    try:
        async with request.form(max_files=1, max_fields=len(_FORM_FIELDS), max_part_size=2**20) as form:
            fields, image = await _split_form(form)
    except HTTPException as error:
        raise MalformedBody(str(error.detail)) from error
    if "attributes" in fields:
        fields["attributes"] = _parse_json(str(fields["attributes"]).encode("utf-8", "surrogatepass"), "attributes")
    return _to_item(fields, image)


async def _split_form(form: FormData) -> tuple[dict[str, object], bytes | None]:
    fields: dict[str, object] = {}
    image = None
    for name, value in form.multi_items():
        if name not in _FORM_FIELDS:
            raise InvalidField(name, f"no such field; accepted are {', '.join(sorted(_FORM_FIELDS))}")
        if (name == "image") != isinstance(value, UploadFile):
            raise InvalidField(name, "`image` must be a file, and every other field text")
        if name in fields or (name == "image" and image is not None):
            raise InvalidField(name, "it is given more than once")
        if isinstance(value, UploadFile):
            image = await value.read()
        else:
            fields[name] = value
    return fields, image


def _parse_json(data: bytes, field: str) -> object:
    try:
        return orjson.loads(data)
    except orjson.JSONDecodeError as error:
        problem: BadRequest = MalformedBody(f"it is not JSON ({error})")
        raise problem if field == "body" else InvalidField(field, f"it is not JSON ({error})") from error


def _to_item(fields: object, image: bytes | None) -> NewItem:
    try:
        body = ItemBody.model_validate(fields)
    except ValidationError as error:
        raise to_invalid_field(error) from error
    picture = body.image_base64 if image is None else image
    return NewItem(body.item_id, body.title, body.text, picture, body.attributes)

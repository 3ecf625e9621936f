"""Items, and changes of items, out of requests' bodies."""

import asyncio
from collections.abc import Callable
from typing import TypeVar

from python_multipart.multipart import parse_options_header
from starlette.datastructures import FormData, UploadFile
from starlette.exceptions import HTTPException
from starlette.requests import Request

from service.errors import BadRequest, InvalidField, MalformedBody, Unreadable, UnsupportedContentType
from service.http.bodies.reading import (
    FORM,
    JSON,
    MERGE_PATCH,
    NDJSON,
    parse_json,
    read_one_of_many,
    require_content_type,
    validate,
)
from service.http.schemas.item_batch import MAX_BATCH_ITEMS
from service.http.schemas.item_changes import ItemPatch
from service.http.schemas.items import MAX_PICTURES, ItemBody
from service.items.drafts import ItemChanges, NewItem

_MAY_STAY = frozenset({"published_at", "expires_at", "hidden"})
"""What is known of an item stays where a post does not name it."""
_JSON_FIELDS = ("attributes", "vectors")
"""Fields of a form that hold JSON."""
_FORM_FIELDS = {"item_id", "title", "text", *_JSON_FIELDS, "published_at", "expires_at", "hidden", "image_url", "image"}
_TRUTHS: dict[object, bool] = {"true": True, "false": False}
"""As a form writes them."""
_CHARSETS = (b"utf-8", b"utf8", b"us-ascii")
_OFF_LOOP_BYTES = 2**18  # a larger body is parsed by a thread: the event loop has others to answer
Parsed = TypeVar("Parsed")


async def read_item(request: Request) -> NewItem:
    """
    The item of a JSON or multipart body.

    Raises:
        UnsupportedContentType, MalformedBody, InvalidField: the body is no item; each says why.
    """
    if require_content_type(request, JSON, FORM) == FORM:
        _require_charset(request)
        return await _read_form(request)
    return await _parse(await request.body(), lambda body: _to_item(parse_json(body, "body"), ()))


async def read_changes(request: Request) -> ItemChanges:
    """The changes of a JSON body; raises as `read_item` does."""
    require_content_type(request, JSON, MERGE_PATCH)
    return await _parse(await request.body(), lambda body: validate(ItemPatch, parse_json(body, "body")).to_changes())


async def read_batch(request: Request) -> list[NewItem | Unreadable]:
    """
    The items of a JSON or NDJSON body; one that is bad does not spoil the others.

    Raises:
        UnsupportedContentType, MalformedBody, InvalidField: the body is no batch, or has too many items.
    """
    kind = require_content_type(request, JSON, NDJSON)
    return await _parse(await request.body(), _parse_lines if kind == NDJSON else _parse_list)


def is_ndjson(request: Request) -> bool:
    """Whether the body came as lines, and the answer goes as lines."""
    return require_content_type(request, JSON, NDJSON) == NDJSON


def _require_charset(request: Request) -> None:
    """A form is decoded as it says itself, by any of Python's codecs: some take very long, and some read code."""
    content_type = request.headers["content-type"]
    charset = parse_options_header(content_type)[1].get(b"charset", b"utf-8")  # as the form's parser finds it
    if charset.lower() not in _CHARSETS:
        raise UnsupportedContentType(content_type, (f"{FORM}; charset=utf-8",))


async def _parse(body: bytes, parse: Callable[[bytes], Parsed]) -> Parsed:
    return parse(body) if len(body) < _OFF_LOOP_BYTES else await asyncio.to_thread(parse, body)


def _parse_list(body: bytes) -> list[NewItem | Unreadable]:
    parsed = parse_json(body, "body")
    if not isinstance(parsed, dict) or parsed.keys() != {"items"} or not isinstance(parsed["items"], list):
        raise InvalidField("body", 'it must be {"items": [...]} and nothing else')
    _check_number(len(parsed["items"]))
    return [_to_entry(fields) for fields in parsed["items"]]


def _parse_lines(body: bytes) -> list[NewItem | Unreadable]:
    lines = [line for line in body.split(b"\n") if line.strip()]
    _check_number(len(lines))
    return [_to_line_entry(line) for line in lines]


def _check_number(items: int) -> None:
    if not 1 <= items <= MAX_BATCH_ITEMS:
        raise InvalidField("items", f"a batch has 1 to {MAX_BATCH_ITEMS:,} items, this one {items:,}")


def _to_line_entry(line: bytes) -> NewItem | Unreadable:
    try:
        return _to_entry(parse_json(line, "body"))
    except BadRequest as error:
        return Unreadable(None, error)


def _to_entry(fields: object) -> NewItem | Unreadable:
    return read_one_of_many(fields, "item_id", lambda fields: _to_item(fields, ()))


async def _read_form(request: Request) -> NewItem:
    try:
        async with request.form(max_files=MAX_PICTURES, max_fields=len(_FORM_FIELDS), max_part_size=2**20) as form:
            fields, images = await _split_form(form)
    except HTTPException as error:
        raise MalformedBody(str(error.detail)) from error
    for name in fields.keys() & _JSON_FIELDS:
        fields[name] = parse_json(str(fields[name]).encode("utf-8", "surrogatepass"), name)
    if "hidden" in fields:
        fields["hidden"] = _TRUTHS.get(fields["hidden"], fields["hidden"])
    return _to_item(fields, images)


async def _split_form(form: FormData) -> tuple[dict[str, object], tuple[bytes, ...]]:
    fields: dict[str, object] = {}
    images = []
    for name, value in form.multi_items():
        if name not in _FORM_FIELDS:
            raise InvalidField(name, f"no such field; accepted are {', '.join(sorted(_FORM_FIELDS))}")
        if (name == "image") != isinstance(value, UploadFile):
            raise InvalidField(name, "`image` must be a file, and every other field text")
        if name in fields:
            raise InvalidField(name, "it is given more than once")
        if isinstance(value, UploadFile):
            images.append(await value.read())
        else:
            fields[name] = value
    return fields, tuple(images)


def _to_item(fields: object, files: tuple[bytes, ...]) -> NewItem:
    body = validate(ItemBody, fields)
    pictures, urls = (*files, *body.pictures()), body.urls()
    if len(pictures) + len(urls) > MAX_PICTURES:
        raise InvalidField("image", f"an item has at most {MAX_PICTURES} pictures, this one {len(pictures) + len(urls)}")
    return NewItem(
        body.item_id,
        body.title,
        body.text,
        pictures,
        body.attributes,
        urls,
        published_at=body.published_at,
        expires_at=body.expires_at,
        hidden=body.hidden,
        vectors=body.vectors,
        unnamed=_MAY_STAY - body.model_fields_set,
    )

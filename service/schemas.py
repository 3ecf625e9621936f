"""Request and response bodies."""

import base64
import binascii
import math
import re
import string
from datetime import UTC, datetime
from typing import Annotated, Any, Literal, TypeAlias

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, WithJsonSchema, model_validator

from model.content import Scalar

MAX_ID_BYTES = 256
MAX_ATTRIBUTES = 100
MAX_ATTRIBUTE_LENGTH = 100_000
"""Characters of all names and values of an item."""
MAX_PICTURES = 8
_MOST_MEMBERS = 100
_CONTROLS = re.compile("[\x00-\x1f\x7f-\x9f\ud800-\udfff]")  # Unicode's categories Cc and Cs
_WHITE_SPACE = string.whitespace.encode()
_UNKEPT = re.compile("[\x00\ud800-\udfff]")


def check_id(value: str) -> str:
    """
    An id as it is.

    Raises:
        ValueError: empty, over 256 bytes of UTF-8, with a control character, with blanks around it, which tables lose, or `.`
            or `..`, which URLs swallow.
    """
    if not value or value in (".", ".."):
        raise ValueError("an id must not be empty, . or ..")
    if value != value.strip():
        raise ValueError("an id must not begin or end with blanks")
    if _CONTROLS.search(value):
        raise ValueError("an id must not hold control characters")
    if len(value) > MAX_ID_BYTES or len(value.encode()) > MAX_ID_BYTES:
        raise ValueError(f"an id has at most {MAX_ID_BYTES} bytes of UTF-8")
    return value


def check_words(value: str) -> str:
    """
    Words as they are.

    Raises:
        ValueError: they hold a NUL or half of a surrogate pair, which no database keeps.
    """
    if _UNKEPT.search(value):
        raise ValueError("words must not hold NUL characters or halves of surrogate pairs")
    return value


def check_attributes(value: dict[str, Any]) -> dict[str, Scalar]:
    """
    Attributes as they are.

    Raises:
        ValueError: one is a list, an object or no finite number, or there are too many, or too long ones.
    """
    if len(value) > MAX_ATTRIBUTES:
        raise ValueError(f"at most {MAX_ATTRIBUTES} attributes")
    if (length := sum(len(name) + len(str(scalar)) for name, scalar in value.items())) > MAX_ATTRIBUTE_LENGTH:
        raise ValueError(f"{length:,} characters in attributes, and at most {MAX_ATTRIBUTE_LENGTH:,} are taken")
    for name, scalar in value.items():
        check_words(name)
        if isinstance(scalar, str):
            check_words(scalar)
        elif isinstance(scalar, float) and not math.isfinite(scalar):
            raise ValueError(f"the attribute {name!r} must be finite")
        elif not isinstance(scalar, (int, float, bool, type(None))):
            raise ValueError(f"the attribute {name!r} must be a string, a number, true, false or null")
    return value


def read_base64(value: object) -> object:
    """
    The bytes of a base64 string; white space in it is passed over.

    Raises:
        ValueError: it is no base64.
    """
    if not isinstance(value, str):
        return value
    try:
        return base64.b64decode(value.encode("ascii").translate(None, _WHITE_SPACE), validate=True)
    except (binascii.Error, ValueError) as error:
        raise ValueError("it must be a file in standard base64, with padding") from error


Id = Annotated[str, AfterValidator(check_id)]
Words = Annotated[str, AfterValidator(check_words)]
EventType: TypeAlias = Literal["like", "purchase", "rating", "view", "impression", "hide", "return"]
"""`EVENT_TYPES`, as a type."""
_MOMENT = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt ][0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]+)?([Zz]|[+-][0-9]{2}:[0-9]{2})")


def read_moment(value: object) -> float:
    """
    Seconds since 1970 of a moment as RFC 3339 writes it.

    Raises:
        ValueError: it is none, has no zone, or lies outside the years 1 to 9998.
    """
    try:
        if not isinstance(value, str) or not _MOMENT.fullmatch(value):
            raise ValueError
        moment = datetime.fromisoformat(value.upper()).astimezone(UTC)
    except (ValueError, OverflowError):
        raise ValueError("it must be a moment in RFC 3339 with its zone, such as 2026-11-23T18:00:00Z") from None
    if moment.year > 9998:
        raise ValueError("it must lie in the years 1 to 9998")
    return moment.timestamp()


Moment = Annotated[float, BeforeValidator(read_moment), WithJsonSchema({"type": "string", "format": "date-time"})]
Base64File = Annotated[bytes, BeforeValidator(read_base64), WithJsonSchema({"type": "string", "format": "base64"})]


class Body(BaseModel):
    """What a client sends. A body of more members than any call takes is refused before each of them is validated."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    @model_validator(mode="before")
    @classmethod
    def _have_few_members(cls, fields: object) -> object:
        if isinstance(fields, dict) and len(fields) > _MOST_MEMBERS:
            raise ValueError(f"it has {len(fields):,} members, and no call takes so many")
        return fields


def at_most(count: int) -> BeforeValidator:
    """Refuses a longer list, or an object of more members, before anybody looks at what is in it."""

    def check(value: object) -> object:
        if isinstance(value, (list, dict)) and len(value) > count:
            raise ValueError(f"it has {len(value):,} entries, and at most {count:,} are taken")
        return value

    return BeforeValidator(check)


Attributes = Annotated[dict[str, Any], AfterValidator(check_attributes), at_most(MAX_ATTRIBUTES)]


class ItemBody(Body):
    """One item to ingest. At least one of `title`, `text`, the picture and the attributes that are read must say something."""

    model_config = ConfigDict(str_max_length=2**26)

    item_id: Id = Field(description="Your id of it: up to 256 bytes, no control characters or outer blanks.", examples=["mug-17"])
    title: Words = Field("", max_length=1000, description="Its name.", examples=["Sailboat mug"])
    text: Words = Field("", max_length=100_000, description="What is said of it.", examples=["Rope, canvas and salt wind."])
    image_base64: Base64File | None = Field(None, description="Its picture, a JPEG, PNG or WebP file in base64.")
    images_base64: Annotated[list[Base64File], at_most(MAX_PICTURES)] = Field(
        default_factory=list, max_length=MAX_PICTURES, description="Several pictures of it; their features are averaged."
    )
    image_url: str | None = Field(
        None, max_length=2000, description="Where its picture is, https; only hosts that THAW_IMAGE_HOSTS names are asked."
    )
    image_urls: Annotated[list[Annotated[str, Field(max_length=2000)]], at_most(MAX_PICTURES)] = Field(
        default_factory=list, max_length=MAX_PICTURES, description="Several of them; at most 8 pictures in all."
    )
    attributes: Attributes = Field(
        default_factory=dict,
        description="Flat: strings, finite numbers, booleans, null; at most 100, of 100,000 characters together.",
        examples=[{"price": 12.5}],
    )
    published_at: Moment | None = Field(
        None,
        description="When it came out, RFC 3339 with its zone; null forgets it, and where it is not named it stays.",
        examples=["2026-11-23T18:00:00Z"],
    )
    expires_at: Moment | None = Field(None, description="From when on no list has it any more, RFC 3339 with its zone; likewise.")

    def pictures(self) -> tuple[bytes, ...]:
        """The files that came with it."""
        return (*(() if self.image_base64 is None else (self.image_base64,)), *self.images_base64)

    def urls(self) -> tuple[str, ...]:
        """Where its other pictures are."""
        return (*(() if self.image_url is None else (self.image_url,)), *self.image_urls)


class PageQuery(Body):
    """Which part of the catalogue."""

    limit: int = Field(100, ge=1, le=1000, description="How many items at most.")
    cursor: str | None = Field(None, max_length=1000, description="`next_cursor` of the page before.")


State = Literal["warm", "cold", "thawing"]
STATES = "`warm`: the checkpoint learned it from interactions. `thawing`: it did not, and there are events. `cold`: neither."


class ItemFusion(BaseModel):
    """How an item's content became an embedding."""

    modalities: dict[str, bool] = Field(description="Which modalities the item has.")
    gate: dict[str, float] = Field(description="Weight of each view; 0 where missing, sum 1.")
    experts: dict[str, dict[str, float]] = Field(
        description="Weights of the experts of each view that is there, named by what they read; 0 without anything to read. "
        "They sum to 1 where nothing is missing."
    )


class ItemAnswer(ItemFusion):
    """An item as it is served."""

    item_id: str = Field(description="Your id of it.")
    title: str = Field(description="Its name; empty where there is none.")
    text: str = Field(description="What is said of it; empty where nothing is.")
    attributes: dict[str, Any] = Field(description="As they were posted.")
    state: State = Field(description=STATES)
    event_count: int = Field(ge=0, description="Events on it since the checkpoint was trained.")
    thawed: float = Field(ge=0, le=1, description="How far events moved it from there to where its audience is: 0 not at all.")
    embedding_source: Literal["learned", "content"] = Field(
        description="Where its embedding starts from: `learned` from interactions, or its `content`."
    )
    space: str = Field(description="Version of the checkpoint whose space it lies in.")
    created_at: str = Field(description="UTC, ISO 8601.")
    updated_at: str = Field(description="UTC, ISO 8601.")
    hidden: bool = Field(description="True: it is kept and readable, and in no list.")
    hidden_reason: str = Field(description="Why, in the words of whoever hid it; else empty.")
    published_at: str | None = Field(description="UTC, ISO 8601.")
    expires_at: str | None = Field(description="UTC, ISO 8601; from then on it is in no list.")
    image: str | None = Field(description="Path of its thumbnail; null where it has no picture.")
    searchable: bool = Field(
        description="Whether lists may have it: not hidden, not expired, its features not of encoders no longer served."
    )


class ItemsAnswer(BaseModel):
    """A page of the catalogue, by item id."""

    items: list[ItemAnswer] = Field(description="In the order of item ids.")
    next_cursor: str | None = Field(description="Null on the last page.")


class ProblemAnswer(BaseModel):
    """An error, as RFC 9457 has it."""

    type: str = Field(description="Stable: `urn:thaw:problem:...`.", examples=["urn:thaw:problem:unknown-user"])
    title: str = Field(description="What kind of error it is, in words.")
    status: int = Field(ge=400, le=599, description="The HTTP status.")
    detail: str = Field(description="What was wrong, and what would be accepted.")
    field: str | None = Field(None, description="The field it is about.")

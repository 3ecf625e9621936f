"""Request and response bodies of items."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, StrictBool

from service.fields import Attributes, Base64File, Body, Id, Moment, Vectors, Words, at_most

MAX_PICTURES = 8
MAX_NAMED = 500
"""Items that one call may ask for by their ids: as many as a list may have."""


class ItemBody(Body):
    """One item to ingest. `title`, `text`, a picture, or attributes or vectors that are read: at least one must say something."""

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
    vectors: Vectors = Field(
        default_factory=dict,
        description="What encoders of your own made of it, by the names and of the lengths that the checkpoint was trained on.",
        examples=[{"sound": [0.25, -0.5, 1.0]}],
    )
    published_at: Moment | None = Field(
        None,
        description="When it came out, RFC 3339 with its zone; null forgets it, and where it is not named it stays.",
        examples=["2026-11-23T18:00:00Z"],
    )
    expires_at: Moment | None = Field(None, description="From when on no list has it any more, RFC 3339 with its zone; likewise.")
    hidden: StrictBool = Field(
        default_factory=bool,  # no default in the document: clients made from it would send it, and show what was hidden by hand
        description="True: no list has it, not even for a moment. False: lists may have it. Where it is not named, a new item "
        "is not hidden, and one that is there stays as it is.",
    )

    def pictures(self) -> tuple[bytes, ...]:
        """The files that came with it."""
        return (*(() if self.image_base64 is None else (self.image_base64,)), *self.images_base64)

    def urls(self) -> tuple[str, ...]:
        """Where its other pictures are."""
        return (*(() if self.image_url is None else (self.image_url,)), *self.image_urls)


class PageQuery(Body):
    """Which part of the catalogue."""

    item_id: Annotated[tuple[Id, ...], at_most(MAX_NAMED)] = Field(
        (),
        max_length=MAX_NAMED,
        description=f"These items alone, in this order, at most {MAX_NAMED}, as one parameter each; those that are not there are "
        "left out. `limit` and `cursor` change nothing beside it.",
        examples=[["mug-17", "mug-18"]],
    )
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

"""Request and response bodies of what and who belongs to an item."""

from pydantic import BaseModel, ConfigDict, Field

from service.http.schemas.items import STATES, State


class SimilarQuery(BaseModel):
    """Which items like it."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    k: int = Field(20, ge=1, le=500, description="How many items at most.")
    cold_only: bool = Field(False, description="Only items that had no interactions in training.")
    filter: str | None = Field(
        None,
        max_length=10_000,
        description="A filter on attributes, as JSON: what `POST /recommend` takes as `filter`.",
        examples=['{"must": [{"attribute": "price", "lte": 20}]}'],
    )


class SimilarItem(BaseModel):
    """An item like it."""

    item_id: str = Field(description="Your id of it.")
    cosine: float = Field(ge=-1.001, le=1.001, description="Of the two items' taste; 1: the same direction.")
    state: State = Field(description=STATES)


class SimilarAnswer(BaseModel):
    """Items like an item."""

    item_id: str = Field(description="What they are like.")
    space: str = Field(description="Version of the checkpoint whose embeddings were compared.")
    items: list[SimilarItem] = Field(description="At most `k`, the likest first; none where the item has no embedding.")


class AudienceQuery(BaseModel):
    """Which users."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    k: int = Field(100, ge=1, le=10_000, description="How many users at most.")
    exclude_seen: bool = Field(True, description="Leave out who had the item in training, or did more with it than look since.")


class AudienceUser(BaseModel):
    """A user of an audience."""

    user_id: str = Field(description="Your id of it.")
    relevance: float = Field(
        description="The item's score, as deviations from the mean of this user's scores over the catalogue."
    )


class AudienceAnswer(BaseModel):
    """The users who are most likely to want an item."""

    item_id: str = Field(description="The item.")
    space: str = Field(description="Version of the checkpoint whose embeddings were compared.")
    users: list[AudienceUser] = Field(description="At most `k`, the likeliest first; none where the item has no embedding.")

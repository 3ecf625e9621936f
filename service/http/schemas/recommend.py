"""Request and response bodies of lists."""

from datetime import timedelta
from typing import Annotated, Any, Literal, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationInfo,
    WithJsonSchema,
    field_validator,
    model_validator,
)
from pydantic.json_schema import SkipJsonSchema

from model.event_types import RATING
from service.events.limit import MAX_EVENTS
from service.fields import Body, EventType, Id, at_most
from service.http.schemas.items import STATES, State
from service.lists.filters import NO_FILTER, AttributeFilter
from service.lists.wish import Reason, Wish
from service.users.history import Deed

MOST_USERS, MOST_EXCLUDED = 256, 1000
MOST_PLACES = MOST_USERS * 50
"""Of all lists of one call together."""


def _read_age(value: object) -> object:
    """A number of seconds that came as text becomes a number; all else is left to pydantic."""
    try:
        return float(value) if isinstance(value, str) else value
    except ValueError:
        return value


def _check_age(value: timedelta) -> timedelta:
    if value <= timedelta(0):
        raise ValueError("it must be more than 0")
    return value


_AGE_SCHEMA = {"anyOf": [{"type": "number", "exclusiveMinimum": 0}, {"type": "string", "format": "duration"}]}
Age = Annotated[timedelta, BeforeValidator(_read_age), AfterValidator(_check_age), WithJsonSchema(_AGE_SCHEMA)]


class _Wishes(Body):
    model_config = ConfigDict(allow_inf_nan=False)

    k: int = Field(20, ge=1, le=500, description="How many items at most.")
    exclude_seen: bool = Field(True, description="Leave out what the user had in training, or did more with than look since.")
    cold_only: bool = Field(False, description="Only items that had no interactions in training: cold and thawing ones.")
    fallback: bool = Field(False, description="Rank for the prior user when this one is unknown, instead of 404.")
    exclude: Annotated[tuple[Id, ...], at_most(MOST_EXCLUDED)] = Field(
        (), max_length=MOST_EXCLUDED, description=f"Ids of items to leave out, at most {MOST_EXCLUDED}; unknown ones do no harm."
    )
    max_age: Age | None = Field(
        None,
        description="Only items published no longer ago, or posted where they have no date of publication: seconds, "
        "or an ISO 8601 duration such as `P7D`.",
        examples=["P7D"],
    )
    min_score: float | None = Field(
        None, ge=-100, le=100, description="Only items of this `relevance` or more; it means the same for every user."
    )
    diversity: float = Field(
        0.0,
        ge=0,
        le=1,
        description="δ of maximal marginal relevance: out of four times k candidates (100 at least, 2,000 at most) that one "
        "comes next whose (1 - δ) r - δ s is highest, r its relevance scaled to [0, 1] over the candidates, s the cosine to "
        "the most similar item before it. 0: the plain order.",
    )
    exploration: float | None = Field(
        None,
        ge=0,
        le=1,
        description="The share of places, evenly spread, for the newest items that the user does not know; each place is "
        "filled by the best scored of ten. Default: THAW_EXPLORATION.",
    )
    tau: float | None = Field(
        None,
        ge=-10,
        le=10,
        description="What a cold item gets on top of its score, in deviations of the user's scores over the catalogue; a "
        "thawing one gets what is left of it. Moves the share of cold items. Default: THAW_TAU, else by `cold_share`.",
    )

    cold_share: float | None = Field(
        None,
        ge=0.02,
        le=0.5,
        description="About which share of the list is cold: sets `tau` by what training measured in the first 20 of a list. "
        "Depends on how many cold items there are. Not read beside `tau`. Default: THAW_COLD_SHARE.",
    )
    explain: bool = Field(False, description="Say of each item how it was fused, and what of the user's own likes it is near to.")

    def to_wish(self, attributes: AttributeFilter | None) -> Wish:
        """As the recommender takes it."""
        return Wish(
            k=self.k,
            exclude_seen=self.exclude_seen,
            cold_only=self.cold_only,
            fallback=self.fallback,
            exclude=self.exclude,
            attributes=NO_FILTER if attributes is None else attributes,
            max_age_seconds=None if self.max_age is None else self.max_age.total_seconds(),
            min_score=self.min_score,
            diversity=self.diversity,
            explain=self.explain,
            exploration=self.exploration,
            tau=self.tau,
            cold_share=self.cold_share,
        )


class RecommendQuery(_Wishes):
    """How to recommend."""

    filter: str | None = Field(
        None,
        max_length=10_000,
        description="A filter on attributes, as JSON: what `POST /recommend` takes as `filter`.",
        examples=['{"must": [{"attribute": "price", "lte": 20}]}'],
    )


class HistoryEvent(Body):
    """Something that somebody did."""

    model_config = ConfigDict(allow_inf_nan=False)

    item_id: Id = Field(description="With which item.")
    event_type: EventType = Field("like", description="What it did; `rating` needs a `value`.")
    value: float | None = Field(None, description="Of a rating, in the unit of training; any finite number.")
    weight: float | None = Field(
        None, ge=-10, le=10, description="In likes, in place of what the type weighs; below 0: it does not want it."
    )

    @model_validator(mode="after")
    def _have_value(self) -> Self:
        if self.event_type == RATING and self.value is None and self.weight is None:
            raise ValueError("a rating needs a `value`")
        return self

    def to_deed(self) -> Deed:
        """As the recommender takes it."""
        return Deed(self.item_id, self.event_type, self.value, self.weight)


class RecommendBody(_Wishes):
    """How to recommend, and to whom: give exactly one of `user_id`, `user_ids` and `history`."""

    user_id: Id | None = Field(None, description="The user to recommend to.")
    user_ids: Annotated[tuple[Id, ...] | None, at_most(MOST_USERS)] = Field(
        None,
        min_length=1,
        max_length=MOST_USERS,
        description=f"Up to {MOST_USERS} users at once; their number times `k` is at most {MOST_PLACES:,}.",
    )
    history: Annotated[tuple[HistoryEvent, ...] | None, at_most(MAX_EVENTS)] = Field(
        None,
        min_length=1,
        max_length=MAX_EVENTS,
        description=f"What somebody whom the service does not know did, the oldest first, at most {MAX_EVENTS} events; it is "
        "not kept. `exclude_seen` leaves its items out.",
    )
    filter: AttributeFilter | None = Field(None, description="Only items whose attributes are so.")

    @field_validator("user_ids")
    @classmethod
    def _have_few_places(cls, user_ids: tuple[str, ...] | None, info: ValidationInfo) -> tuple[str, ...] | None:
        places = len(user_ids or ()) * int(info.data.get("k", 0))
        if places > MOST_PLACES:
            raise ValueError(f"the number of users times `k` is {places:,}, and at most {MOST_PLACES:,} are taken")
        return user_ids

    @model_validator(mode="after")
    def _know_for_whom(self) -> Self:
        given = [name for name in ("user_id", "user_ids", "history") if getattr(self, name) is not None]
        if len(given) != 1:
            raise ValueError("give exactly one of `user_id`, `user_ids` and `history`")
        return self


class NearItem(BaseModel):
    """An item that the user liked."""

    item_id: str = Field(description="Your id of it.")
    cosine: float = Field(ge=-1.001, le=1.001, description="Of the taste of the two items, where they are or were learned.")


class ItemExplanation(BaseModel):
    """What stands behind an item of a list."""

    gate: dict[str, float] = Field(description="Weight of each view of its content; 0 where missing, sum 1.")
    experts: dict[str, dict[str, float]] = Field(
        description="Weights of each view's experts; 0 for one without anything to read, sum 1 where nothing is missing."
    )
    nearest: list[NearItem] = Field(description="Up to three items of the user's own likes, the nearest first.")


class RecommendedItem(BaseModel):
    """One of a list."""

    item_id: str = Field(description="Your id of it.")
    score: float = Field(
        description="Inner product of the embeddings, and what a cold item gets on top; comparable within this list only."
    )
    relevance: float = Field(
        description="The score, as deviations from the mean of this user's scores over the catalogue; comparable between users."
    )
    state: State = Field(description=STATES)
    reason: Reason = Field(
        description="`relevance`: it is ranked for this user. `prior`: for a user of whom nothing is known. `exploration`: "
        "it is new, and had a place kept for it."
    )
    explanation: ItemExplanation | SkipJsonSchema[None] = Field(None, description="Only with `explain`.")


class RecommendAnswer(BaseModel):
    """The items whose embeddings agree most with the user's, best first."""

    user_id: str | None = Field(description="Whom the list is for; null for a history.")
    space: str = Field(description="Version of the checkpoint whose embeddings ranked.")
    source: Literal["user", "prior", "history"] = Field(
        description="Whose embedding ranked: this user's, the prior user's where nothing is known of its taste, or that of "
        "somebody who did what the history says."
    )
    recommendation_id: str = Field(description="Names this list.")
    items: list[RecommendedItem] = Field(description="At most `k`, best first.")
    degraded: bool = Field(description="A cache is out of order: the list is right, and took longer.")
    unknown_item_ids: list[str] | SkipJsonSchema[None] = Field(
        None, description="Only for a history: items of it that were neither posted nor trained on."
    )


class UserProblem(BaseModel):
    """Why there is no list for one of several users."""

    user_id: str = Field(description="Whom it is about.")
    problem: dict[str, Any] = Field(description="As the call for this user alone would answer: `type`, `title`, `status`, ...")


class RecommendManyAnswer(BaseModel):
    """A list for each of several users."""

    space: str = Field(description="Version of the checkpoint whose embeddings ranked.")
    lists: list[RecommendAnswer | UserProblem] = Field(description="In the order of `user_ids`: a list, or why there is none.")

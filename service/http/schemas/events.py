"""Bodies of `/events` and `/users`."""

import time
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, Field, model_validator

from model.event_types import RATING
from service.fields import Body, EventType, Id, Moment
from service.store.event_records import NewEvent

_MOST_AHEAD_SECONDS = 86_400.0


def _check_moment(seconds: float) -> float:
    if not 0 <= seconds <= time.time() + _MOST_AHEAD_SECONDS:
        raise ValueError("it must lie after 1970, and at most a day ahead of this service's clock")
    return seconds


EventMoment = Annotated[Moment, AfterValidator(_check_moment)]


class EventBody(Body):
    """Something that a user did with an item. Neither needs to be known here yet."""

    event_id: Id = Field(
        description="Your id of it; what comes again under the same one counts once, as long as it is kept.",
        examples=["order-7-1"],
    )
    user_id: Id = Field(description="Who did it: 1 to 256 bytes of UTF-8.", examples=["anna"])
    item_id: Id = Field(description="With which item: 1 to 256 bytes of UTF-8.", examples=["mug-17"])
    event_type: EventType = Field(description="What was done. `impression`: the user was shown it.")
    value: float | None = Field(
        None, ge=-1e9, le=1e9, allow_inf_nan=False, description="Of a rating, in your own unit; kept and not read for others."
    )
    timestamp: EventMoment | None = Field(
        None, description="When it happened, RFC 3339 with its zone; now, if it is left out.", examples=["2026-01-31T12:00:00Z"]
    )
    recommendation_id: Id | None = Field(None, description="Of the list that the item was shown in, as `/recommend` gave it.")

    @model_validator(mode="after")
    def _needs_value(self) -> "EventBody":
        if self.event_type == RATING and self.value is None:
            raise ValueError("a rating needs a value")
        return self

    def to_event(self, now: float) -> NewEvent:
        """As the store takes it."""
        moment = now if self.timestamp is None else self.timestamp
        return NewEvent(self.event_id, self.user_id, self.item_id, self.event_type, moment, self.value, self.recommendation_id)


class EventOutcome(BaseModel):
    """What became of one event."""

    event_id: str | None = Field(description="Its id; null where it has none that can be read.")
    status: Literal["accepted", "duplicate", "erased", "invalid"] = Field(
        description="`accepted`: kept for good. `duplicate`: its id was there before; it counts once. `erased`: older than its "
        "user's erasure, not kept. `invalid`: not kept, for the reason in `detail`."
    )
    field: str | None = Field(None, description="Of an invalid one: the field it is about.")
    detail: str | None = Field(None, description="Of an invalid one: what was wrong, and what would be accepted.")


class EventsAnswer(BaseModel):
    """What became of each event, in the order in which they came."""

    events: list[EventOutcome] = Field(description="One each.")
    counts: dict[str, int] = Field(description="How many there are of each status.")


class UserAnswer(BaseModel):
    """What is held of a user."""

    user_id: str = Field(description="Your id of it.")
    known_to_checkpoint: bool = Field(description="Whether the serving checkpoint was trained on the user, who was not erased.")
    events: int = Field(description="How many events are kept.")
    counts: dict[str, int] = Field(description="Kept events by type.")
    last_event: str | None = Field(description="When the newest happened: UTC, ISO 8601.")
    erased_at: str | None = Field(description="When the user was last erased: UTC, ISO 8601. Nothing older is used.")
    space: str = Field(description="Version of the checkpoint that serves.")

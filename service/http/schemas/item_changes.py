"""Bodies of calls that change items or bring many of them."""

from typing import Annotated, Any, Self

from pydantic import AfterValidator, BaseModel, Field, StrictBool, model_validator

from service.fields import Body, Moment, Words, at_most, check_attributes
from service.http.schemas.problem import ProblemAnswer
from service.items.drafts import ItemChanges

MAX_BATCH_ITEMS = 1000


class ItemPatch(Body):
    """What shall be different about an item; what is left out stays as it is."""

    title: Words = Field("", max_length=1000, description="Its new name.")
    text: Words = Field("", max_length=100_000, description="What is said of it now.")
    attributes: Annotated[dict[str, Any], AfterValidator(check_attributes), at_most(1000)] = Field(
        default_factory=dict,
        description="Merged into what it has; null removes one. At most 100 remain, of 100,000 characters together.",
        examples=[{"price": 9.5, "season": None}],
    )
    hidden: StrictBool = Field(False, description="True: no list has it any more. False: lists may have it again.")
    hidden_reason: Words = Field("", max_length=200, description="Why it is hidden; only beside `hidden`: true.")
    published_at: Moment | None = Field(None, description="When it came out, RFC 3339 with its zone; null forgets it.")
    expires_at: Moment | None = Field(
        None, description="From when on no list has it any more, RFC 3339 with its zone; null: never."
    )

    @model_validator(mode="after")
    def _reason_goes_with_hidden(self) -> Self:
        if self.hidden_reason and not self.hidden:
            raise ValueError("`hidden_reason` is accepted only beside `hidden`: true")
        return self

    def to_changes(self) -> ItemChanges:
        """Only what was sent."""
        sent = {name: getattr(self, name) for name in self.model_fields_set - {"attributes", "hidden_reason"}}
        if "hidden" in sent:
            sent["hidden_reason"] = self.hidden_reason
        return ItemChanges(sent, self.attributes)


class BatchResult(BaseModel):
    """What became of one item of a batch."""

    index: int = Field(ge=0, description="Its place in the batch, from 0; in NDJSON blank lines do not count.")
    item_id: str | None = Field(description="Its id; null where none could be read.")
    status: int = Field(description="201 new, 200 replaced or as it was; else the problem's.")
    problem: ProblemAnswer | None = Field(None, description="Why it was refused; not there where it was taken.")


class BatchAnswer(BaseModel):
    """What became of a batch's items, in their order."""

    results: list[BatchResult] = Field(description="One for each item, in the batch's order.")
    created: int = Field(ge=0, description="Items that are new.")
    replaced: int = Field(ge=0, description="Items that were there before.")
    refused: int = Field(ge=0, description="Items that were not taken.")

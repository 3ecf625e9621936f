"""The body of a call that changes an item."""

from typing import Annotated, Any, Self

from pydantic import AfterValidator, Field, StrictBool, model_validator

from service.fields import Body, Moment, Words, at_most, check_attributes
from service.items.drafts import ItemChanges


class ItemPatch(Body):
    """What shall be different about an item; what is left out stays as it is."""

    # Made by factories, so that the document names no defaults: clients made from it would send them, and empty what was there.
    title: Words = Field(default_factory=str, max_length=1000, description="Its new name.")
    text: Words = Field(default_factory=str, max_length=100_000, description="What is said of it now.")
    attributes: Annotated[dict[str, Any], AfterValidator(check_attributes), at_most(1000)] = Field(
        default_factory=dict,
        description="Merged into what it has; null removes one. At most 100 remain, of 100,000 characters together.",
        examples=[{"price": 9.5, "season": None}],
    )
    hidden: StrictBool = Field(default_factory=bool, description="True: no list has it any more. False: lists may have it again.")
    hidden_reason: Words = Field(default_factory=str, max_length=200, description="Why it is hidden; only beside `hidden`: true.")
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

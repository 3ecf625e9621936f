"""What a batch of items is answered with, and how many items it may have."""

from pydantic import BaseModel, Field

from service.http.schemas.problem import ProblemAnswer

MAX_BATCH_ITEMS = 1000


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

"""The body of an error's answer."""

from pydantic import BaseModel, Field


class ProblemAnswer(BaseModel):
    """An error, as RFC 9457 has it."""

    type: str = Field(description="Stable: `urn:thaw:problem:...`.", examples=["urn:thaw:problem:unknown-user"])
    title: str = Field(description="What kind of error it is, in words.")
    status: int = Field(ge=400, le=599, description="The HTTP status.")
    detail: str = Field(description="What was wrong, and what would be accepted.")
    field: str | None = Field(None, description="The field it is about.")

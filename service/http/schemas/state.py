"""Answers about the service itself."""

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field


class LiveAnswer(BaseModel):
    """The process answers."""

    status: Literal["alive"] = Field(description="Always `alive`: else there is no answer.")


class ReadyAnswer(BaseModel):
    """The service answers for its store and its index."""

    status: Literal["ready"] = Field(description="Always `ready`: else the answer is a problem, 503.")
    space: str = Field(description="Version of the checkpoint that serves.", examples=["cbfb09387638"])
    items: int = Field(ge=0, description="Items that can be recommended.")
    unplaced_items: int = Field(
        ge=0, description="Items in the store of which this checkpoint can read nothing: post them again."
    )
    degraded: bool = Field(description="A cache is out of order: answers are right, and take longer.")


class ServedEncoder(BaseModel):
    """One encoder as it serves."""

    name: str = Field(description="As `--encoder` chooses it in training.")
    fingerprint: str = Field(description="Hash of its files and its preprocessing: what makes it the encoder of training.")
    dim: int = Field(ge=1, description="Numbers in one of its feature vectors.")
    backend: str = Field(description="What computes it here.")


class SwapAnswer(BaseModel):
    """How the last swap of checkpoints is going, or went; the old one serves until it is done."""

    state: Literal["idle", "verifying", "embedding", "catching_up", "done", "failed"] = Field(
        description="`idle`: there was none since the start. `failed`: the old checkpoint serves on, `error` says why."
    )
    checkpoint: str | None = Field(description="The directory, as it was given; null when idle.")
    space: str | None = Field(description="Its version; null when idle.")
    done: int = Field(ge=0, description="Items that were embedded in the new space.")
    total: int = Field(ge=0, description="Items that there were when embedding began.")
    error: str | None = Field(description="Why it failed; null otherwise.")


class SwapBody(BaseModel):
    """Which checkpoint shall take over."""

    model_config = ConfigDict(extra="forbid")

    checkpoint: str = Field(
        min_length=1,
        max_length=4096,
        description="Path of a checkpoint directory, as the service sees it.",
        examples=["/checkpoints/2"],
    )


class ModelAnswer(BaseModel):
    """The checkpoint that serves: what it was trained on, with which encoders, and how good it was."""

    space: str = Field(description="Its version: a hash of its manifest.", examples=["cbfb09387638"])
    recipe: dict[str, Any] = Field(description="The recipe's name, its every number, and how healthy its mixture was.")
    network: dict[str, Any] = Field(description="The network's shape: width, views, experts.")
    encoders: dict[str, ServedEncoder] = Field(description="By modality.")
    fields: dict[str, list[str]] = Field(description="By modality: the fields of an item that it reads, if any.")
    missing_policy: str = Field(description="What becomes of a missing modality.")
    dataset: dict[str, Any] = Field(description="Fingerprint and counts of the training data.")
    events_through: int | None = Field(description="Where training's events end; null for other data.")
    metrics: dict[str, Any] = Field(description="How well it ranked held-out cold items: each in [0, 1] but the counts.")
    libraries: dict[str, str] = Field(description="Versions of the libraries that trained it.")
    users: int = Field(ge=0, description="Users that it knows.")
    swap: SwapAnswer = Field(description="How the last `POST /admin/model` is going, or went.")

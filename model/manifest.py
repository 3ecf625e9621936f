"""A checkpoint's manifest: what was trained, on what, with which encoders, and how good it was."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Self

from model.config import MamexConfig
from model.encoders.spec import EncoderSpec
from model.errors import CheckpointFormat
from model.event_types import Liking

FORMAT_VERSION = 5
MISSING_POLICY = "masked: experts and views that have nothing to read have weight 0, and the gate's other views sum to 1"


@dataclass(frozen=True, slots=True)
class EncoderRecord:
    """Which encoder a modality was trained with."""

    name: str
    """As `make_encoder` takes it."""
    fields: tuple[str, ...]
    """What it reads of an item: `title`, `text`, names of attributes. Pictures have none, or any in old checkpoints."""
    spec: EncoderSpec
    backend: str


@dataclass(frozen=True, slots=True)
class Manifest:
    """
    Everything about a checkpoint but its numbers.

    Nothing in it depends on the time or the machine's name, so that the same training gives the same version.
    """

    recipe: Mapping[str, Any]
    """Its name, and every number that it was run with."""
    network: MamexConfig
    encoders: Mapping[str, EncoderRecord]
    """By modality."""
    dataset: Mapping[str, Any]
    """Fingerprint and counts."""
    metrics: Mapping[str, Any]
    libraries: Mapping[str, str]
    events_through: int | None = None
    """The last event that training saw, when it was trained from a service's export."""
    store_id: str | None = None
    """Of the store whose number `events_through` is; None where that was not kept."""
    files: Mapping[str, str] = field(default_factory=dict)
    """SHA-256 of every other file, by name."""
    format_version: int = FORMAT_VERSION
    missing_policy: str = MISSING_POLICY

    @property
    def liking(self) -> Liking:
        """What counted as a positive in training."""
        return Liking.of(self.dataset)

    @property
    def specs(self) -> dict[str, EncoderSpec]:
        """The encoders' specs, by modality."""
        return {name: record.spec for name, record in self.encoders.items()}

    @property
    def fields(self) -> dict[str, tuple[str, ...]]:
        """What each encoder reads of an item, by modality."""
        return {name: record.fields for name, record in self.encoders.items()}

    def to_bytes(self) -> bytes:
        """As the file holds it: sorted, indented JSON; without `store_id` where there is none, as before there was any."""
        fields = {name: value for name, value in asdict(self).items() if name != "store_id" or value is not None}
        return (json.dumps(fields, indent=1, sort_keys=True, allow_nan=False) + "\n").encode()

    @property
    def version(self) -> str:
        """The space that embeddings of this checkpoint live in: 12 hexadecimal digits."""
        return hashlib.sha256(self.to_bytes()).hexdigest()[:12]

    @classmethod
    def of_bytes(cls, data: bytes) -> Self:
        """
        Raises:
            CheckpointFormat: naming the field that this version does not read.
        """
        try:
            fields = json.loads(data)
            version = fields["format_version"]
        except (ValueError, KeyError, TypeError) as error:
            raise CheckpointFormat("manifest", expected="a JSON object with format_version", got=str(error)) from error
        if version != FORMAT_VERSION:
            raise CheckpointFormat("format_version", expected=FORMAT_VERSION, got=version)
        try:
            network = MamexConfig.read(fields["network"])
            # JSON's keys are sorted; the network's order is the one that counts.
            encoders = {name: _read_encoder(fields["encoders"][name]) for name in network.modality_names}
            return cls(**{**fields, "encoders": encoders, "network": network})
        except (TypeError, KeyError, AttributeError) as error:
            raise CheckpointFormat("manifest", expected="the fields of this version", got=str(error)) from error


def _read_encoder(record: Mapping[str, Any]) -> EncoderRecord:
    return EncoderRecord(record["name"], tuple(record["fields"]), EncoderSpec.read(record["spec"]), record["backend"])

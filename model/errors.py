"""
All that Thaw raises on purpose, and what belongs to the model.

ProjectError
├── ContentError              an item's content cannot be used
│   ├── NothingPresent            no picture, words, attributes or vectors
│   ├── UnreadableImage           not a picture, truncated, or of a format we do not read
│   ├── ImageTooLarge             more pixels than the limit
│   ├── UnusableVector            a vector has another length, or no direction
│   ├── ImageUrlRefused           a picture's URL is not one that we ask
│   └── ImageFetchFailed          no picture came from it
├── EncoderError              an encoder cannot be made or trusted
│   ├── EncoderUnavailable        its package or folder is not there
│   ├── FileHashMismatch          its bytes are not the ones we know
│   ├── EncoderMismatch           it is not the encoder that the checkpoint was trained with
│   └── ProbeMismatch             it encodes the checkpoint's probes differently
├── CheckpointError           a checkpoint cannot be read or written
│   ├── CheckpointMissing         no checkpoint there
│   ├── CheckpointUnreadable      this process cannot read what is there
│   ├── CheckpointCorrupt         a file is missing or its hash differs
│   ├── CheckpointFormat          a part of it does not fit this version
│   ├── CheckpointExists          something is already there
│   └── CheckpointUnwritable      there is no folder to write it to
├── EventError                an event, or a typed interaction, says nothing that we know
│   ├── UnknownEventType          its type is none of ours
│   └── EventWithoutValue         a rating has no value
├── DimensionMismatch         an array has the wrong width
└── ColdItemInTraining        something cold reached a loss or the sampler

The service's own errors are in service/errors.py, training's in training/errors.py.
"""

from collections.abc import Sequence
from pathlib import Path


class ProjectError(Exception):
    """The root of all that Thaw raises on purpose."""

    field: str | None = None
    """The field of a request, a row or an item that it is about; None where it is about no single one."""


class ContentError(ProjectError):
    """An item's content cannot be used; `field` names the part."""

    field = "content"


class NothingPresent(ContentError):
    """The item has no modality at all."""

    def __init__(self) -> None:
        super().__init__("the item has no picture, no words, no attribute that is read and no vector: give at least one of them")


class UnreadableImage(ContentError):
    """The bytes are not a picture that can be decoded."""

    field = "image"

    def __init__(self, reason: str) -> None:
        self.reason = reason
        super().__init__(f"the picture cannot be read: {reason}; a whole JPEG, PNG or WebP file is accepted")


class ImageTooLarge(ContentError):
    """The picture has more pixels than the limit; nothing of it was decoded. `pixels`: None where they were not counted."""

    field = "image"

    def __init__(self, *, pixels: int | None, limit: int) -> None:
        self.pixels, self.limit = pixels, limit
        counted = "too many" if pixels is None else f"{pixels:,}"
        super().__init__(f"the picture has {counted} pixels, over the limit of {limit:,}")


class UnusableVector(ContentError):
    """A vector that came with an item is not what the encoder of its modality makes."""

    field = "vectors"

    def __init__(self, modality: str, reason: str) -> None:
        self.modality = modality
        super().__init__(f"the vector {modality!r} cannot be used: {reason}")


class ImageUrlRefused(ContentError):
    """A picture's URL, or one that it redirects to, is not one that we ask; nothing was sent to it."""

    field = "image_url"

    def __init__(self, host: str, reason: str) -> None:
        self.host, self.reason = host, reason
        super().__init__(f"the picture's URL{f' at {host}' if host else ''} is refused: {reason}")


class ImageFetchFailed(ContentError):
    """No picture came from a URL; another try may do. `answered`: the host did answer, with something else."""

    field = "image_url"

    def __init__(self, host: str, reason: str, *, answered: bool = False) -> None:
        self.host, self.reason, self.answered = host, reason, answered
        super().__init__(f"the picture was not fetched from {host}: {reason}")


class EncoderError(ProjectError):
    """An encoder cannot be made or trusted."""


class EncoderUnavailable(EncoderError):
    """What the encoder needs is not on this machine."""

    def __init__(self, encoder: str, reason: str) -> None:
        self.encoder, self.reason = encoder, reason
        super().__init__(f"the encoder {encoder!r} cannot be made: {reason}")


class FileHashMismatch(EncoderError):
    """A file of weights is not the file we know."""

    def __init__(self, path: Path, *, expected: str, got: str) -> None:
        self.path, self.expected, self.got = path, expected, got
        super().__init__(f"{path.name} has SHA-256 {got}, expected {expected}: the package is not the one Thaw was built on")


class EncoderMismatch(EncoderError):
    """The encoder here differs from the checkpoint's in `part` of its spec."""

    def __init__(self, modality: str, part: str, *, expected: object, got: object) -> None:
        self.modality, self.part, self.expected, self.got = modality, part, expected, got
        super().__init__(
            f"the {modality} encoder's {part} is {got!r}, the checkpoint was trained with {expected!r}: "
            "serve with the encoder of training, or train again"
        )


class ProbeMismatch(EncoderError):
    """The encoder has the right fingerprint and gives other features."""

    def __init__(self, modality: str, *, cosine: float, limit: float) -> None:
        self.modality, self.cosine, self.limit = modality, cosine, limit
        super().__init__(
            f"the {modality} encoder gives the checkpoint's probes at cosine {cosine:.6f}, below {limit}: "
            "its libraries or device compute something else than in training"
        )


class CheckpointError(ProjectError):
    """A checkpoint cannot be read or written."""


class CheckpointMissing(CheckpointError):
    """There is no checkpoint at the path."""

    def __init__(self, path: Path) -> None:
        self.path = path
        super().__init__(f"no checkpoint at {path}: it holds no manifest.json; `thaw train` makes one")


class CheckpointCorrupt(CheckpointError):
    """A file of the checkpoint is missing or damaged."""

    def __init__(self, path: Path, file: str, reason: str) -> None:
        self.path, self.file, self.reason = path, file, reason
        super().__init__(f"the checkpoint at {path} is damaged: {file} {reason}")


class CheckpointUnreadable(CheckpointError):
    """There may be a checkpoint, and this process cannot read it."""

    def __init__(self, path: Path, reason: str) -> None:
        self.path = path
        super().__init__(f"the checkpoint at {path} cannot be read: {reason}")


class CheckpointFormat(CheckpointError):
    """`part` of the manifest, or of a file, is not what this version reads."""

    def __init__(self, part: str, *, expected: object, got: object) -> None:
        self.part, self.expected, self.got = part, expected, got
        super().__init__(f"the checkpoint's {part} is {got!r}, expected {expected!r}")


class CheckpointExists(CheckpointError):
    """The path already holds something; it was left as it is."""

    def __init__(self, path: Path, *, overwrite: bool = False) -> None:
        self.path = path
        if overwrite:
            super().__init__(f"{path} holds something, and no checkpoint, which --overwrite leaves alone: choose another --out")
        else:
            super().__init__(f"{path} already exists: choose another --out, or pass --overwrite to replace a checkpoint")


class CheckpointUnwritable(CheckpointError):
    """There is no folder in which a checkpoint could be written."""

    def __init__(self, path: Path, place: Path) -> None:
        self.path = path
        super().__init__(f"no checkpoint can be written at {path}: {place} is no folder that this process may write to")


class EventError(ProjectError):
    """An event says nothing that we know; `field` names the part."""

    field = "event_type"


class UnknownEventType(EventError):
    """The event's type is none of ours."""

    def __init__(self, event_type: str, accepted: Sequence[str]) -> None:
        self.event_type, self.accepted = event_type, tuple(accepted)
        super().__init__(f"there is no event type {event_type!r}: {', '.join(accepted)} are accepted")


class EventWithoutValue(EventError):
    """An event whose weight is its value has none."""

    field = "value"

    def __init__(self, event_type: str) -> None:
        self.event_type = event_type
        super().__init__(f"an event of the type {event_type!r} needs a value: a finite number")


class DimensionMismatch(ProjectError):
    """An array has another width than what it is put into."""

    def __init__(self, *, expected: int, got: int) -> None:
        self.expected, self.got = expected, got
        super().__init__(f"expected {expected} dimensions, got {got}")


class ColdItemInTraining(ProjectError):
    """A cold item reached a loss or the sampler: its numbers would be worthless."""

    def __init__(self, rows: list[int]) -> None:
        self.rows = rows
        shown = ", ".join(map(str, rows[:5]))
        super().__init__(
            f"{len(rows)} cold item(s) reached training, rows {shown}: nothing about a cold item may be learned from"
        )

"""
The errors of serving; service/http/edge/problems.py says what each becomes.

ProjectError (model/errors.py)
├── ContentError …            what is wrong with an item's content: 422
├── EventError …              what is wrong with an event of a history: 422
├── CheckpointError …         the checkpoint of a swap cannot be read: 422
└── ServiceError
    ├── BadRequest                the request is not of the form: `field` says where
    │   ├── MalformedBody             not JSON, or not multipart
    │   ├── InvalidField              a field's value is refused
    │   └── UnsupportedContentType    none that the route reads
    ├── BodyTooLarge              more bytes than the limit
    ├── BodyTooSlow               the body did not arrive in time
    ├── AccessError               the caller may not do this
    │   ├── UnknownKey                no API key came, or none that is known
    │   ├── NotAllowed                the key's right is too low
    │   ├── ForeignPage               a page of another host, and no key to tell friends by
    │   └── AdminOff                  no admin key is set
    ├── UnknownItem, UnknownUser  nothing is held under this id
    ├── NoThumbnail               the item has no picture
    ├── PreconditionFailed        the item is not as the client knows it
    ├── SwapRunning               another checkpoint is being swapped in already
    ├── SpaceChanged              a checkpoint was swapped in meanwhile; caught, and done again in the new space
    ├── Overloaded                a queue is full: try again
    ├── Closing                   the service is stopping
    ├── StoreUnavailable          the store cannot write or read
    │   └── RowDamaged                a row of it is not as it was written
    ├── OutOfStep                 the index did not follow the store: lists may be wrong
    ├── StoreInUse                another process serves from this store
    ├── SettingsError             a THAW_ variable has a bad value
    └── CallFailed, DemoFailed, ExportRefused, RetrainFailed, SyncRefused
                                  raised by commands alone, and each defined where it is raised
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from model.errors import ProjectError


class ServiceError(ProjectError):
    """The root of what the service raises on purpose."""

    retry_after_seconds: int | None = None
    """When another try may do; None where it is not known that one will."""
    challenge: str | None = None
    """What the answer's `WWW-Authenticate` says."""


class BadRequest(ServiceError):
    """The request is not of the form."""


class MalformedBody(BadRequest):
    """The body cannot be parsed."""

    field = "body"

    def __init__(self, reason: str) -> None:
        super().__init__(f"the body cannot be read: {reason}")


class InvalidField(BadRequest):
    """One field's value is refused."""

    def __init__(self, field: str, reason: str) -> None:
        self.field, self.reason = field, reason
        super().__init__(f"{field}: {reason}")


class UnsupportedContentType(BadRequest):
    """The body is of a type that this route does not read."""

    field = "content-type"

    def __init__(self, got: str, accepted: Sequence[str]) -> None:
        self.got, self.accepted = got, tuple(accepted)
        super().__init__(f"the content type is {got!r}: accepted is {' or '.join(accepted)}")


@dataclass(frozen=True, slots=True)
class Unreadable:
    """What stands among items where an item should, or among events where an event should."""

    id: str | None
    """Its item id or event id; None where it has none that can be read."""
    error: BadRequest


class BodyTooLarge(ServiceError):
    """The body has more bytes than the limit; it was not read to its end."""

    field = "body"

    def __init__(self, limit: int, whose: str = "THAW_MAX_BODY_BYTES") -> None:
        self.limit = limit
        super().__init__(f"the body is over the limit of {limit:,} bytes ({whose})")


class BodyTooSlow(ServiceError):
    """The body did not arrive in time."""

    field = "body"

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        super().__init__(f"the body did not arrive within {seconds:g} seconds")


class AccessError(ServiceError):
    """The caller may not do this; nothing was read or changed."""


class UnknownKey(AccessError):
    """No API key came with the request, or none that is known."""

    challenge = 'Bearer realm="thaw"'

    def __init__(self, *, came: bool) -> None:
        self.came = came
        told = "the API key is not known here" if came else "this call needs an API key"
        super().__init__(f"{told}: send one as `Authorization: Bearer KEY` or `X-API-Key: KEY`")


class NotAllowed(AccessError):
    """The key's right is too low for the call."""

    def __init__(self, *, needed: str, held: str) -> None:
        self.needed, self.held = needed, held
        super().__init__(f"this call needs a key with the right to {needed}, and the one that came may only {held}")


class ForeignPage(AccessError):
    """A browser sent this for a page of another host, and there is no API key that would tell whether it may."""

    def __init__(self, reason: str) -> None:
        super().__init__(f"{reason} while there is no API key: set THAW_READ_KEYS and THAW_WRITE_KEYS")


class AdminOff(AccessError):
    """Admin calls are switched off: no admin key is set."""

    def __init__(self) -> None:
        super().__init__("admin calls are off until the service is started with an admin key: set THAW_ADMIN_KEYS")


class UnknownItem(ServiceError):
    """No item of this id was posted."""

    field = "item_id"

    def __init__(self, item_id: str) -> None:
        self.item_id = item_id
        super().__init__(f"no item {item_id!r} was posted")


class NoThumbnail(ServiceError):
    """The item is there and has no picture."""

    field = "item_id"

    def __init__(self, item_id: str) -> None:
        self.item_id = item_id
        super().__init__(f"the item {item_id!r} was posted without a picture, or before thumbnails were kept")


class PreconditionFailed(ServiceError):
    """The item is not as the client knows it; nothing was written."""

    def __init__(self, item_id: str, *, there: bool) -> None:
        self.item_id, self.there = item_id, there
        state = "has changed since, or must not exist" if there else "is not there"
        super().__init__(f"the item {item_id!r} {state} (If-Match, If-None-Match): read it again for its ETag of now")


class SwapRunning(ServiceError):
    """Another checkpoint is being swapped in already; it goes on."""

    def __init__(self, checkpoint: str) -> None:
        self.checkpoint = checkpoint
        super().__init__(f"{checkpoint} is being swapped in: wait until GET /model says that it is done")


class SpaceChanged(ServiceError):
    """A checkpoint was swapped in after the item was embedded; nothing was written."""

    retry_after_seconds = 1

    def __init__(self, space: str) -> None:
        self.space = space
        super().__init__(f"the space {space} serves now")


class UnknownUser(ServiceError):
    """Nothing is known of this user."""

    field = "user_id"

    def __init__(self, user_id: str) -> None:
        self.user_id = user_id
        super().__init__(
            f"the user {user_id!r} has no events and is not in the checkpoint; fallback=true ranks for the prior user instead"
        )


class Overloaded(ServiceError):
    """A queue is full; nothing was taken."""

    retry_after_seconds = 1

    def __init__(self, queue: str, *, waiting: int) -> None:
        self.queue, self.waiting = queue, waiting
        super().__init__(f"{waiting} requests already wait for {queue}: try again in a second")


class Closing(ServiceError):
    """The service is stopping; nothing was taken."""

    retry_after_seconds = 5

    def __init__(self, queue: str) -> None:
        super().__init__(f"the service is stopping and {queue} takes no more work")


class StoreUnavailable(ServiceError):
    """The store cannot be read or written; nothing was acknowledged."""

    retry_after_seconds = 5

    def __init__(self, reason: str) -> None:
        self.reason = reason
        super().__init__(f"the store does not answer: {reason}")


class RowDamaged(StoreUnavailable):
    """A row of the store is not as it was written."""

    _WAYS_OUT: Mapping[str, str] = {
        "items": "write its column attributes anew, such as {}",
        "embeddings": "delete that row (the next start makes it anew)",
        "features": "delete that row and post the item again",
    }

    def __init__(self, table: str, item_id: str, reason: str) -> None:
        self.table, self.item_id = table, item_id
        way_out = f"restore a backup, or {self._WAYS_OUT[table]}"
        super().__init__(f"the row of item {item_id!r} in table {table} is damaged, {reason}: {way_out}")


class OutOfStep(ServiceError):
    """Something is in the store that the index could not take in; lists may be wrong."""

    retry_after_seconds = 5

    def __init__(self) -> None:
        super().__init__("the index did not follow the store, as the log says: restart the service, which builds it anew")


class StoreInUse(ServiceError):
    """Another process holds the store."""

    def __init__(self, path: str) -> None:
        self.path = path
        super().__init__(f"another process serves from {path}: stop it, or set THAW_STORE_URL to another place")


class SettingsError(ServiceError):
    """A setting has a bad value."""

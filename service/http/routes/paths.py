"""Ids of items and users in paths."""

from fastapi import Request

from service.errors import InvalidField
from service.fields import check_id


def require_id(field: str, value: str) -> str:
    """
    An id as it is.

    Raises:
        InvalidField: the value is no id.
    """
    try:
        return check_id(value)
    except ValueError as error:
        raise InvalidField(field, str(error)) from error


def is_part_of_id(request: Request, ending: str) -> bool:
    """Whether the client wrote a path's ending in percent-encoding, as it does inside an item id."""
    raw: bytes = request.scope.get("raw_path") or request.url.path.encode()
    return not raw.partition(b"?")[0].endswith(ending.encode())

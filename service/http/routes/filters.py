"""A filter in a query's parameter."""

from service.errors import InvalidField
from service.lists.filters import NO_FILTER, AttributeFilter, read_filter


def parse_filter(text: str | None) -> AttributeFilter:
    """
    Raises:
        InvalidField: it is no filter; names the attribute and the operator.
    """
    try:
        return NO_FILTER if text is None else read_filter(text)
    except ValueError as error:
        raise InvalidField("filter", str(error)) from error

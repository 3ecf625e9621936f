"""Filters on attributes, as requests write them."""

import math
import sys
from functools import lru_cache
from typing import Annotated, Any, Self

from pydantic import (
    AfterValidator,
    Field,
    ValidationError,
    WithJsonSchema,
    model_validator,
)

from service.fields import Body, at_most, check_words
from service.index.where import Between, Condition, OneOf, Where

_BOUNDS = ("gte", "gt", "lte", "lt")
_OPERATORS = ("equals", "any_of", *_BOUNDS)
_MOST_CONDITIONS, _MOST_VALUES = 64, 1000
_SHORT = 500  # characters
_SCALAR = {"type": ["string", "number", "boolean", "null"]}
_Value = Annotated[Any, WithJsonSchema(_SCALAR)]
_Values = Annotated[Any, WithJsonSchema({"type": "array", "items": _SCALAR, "minItems": 1, "maxItems": _MOST_VALUES})]
_Bound = Annotated[Any, WithJsonSchema({"type": "number"})]


class AttributeCondition(Body):
    """What an attribute must be: `equals`, or `any_of`, or within bounds; bounds may be combined."""

    attribute: Annotated[str, AfterValidator(check_words)] = Field(description="Its name.", examples=["price"])
    equals: _Value = Field(
        None,
        description='This value and of this type: 12 equals 12.0, and neither "12" nor true. null: the item lacks it.',
    )
    any_of: _Values = Field(None, description="One of these, as by `equals`.")
    gte: _Bound = Field(None, description="A number, and this or more. Finite; an item without a number there is left out.")
    gt: _Bound = Field(None, description="A number, and more than this.")
    lte: _Bound = Field(None, description="A number, and this or less.")
    lt: _Bound = Field(None, description="A number, and less than this.")

    @model_validator(mode="before")
    @classmethod
    def _know_operators(cls, fields: Any) -> Any:
        if not isinstance(fields, dict):
            return fields
        unknown = [name for name in fields if name != "attribute" and name not in _OPERATORS]
        if unknown:
            _refuse(fields.get("attribute"), f"there is no operator {str(unknown[0])!r}; {', '.join(_OPERATORS)} are accepted")
        return fields

    @model_validator(mode="after")
    def _make_sense(self) -> Self:
        given = [name for name in _OPERATORS if name in self.model_fields_set]
        bounds = [name for name in given if name in _BOUNDS]
        if not given or (len(given) > 1 and len(bounds) != len(given)):
            _refuse(self.attribute, "give `equals`, or `any_of`, or bounds among `gte`, `gt`, `lte` and `lt`")
        for name in bounds:
            if not _is_bound(getattr(self, name)):
                _refuse(self.attribute, f"`{name}` takes a finite number, not {getattr(self, name)!r}")
        if "equals" in given and not _is_scalar(self.equals):
            _refuse(self.attribute, "`equals` takes a string, a finite number, true, false or null")
        if "any_of" in given and not _are_scalars(self.any_of):
            _refuse(self.attribute, f"`any_of` takes a list of 1 to {_MOST_VALUES} strings, finite numbers, true, false or null")
        return self

    def __eq__(self, other: object) -> bool:
        """Whether it lets the same items through: 1 and true are equal to Python, and two values here."""
        if not isinstance(other, AttributeCondition):
            return NotImplemented
        return super().__eq__(other) and self._kinds() == other._kinds()

    def __hash__(self) -> int:
        return hash((self.attribute, self.equals, tuple(self.any_of or ()), self.gte, self.gt, self.lte, self.lt))

    def _kinds(self) -> list[type]:
        return [type(value) for value in (self.equals, *(self.any_of or ()))]

    def to_condition(self) -> Condition:
        """As the index takes it."""
        if "equals" in self.model_fields_set:
            return OneOf(self.attribute, (self.equals,))
        if "any_of" in self.model_fields_set:
            return OneOf(self.attribute, tuple(self.any_of))
        return Between(self.attribute, self.gte, self.gt, self.lte, self.lt)


_Conditions = Annotated[tuple[AttributeCondition, ...], Field(max_length=_MOST_CONDITIONS), at_most(_MOST_CONDITIONS)]


class AttributeFilter(Body):
    """
    Which items a list may have, by their attributes. Lists are as long and as good as if no other item were there.

    `should` is a condition, not a wish: at least one of it must hold, also beside `must` (as in Qdrant; in
    Elasticsearch's words, `minimum_should_match` is 1).
    """

    must: _Conditions = Field((), description="All of these hold.")
    should: _Conditions = Field((), description="At least one of these holds, where there are any.")
    must_not: _Conditions = Field((), description="None of these holds.")

    def count_values(self) -> int:
        """How many values and pairs of bounds items are compared with."""
        conditions = (*self.must, *self.should, *self.must_not)
        return sum(1 if condition.any_of is None else len(condition.any_of) for condition in conditions)

    def to_where(self, since: float | None) -> Where | None:
        """
        As the index takes it; None where nothing is asked.

        Args:
            since: seconds since 1970; only items published then or later.
        """
        must, should, must_not = (
            tuple(condition.to_condition() for condition in group) for group in (self.must, self.should, self.must_not)
        )
        where = Where(must, should, must_not, since)
        return None if where == Where() else where


NO_FILTER = AttributeFilter()


def read_filter(text: str) -> AttributeFilter:
    """
    A filter from a query's parameter.

    Short ones that came lately are not read again: all lists of a shop may have the same one.

    Raises:
        ValueError: it is no filter; names the attribute and the operator.
    """
    return _kept_filter(text) if len(text) <= _SHORT else _read_filter(text)


def _read_filter(text: str) -> AttributeFilter:
    try:
        return AttributeFilter.model_validate_json(text)
    except ValidationError as error:
        first = error.errors()[0]
        where = "".join(f"{part}: " for part in map(str, first["loc"]))
        raise ValueError(where + str(first["msg"]).removeprefix("Value error, ")) from error


_kept_filter = lru_cache(maxsize=1024)(_read_filter)


def _refuse(attribute: object, reason: str) -> None:
    raise ValueError(f"the attribute {attribute!r}: {reason}")


def _is_number(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and abs(value) < math.inf


def _is_bound(value: object) -> bool:
    return _is_number(value) and -sys.float_info.max <= value <= sys.float_info.max  # type: ignore[operator]  # JSON's integers have no limit


def _is_scalar(value: object) -> bool:
    return value is None or isinstance(value, (str, bool)) or _is_number(value)


def _are_scalars(values: object) -> bool:
    return isinstance(values, list) and 1 <= len(values) <= _MOST_VALUES and all(map(_is_scalar, values))

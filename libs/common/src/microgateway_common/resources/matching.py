"""How manifests pick strings and requests: fields called `matcher` and `requestConditions`."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

from pydantic import ConfigDict, Field, model_validator

from .base import Items, Keyword, Maybe, Model
from .one_of import check_one
from .text import CidrRange, RegexPattern


class Operator(StrEnum):
    """How a StringMatcher compares."""

    CONTAINS = "contains"
    EXACT = "exact"
    PREFIX = "prefix"
    REGEX = "regex"
    SUFFIX = "suffix"


Operand = Annotated[str, Field(min_length=1, max_length=1024)]


class StringMatcher(Model):
    """Compares a string in exactly one way: contains, exact, prefix, regex or suffix."""

    model_config = ConfigDict(
        json_schema_extra={"oneOf": [{"required": [operator.value]} for operator in Operator]}
    )

    contains: Maybe[Operand] = Field(None, description="Text that must occur anywhere in the string.")
    exact: Maybe[Operand] = Field(None, description="Text the whole string must be equal to.")
    ignore_case: bool = Field(False, description="Whether upper and lower case are treated alike.")
    prefix: Maybe[Operand] = Field(None, description="Text the string must start with.")
    regex: Maybe[RegexPattern] = Field(
        None, description="Regular expression in RE2 syntax that must match the whole string."
    )
    suffix: Maybe[Operand] = Field(None, description="Text the string must end with.")

    @model_validator(mode="after")
    def _has_one_operator(self) -> StringMatcher:
        check_one(list(Operator), [operator for operator in Operator if getattr(self, operator) is not None])
        return self

    @property
    def operator(self) -> Operator:
        return next(operator for operator in Operator if getattr(self, operator) is not None)

    @property
    def operand(self) -> str:
        """What the operator compares with."""
        operand: str = getattr(self, self.operator)
        return operand


class Matched(Model):
    """A string that a matcher picks."""

    matcher: StringMatcher = Field(description="How the string is compared.")


class HeaderCondition(Model):
    """A header whose name and value both match; what is absent matches all."""

    name: Maybe[Matched] = Field(None, description="Picks headers by name; names compare without case.")
    value: Maybe[Matched] = Field(None, description="Picks headers by value.")


class RemoteIPCondition(Model):
    """Where the client is."""

    cidr_ranges: Items[CidrRange] = Field(
        min_length=1, max_length=1024, description="CIDR ranges, one of which holds the client address."
    )
    invert: bool = Field(False, description="Whether the client address must be outside all the ranges.")


class Method(StrEnum):
    """Request methods (RFC 9110, 9.3, and RFC 5789)."""

    GET = "GET"
    HEAD = "HEAD"
    POST = "POST"
    PUT = "PUT"
    PATCH = "PATCH"
    DELETE = "DELETE"
    CONNECT = "CONNECT"
    OPTIONS = "OPTIONS"
    TRACE = "TRACE"


class RequestConditions(Model):
    """Picks requests for which all the given conditions hold; without conditions, every request."""

    header: Maybe[HeaderCondition] = Field(
        None, description="The request must have at least one header that matches."
    )
    invert: bool = Field(False, description="Whether to pick the requests for which not all conditions hold.")
    media_type: Maybe[Matched] = Field(
        None, description="Compares the media type of Content-Type, in lower case and without parameters."
    )
    method: Items[Keyword[Method]] = Field(
        (), max_length=16, description="Request methods, one of which must be that of the request."
    )
    path: Maybe[Matched] = Field(None, description="Compares the normalised path without the query.")
    remote_ip: Maybe[RemoteIPCondition] = Field(None, description="Restricts the client address.")

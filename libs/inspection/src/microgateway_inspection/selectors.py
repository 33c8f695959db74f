"""Selectors of data made ready: does a field belong to what a rule or exception speaks of?

A selector about a path covers the path's segments too: a match inside one segment is reported there.
GraphQL selectors select nothing: no GraphQL document is read.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import assert_never

from msgspec.structs import replace

from microgateway_common.ir.data import (
    AnyData,
    AnyLocation,
    AnySegment,
    AtJsonPath,
    GraphQLData,
    HeaderData,
    JsonData,
    JsonLocation,
    ParameterData,
    ParameterSource,
    PathData,
    PathSegmentData,
    RequestData,
    SegmentAt,
)
from microgateway_common.ir.matching import AnyString, StringMatch

from .fields import (
    CookieField,
    Field,
    HeaderField,
    JsonField,
    ParameterField,
    PathField,
    SegmentField,
    value_text,
)
from .json_path import LocationTest, compile_json_path
from .matching import TextTest, compile_match

#: Whether a field is selected. Never raises.
Selector = Callable[[Field], bool]


def compile_selector(data: RequestData) -> Selector:
    """Raises ValueError for a regular expression or JSONPath that cannot be read."""
    match data:
        case AnyData():
            return lambda _field: True
        case HeaderData(name, value):
            return _header(_header_name(name), compile_match(value))
        case ParameterData(name, value, source):
            return _parameter(compile_match(name), compile_match(value), source)
        case JsonData(location, key, value):
            return _json(_location(location), compile_match(key), compile_match(value))
        case PathData(value):
            return _path(compile_match(value))
        case PathSegmentData(position, value):
            index = None
            match position:
                case AnySegment():
                    pass
                case SegmentAt(at):
                    index = at
                case _:
                    assert_never(position)
            return _segment(index, compile_match(value))
        case GraphQLData():
            return lambda _field: False
        case _:
            assert_never(data)


def _header_name(match: StringMatch) -> TextTest:
    """Header names compare without case (RFC 9110 section 5.1)."""
    return compile_match(match if isinstance(match, AnyString) else replace(match, ignore_case=True))


def _location(location: JsonLocation) -> LocationTest:
    match location:
        case AnyLocation():
            return lambda _location: True
        case AtJsonPath(path):
            return compile_json_path(path)
        case _:
            assert_never(location)


def _header(name: TextTest, value: TextTest) -> Selector:
    def select(field: Field) -> bool:
        match field:
            case HeaderField():
                return name(field.name) and value(field.value)
            case CookieField():
                return (name("cookie") or name(f"cookie:{field.name}")) and value(field.value)
            case _:
                return False

    return select


def _parameter(name: TextTest, value: TextTest, source: ParameterSource) -> Selector:
    def select(field: Field) -> bool:
        return (
            isinstance(field, ParameterField)
            and source in (ParameterSource.ANY, field.source)
            and name(field.name)
            and value(field.value)
        )

    return select


def _json(location: LocationTest, key: TextTest, value: TextTest) -> Selector:
    def select(field: Field) -> bool:
        return (
            isinstance(field, JsonField)
            and key(field.key)
            and location(field.location)
            and value(value_text(field))
        )

    return select


def _path(value: TextTest) -> Selector:
    def select(field: Field) -> bool:
        return isinstance(field, PathField | SegmentField) and value(field.path)

    return select


def _segment(index: int | None, value: TextTest) -> Selector:
    def select(field: Field) -> bool:
        return isinstance(field, SegmentField) and index in (None, field.index) and value(field.value)

    return select

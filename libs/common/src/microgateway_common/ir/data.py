"""Which piece of a request a rule or exception speaks of: CRD `blockedData` and `blockData`."""

from __future__ import annotations

from enum import StrEnum

from msgspec import Struct

from .matching import StringMatch


class FieldType(StrEnum):
    """The parts of a request that deny rules look at (CRD `overrides[].conditions.types`)."""

    HEADER = "Header"
    PARAMETER = "Parameter"
    PATH = "Path"
    PATH_SEGMENT = "PathSegment"
    JSON = "JSON"
    GRAPHQL = "GraphQL"


class ParameterSource(StrEnum):
    """Where a parameter came from: the query, or a form or multipart body."""

    QUERY = "Query"
    POST = "Post"
    ANY = "Any"


class AnyData(Struct, frozen=True, tag="any"):
    """Every part of the request."""


class HeaderData(Struct, frozen=True, tag="header"):
    name: StringMatch
    value: StringMatch


class ParameterData(Struct, frozen=True, tag="parameter"):
    name: StringMatch
    value: StringMatch
    source: ParameterSource


class AnyLocation(Struct, frozen=True, tag="any"):
    """Anywhere in the document."""


class AtJsonPath(Struct, frozen=True, tag="at"):
    """RFC 9535 JSONPath without filter expressions, for example `$.items[*].note`."""

    path: str


JsonLocation = AnyLocation | AtJsonPath


class JsonData(Struct, frozen=True, tag="json"):
    location: JsonLocation
    key: StringMatch
    value: StringMatch


class PathData(Struct, frozen=True, tag="path"):
    """The whole normalised path."""

    value: StringMatch


class AnySegment(Struct, frozen=True, tag="any"):
    """Any segment of the path."""


class SegmentAt(Struct, frozen=True, tag="at"):
    """The segment with this index; the first is 0."""

    index: int


SegmentPosition = AnySegment | SegmentAt


class PathSegmentData(Struct, frozen=True, tag="pathSegment"):
    position: SegmentPosition
    value: StringMatch


class GraphQLData(Struct, frozen=True, tag="graphQL"):
    field: StringMatch
    argument: StringMatch
    value: StringMatch


RequestData = AnyData | HeaderData | ParameterData | JsonData | PathData | PathSegmentData | GraphQLData

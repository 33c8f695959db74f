"""Size and count limits of a request (CRD Limits). Sizes are bytes."""

from __future__ import annotations

from msgspec import Struct

from .data import ParameterSource
from .deny_rules import ThreatHandling
from .matching import RequestConditions, StringMatch
from .origin import Origin


class GeneralLimits(Struct, frozen=True):
    """body_size: bodies that no parser reads."""

    body_size: int
    path_length: int


class ParameterLimits(Struct, frozen=True):
    body_size: int
    count: int
    name_length: int
    value_length: int


class JsonLimits(Struct, frozen=True):
    body_size: int
    key_count: int
    element_count: int
    key_length: int
    value_length: int
    nesting_depth: int


class GraphQLLimits(Struct, frozen=True):
    query_size: int
    nesting_depth: int
    value_length: int


class MultipartLimits(Struct, frozen=True):
    body_size: int


class AllLengths(Struct, frozen=True, tag="all"):
    """Every limit is lifted for the requests of the exception."""


class JsonLength(Struct, frozen=True, tag="json"):
    """Key and value lengths at this JSONPath."""

    path: str


class ParameterLength(Struct, frozen=True, tag="parameter"):
    """Name and value lengths of these parameters."""

    name: StringMatch
    source: ParameterSource


class GraphQLLength(Struct, frozen=True, tag="graphQL"):
    field: StringMatch
    argument: StringMatch
    value: StringMatch


LiftedLength = AllLengths | JsonLength | ParameterLength | GraphQLLength


class LimitException(Struct, frozen=True):
    """id: position in the resource, `exceptions[0]`."""

    id: str
    length: LiftedLength
    conditions: RequestConditions


class Unlimited(Struct, frozen=True, tag="unlimited"):
    """No limit applies."""


class Limited(Struct, frozen=True, tag="limited"):
    general: GeneralLimits
    parameter: ParameterLimits
    json: JsonLimits
    graphql: GraphQLLimits
    multipart: MultipartLimits
    exceptions: tuple[LimitException, ...]


class Limits(Struct, frozen=True):
    origin: Origin
    request: Limited | Unlimited
    threat_handling: ThreatHandling

"""Limits: how large requests and their parts may be."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from microgateway_common.ir.data import ParameterSource
from microgateway_common.ir.deny_rules import ThreatHandling

from .base import Items, Keyword, Maybe, Model
from .json_path import JsonPath
from .matching import Matched, RequestConditions
from .metadata import Object
from .one_of import OneOf
from .quantity import Quantity

Count = Annotated[int, Field(ge=0)]


class GraphQLLength(Model):
    """Values in GraphQL requests; not supported yet, the limits of JSON apply."""

    argument: Maybe[Matched] = Field(None, description="Picks arguments by name.")
    field: Maybe[Matched] = Field(None, description="Picks fields by name.")
    value: Maybe[Matched] = Field(None, description="Picks argument values.")


class JsonLength(Model):
    """Keys and values in JSON bodies."""

    json_path: JsonPath = Field(
        description="JSONPath (RFC 9535, without filter expressions) of the keys and values to except."
    )


class ParameterLength(Model):
    """Names and values of parameters."""

    name: Matched = Field(description="Picks parameters by name.")
    source: Keyword[ParameterSource] = Field(
        ParameterSource.ANY,
        description="Where the parameter comes from: the query, a form or multipart body (Post), or any.",
    )


LiftedLength = Annotated[
    GraphQLLength | JsonLength | ParameterLength,
    OneOf(graphQL=GraphQLLength, json=JsonLength, parameter=ParameterLength),
]


class LimitException(Model):
    """Lifts limits for some requests, or for one part of them."""

    length: Maybe[LiftedLength] = Field(
        None,
        description="The part whose length limits are lifted (exactly one of graphQL, json, parameter); "
        "without it all limits are.",
    )
    request_conditions: RequestConditions = Field(
        RequestConditions(), description="Requests the exception is for; without it, all requests."
    )


class GeneralLimits(Model):
    """Limits for every request."""

    body_size: Quantity = Field(
        Quantity.of("100Mi"), description="Largest body in bytes that no parser reads."
    )
    path_length: Quantity = Field(Quantity.of("1Ki"), description="Longest path in bytes.")


class GraphQLLimits(Model):
    """Limits for GraphQL requests."""

    nesting_depth: Count = Field(10, description="Deepest nesting of a query.")
    query_size: Quantity = Field(Quantity.of("1Ki"), description="Largest query in bytes.")
    value_length: Quantity = Field(Quantity.of("256"), description="Longest argument value in bytes.")


class JsonLimits(Model):
    """Limits for JSON bodies."""

    body_size: Quantity = Field(Quantity.of("100Ki"), description="Largest JSON body in bytes.")
    element_count: Count = Field(10000, description="Most elements of all arrays together.")
    key_count: Count = Field(250, description="Most keys of all objects together.")
    key_length: Quantity = Field(Quantity.of("128"), description="Longest key in bytes.")
    nesting_depth: Count = Field(100, description="Deepest nesting of objects and arrays.")
    value_length: Quantity = Field(Quantity.of("8Ki"), description="Longest value in bytes.")


class MultipartLimits(Model):
    """Limits for multipart bodies."""

    body_size: Quantity = Field(Quantity.of("100Mi"), description="Largest multipart body in bytes.")


class ParameterLimits(Model):
    """Limits for parameters of the query and of forms."""

    body_size: Quantity = Field(Quantity.of("100Ki"), description="Largest form body in bytes.")
    count: Count = Field(128, description="Most parameters of a request.")
    name_length: Quantity = Field(Quantity.of("128"), description="Longest parameter name in bytes.")
    value_length: Quantity = Field(Quantity.of("8Ki"), description="Longest parameter value in bytes.")


class Limited(Model):
    """Limits apply; each has a default."""

    exceptions: Items[LimitException] = Field(
        (), max_length=4096, description="Requests, or parts of them, for which limits are lifted."
    )
    general: GeneralLimits = Field(GeneralLimits(), description="Limits for every request.")
    graph_ql: GraphQLLimits = Field(
        GraphQLLimits(), description="Limits for GraphQL requests; not supported yet, those of JSON apply."
    )
    json_: JsonLimits = Field(JsonLimits(), alias="json", description="Limits for JSON bodies.")
    multipart: MultipartLimits = Field(MultipartLimits(), description="Limits for multipart bodies.")
    parameter: ParameterLimits = Field(
        ParameterLimits(), description="Limits for parameters of the query and of forms."
    )


class Unlimited(Model):
    """No limits apply."""


LimitsRequest = Annotated[Limited | Unlimited, OneOf(limited=Limited, unlimited=Unlimited)]


class LimitsSettings(Model):
    """What happens when a limit is exceeded."""

    threat_handling_mode: Keyword[ThreatHandling] = Field(
        ThreatHandling.BLOCK,
        description="Whether requests above a limit are blocked, or only logged and never changed.",
    )


class LimitsSpec(Model):
    """Limits for requests and what exceeding them does."""

    request: LimitsRequest = Field(
        Limited(), description="Limits for requests: limited or unlimited; limited with defaults when absent."
    )
    settings: LimitsSettings = Field(LimitsSettings(), description="What happens when a limit is exceeded.")


class Limits(Object):
    """Bounds the size of requests and of their parts."""

    PLURAL: ClassVar[str] = "limits"

    kind: Literal["Limits"]
    spec: LimitsSpec = Field(LimitsSpec(), description="The limits and what exceeding them does.")

"""DenyRules: which attacks are looked for, what is excepted and what is added."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, ClassVar, Literal

from pydantic import Field

from microgateway_common.ir.data import FieldType, ParameterSource
from microgateway_common.ir.deny_rules import Level, ThreatHandling

from .base import Items, Keyword, Maybe, Model
from .json_path import JsonPath
from .matching import Matched, RequestConditions
from .metadata import Object
from .one_of import OneOf


class BuiltInRuleKey(StrEnum):
    """What the built-in rules look for."""

    ENCODING = "ENCODING"
    EXPLOIT = "EXPLOIT"
    HPP = "HPP"
    HTML = "HTML"
    IDOR = "IDOR"
    LDAP = "LDAP"
    NOSQL = "NOSQL"
    OGNL = "OGNL"
    PHP = "PHP"
    PROTOCOL = "PROTOCOL"
    SANITY = "SANITY"
    SCANNING = "SCANNING"
    SQL = "SQL"
    TEMPLATE = "TEMPLATE"
    UNIXCMD = "UNIXCMD"
    WINCMD = "WINCMD"
    XSS = "XSS"
    SSRF = "SSRF"
    BOT = "BOT"


class GraphQLData(Model):
    """Values in GraphQL requests; not supported yet, such data is inspected as JSON."""

    argument: Maybe[Matched] = Field(None, description="Picks arguments by name.")
    field: Maybe[Matched] = Field(None, description="Picks fields by name.")
    value: Maybe[Matched] = Field(None, description="Picks argument values.")


class HeaderData(Model):
    """Request headers; what is absent matches all."""

    name: Maybe[Matched] = Field(None, description="Picks headers by name; names compare without case.")
    value: Maybe[Matched] = Field(None, description="Picks headers by value.")


class JsonData(Model):
    """Members of JSON bodies; what is absent matches all."""

    key: Maybe[Matched] = Field(None, description="Picks members by key.")
    value: Maybe[Matched] = Field(None, description="Picks members by value.")


class LocatedJsonData(JsonData):
    """Members of JSON bodies at a place; what is absent matches all."""

    json_path: Maybe[JsonPath] = Field(
        None, description="JSONPath (RFC 9535, without filter expressions) of the members."
    )


class ParameterData(Model):
    """Parameters of the query and of bodies; what is absent matches all."""

    name: Maybe[Matched] = Field(None, description="Picks parameters by name.")
    value: Maybe[Matched] = Field(None, description="Picks parameters by value.")


class SourcedParameterData(ParameterData):
    """Parameters from one source; what is absent matches all."""

    source: Keyword[ParameterSource] = Field(
        ParameterSource.ANY,
        description="Where the parameter comes from: the query, a form or multipart body (Post), or any.",
    )


class PathData(Matched):
    """The normalised path as a whole."""


class SegmentPosition(Model):
    """Which segments of the path."""

    index: Maybe[Annotated[int, Field(ge=0)]] = Field(
        None, description="Position of the segment, the first being 0; without it any segment."
    )


class PathSegmentData(Model):
    """Segments of the path."""

    segments: SegmentPosition = Field(SegmentPosition(), description="Which segments of the path.")
    value: Maybe[Matched] = Field(None, description="Picks segments by value; without it all.")


class MatchedPathSegmentData(Model):
    """Segments of the path with a value."""

    segments: SegmentPosition = Field(SegmentPosition(), description="Which segments of the path.")
    value: Matched = Field(description="Picks segments by value.")


BlockedData = Annotated[
    GraphQLData | HeaderData | LocatedJsonData | SourcedParameterData | PathData | PathSegmentData,
    OneOf(
        graphQL=GraphQLData,
        header=HeaderData,
        json=LocatedJsonData,
        parameter=SourcedParameterData,
        path=PathData,
        pathSegment=PathSegmentData,
    ),
]

BlockData = Annotated[
    GraphQLData | HeaderData | JsonData | ParameterData | PathData | MatchedPathSegmentData,
    OneOf(
        graphQL=GraphQLData,
        header=HeaderData,
        json=JsonData,
        parameter=ParameterData,
        path=PathData,
        pathSegment=MatchedPathSegmentData,
    ),
]


class DenyRuleException(Model):
    """Matches of built-in rules that are no threat."""

    blocked_data: Maybe[BlockedData] = Field(
        None,
        description="The part of the request the match must be in (exactly one of graphQL, header, json, "
        "parameter, path, pathSegment); without it any part.",
    )
    request_conditions: RequestConditions = Field(
        RequestConditions(), description="Requests the exception is for; without it, all requests."
    )
    rule_keys: Items[Keyword[BuiltInRuleKey]] = Field(
        (),
        min_length=1,
        max_length=32,
        description="Keys of the rules the exception is for; without it, all rules.",
    )


class OverrideConditions(Model):
    """Which rules an override changes; what is absent matches all."""

    rule_keys: Items[Keyword[BuiltInRuleKey]] = Field(
        (), min_length=1, max_length=32, description="Keys of the rules to change; without it, all rules."
    )
    types: Items[Keyword[FieldType]] = Field(
        (), max_length=8, description="Parts of the request on which to change them; without it, all parts."
    )


class OverrideSettings(Model):
    """What an override changes; what is absent stays."""

    level: Maybe[Keyword[Level]] = Field(None, description="How strict the rules are.")
    threat_handling_mode: Maybe[Keyword[ThreatHandling]] = Field(
        None, description="Whether matching requests are blocked, or only logged and never changed."
    )


class Override(Model):
    """Changes the settings of some built-in rules."""

    conditions: OverrideConditions = Field(
        OverrideConditions(), description="Which rules to change, on which parts of the request."
    )
    settings: OverrideSettings = Field(OverrideSettings(), description="The settings that change.")


class BuiltInSettings(Model):
    """Settings of all built-in rules that no override changes."""

    level: Keyword[Level] = Field(
        Level.STANDARD,
        description="How strict the rules are; each level includes those before it, Unfiltered has none.",
    )
    threat_handling_mode: Keyword[ThreatHandling] = Field(
        ThreatHandling.BLOCK,
        description="Whether matching requests are blocked, or only logged and never changed.",
    )


class BuiltInRules(Model):
    """The built-in rules."""

    exceptions: Items[DenyRuleException] = Field(
        (), max_length=4096, description="Matches that are no threat."
    )
    overrides: Items[Override] = Field(
        (),
        max_length=128,
        description="Changed settings of some rules; they apply in order, each on what those before it left.",
    )
    settings: BuiltInSettings = Field(
        BuiltInSettings(), description="Settings of all built-in rules that no override changes."
    )


class CustomRule(Model):
    """A rule of your own."""

    block_data: BlockData = Field(
        description="The data that is a threat: exactly one of graphQL, header, json, parameter, path, "
        "pathSegment."
    )
    request_conditions: RequestConditions = Field(
        RequestConditions(), description="Requests the rule is for; without it, all requests."
    )
    rule_key: Annotated[str, Field(min_length=1, max_length=64, pattern=r"^[A-Z][A-Z0-9_]*$")] = Field(
        description="Key under which the rule is logged and counted."
    )
    threat_handling_mode: Keyword[ThreatHandling] = Field(
        ThreatHandling.BLOCK,
        description="Whether matching requests are blocked, or only logged and never changed.",
    )


class CustomRules(Model):
    """Rules of your own."""

    rules: Items[CustomRule] = Field((), max_length=256, description="Rules; all that match are reported.")


class DenyRulesRequest(Model):
    """Rules for requests."""

    built_in: BuiltInRules = Field(BuiltInRules(), description="The built-in rules.")
    custom: CustomRules = Field(CustomRules(), description="Rules of your own.")


class DenyRulesSpec(Model):
    """Which attacks are looked for."""

    request: DenyRulesRequest = Field(DenyRulesRequest(), description="Rules for requests.")


class DenyRules(Object):
    """Configures the search for attacks in requests."""

    PLURAL: ClassVar[str] = "denyrules"

    kind: Literal["DenyRules"]
    spec: DenyRulesSpec = Field(DenyRulesSpec(), description="Which attacks are looked for.")

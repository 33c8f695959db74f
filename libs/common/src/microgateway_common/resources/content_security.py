"""ContentSecurity: which policies apply to the content of requests and responses."""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field

from .base import Maybe, Model
from .metadata import Object
from .reference import Reference


class ApiProtection(Model):
    """Direct references to API specifications."""

    graph_ql_ref: Maybe[Reference] = Field(
        None, description="GraphQL schema that requests must conform to; not supported yet."
    )
    open_api_ref: Maybe[Reference] = Field(
        None, description="OpenAPI document that requests must conform to; not supported yet."
    )


class Filter(Model):
    """Filters over the content of requests."""

    deny_rules_ref: Maybe[Reference] = Field(
        None, description="DenyRules to apply; without it the defaults of DenyRules apply."
    )


class ContentSecuritySpec(Model):
    """References to the policies; the defaults of its kind apply where a reference is absent."""

    api_protection: Maybe[ApiProtection] = Field(
        None, description="API specifications to enforce; not supported yet."
    )
    api_protection_ref: Maybe[Reference] = Field(
        None, description="APIProtection to apply; not supported yet."
    )
    csrf_protection_ref: Maybe[Reference] = Field(
        None, description="CSRFProtection to apply; not supported yet."
    )
    filter: Filter = Field(Filter(), description="Filters over the content of requests.")
    header_rewrites_ref: Maybe[Reference] = Field(
        None, description="HeaderRewrites to apply; without it the defaults of HeaderRewrites apply."
    )
    limits_ref: Maybe[Reference] = Field(
        None, description="Limits to apply; without it the defaults of Limits apply."
    )
    parser_ref: Maybe[Reference] = Field(
        None, description="Parser to apply; without it the defaults of Parser apply."
    )


class ContentSecurity(Object):
    """Puts together the policies that inspect and rewrite the traffic of a route."""

    PLURAL: ClassVar[str] = "contentsecurities"

    kind: Literal["ContentSecurity"]
    spec: ContentSecuritySpec = Field(
        ContentSecuritySpec(), description="References to the policies that make up this content security."
    )

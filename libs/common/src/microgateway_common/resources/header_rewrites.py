"""HeaderRewrites: which headers pass, which are removed and which are added."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from microgateway_common.ir.header_rewrites import AddMode, OperationalMode

from .base import Items, Keyword, Maybe, Model
from .matching import Matched, RequestConditions
from .metadata import Object
from .one_of import OneOf
from .text import LongHeaderName

ActionName = Annotated[str, Field(min_length=1, max_length=1024)]

#: Text with command operators, `%NAME(argument):length%`; `%%` is a percent sign.
TEMPLATE = r'^[^%]*(%([A-Z][A-Z_]*(\([^()\s"]+\)(:\d+)?)?)?%[^%]*)*$'


class HeaderPattern(Model):
    """Headers by name and value; what is absent matches all."""

    name: Maybe[Matched] = Field(None, description="Picks headers by name; names compare without case.")
    value: Maybe[Matched] = Field(None, description="Picks headers by value.")


class HeaderSelection(Model):
    """A named selection of headers."""

    headers: Items[HeaderPattern] = Field(
        min_length=1, max_length=64, description="Headers by name and value; one that fits is enough."
    )
    name: ActionName = Field(description="Name under which the action is logged.")
    request_conditions: RequestConditions = Field(
        RequestConditions(), description="Requests the action is for; without it, all requests."
    )


class NewHeader(Model):
    """A header to add."""

    name: LongHeaderName = Field(description="Name of the header.")
    value: Annotated[str, Field(max_length=8192, pattern=TEMPLATE)] = Field(
        description="Value of the header; may hold command operators such as %REQ(:PATH)%, and %% for %."
    )


class HeaderAddition(Model):
    """A named addition of headers."""

    headers: Items[NewHeader] = Field(min_length=1, max_length=64, description="Headers to add.")
    mode: Keyword[AddMode] = Field(
        AddMode.ADD_IF_ABSENT,
        description="Whether a header that is already there stays (AddIfAbsent) or is replaced.",
    )
    name: ActionName = Field(description="Name under which the action is logged.")
    request_conditions: RequestConditions = Field(
        RequestConditions(), description="Requests the action is for; without it, all requests."
    )


class AllHeaders(Model):
    """Every header passes."""


class RequestHeaderLists(Model):
    """Built-in lists of request headers that pass."""

    standard_headers: bool = Field(True, description="Whether the headers of the HTTP standards pass.")
    tracing_headers: bool = Field(
        False, description="Whether the headers of tracing systems pass (W3C Trace Context, B3)."
    )


class MatchingRequestHeaders(Model):
    """Only selected request headers pass."""

    built_in: RequestHeaderLists = Field(
        RequestHeaderLists(), description="Built-in lists of request headers that pass."
    )
    custom: Items[HeaderSelection] = Field(
        (), min_length=1, max_length=128, description="Further request headers that pass."
    )


class ResponseHeaderLists(Model):
    """Built-in lists of response headers that pass."""

    standard_headers: bool = Field(False, description="Whether the headers of the HTTP standards pass.")


class MatchingResponseHeaders(Model):
    """Only selected response headers pass."""

    built_in: ResponseHeaderLists = Field(
        ResponseHeaderLists(), description="Built-in lists of response headers that pass."
    )
    custom: Items[HeaderSelection] = Field(
        (), min_length=1, max_length=128, description="Further response headers that pass."
    )


RequestAllow = Annotated[
    AllHeaders | MatchingRequestHeaders,
    OneOf(allHeaders=AllHeaders, matchingHeaders=MatchingRequestHeaders),
]

ResponseAllow = Annotated[
    AllHeaders | MatchingResponseHeaders,
    OneOf(allHeaders=AllHeaders, matchingHeaders=MatchingResponseHeaders),
]


class RequestAdditions(Model):
    """Request headers to add."""

    custom: Items[HeaderAddition] = Field(
        (), min_length=1, max_length=128, description="Headers to add to requests."
    )


class BuiltInRequestRemovals(Model):
    """Built-in removals of request headers."""

    alternative_forwarded_headers: bool = Field(
        True,
        description="Whether headers are removed that name a client beside X-Forwarded-For and could "
        "contradict it.",
    )


class RequestRemovals(Model):
    """Request headers to remove."""

    built_in: BuiltInRequestRemovals = Field(
        BuiltInRequestRemovals(), description="Built-in removals of request headers."
    )
    custom: Items[HeaderSelection] = Field(
        (), min_length=1, max_length=128, description="Headers to remove from requests."
    )


class RequestRewrites(Model):
    """Rewrites of request headers: keep the allowed, remove, add."""

    add: RequestAdditions = Field(RequestAdditions(), description="Request headers to add.")
    allow: RequestAllow = Field(
        MatchingRequestHeaders(),
        description="Request headers that pass: all or matching; matching with its defaults when absent.",
    )
    remove: RequestRemovals = Field(RequestRemovals(), description="Request headers to remove.")


class BuiltInResponseAdditions(Model):
    """Security headers added to responses that do not have them."""

    csp: bool = Field(
        False, description="Whether Content-Security-Policy limits content, images excepted, to the origin."
    )
    feature_policy: bool = Field(
        False, description="Whether Feature-Policy, the predecessor of Permissions-Policy, is added."
    )
    hsts: bool = Field(True, description="Whether Strict-Transport-Security enforces HTTPS.")
    hsts_preload: bool = Field(
        False, description="Whether Strict-Transport-Security includes subdomains and asks for preloading."
    )
    permissions_policy: bool = Field(
        True, description="Whether Permissions-Policy denies browser features to other origins."
    )
    referrer_policy: bool = Field(
        True, description="Whether Referrer-Policy keeps the Referer from other origins."
    )
    x_content_type_options: bool = Field(
        True, description="Whether X-Content-Type-Options forbids guessing the media type (nosniff)."
    )
    x_frame_options: bool = Field(
        True, description="Whether X-Frame-Options forbids framing by other origins (SAMEORIGIN)."
    )


class ResponseAdditions(Model):
    """Response headers to add."""

    built_in: BuiltInResponseAdditions = Field(
        BuiltInResponseAdditions(), description="Security headers added to responses that do not have them."
    )
    custom: Items[HeaderAddition] = Field(
        (), min_length=1, max_length=128, description="Headers to add to responses."
    )


class AuthenticationRemovals(Model):
    """Authentication schemes removed from WWW-Authenticate."""

    basic: bool = Field(False, description="Whether offers of Basic authentication are removed.")
    negotiate: bool = Field(True, description="Whether offers of Negotiate authentication are removed.")
    ntlm: bool = Field(True, description="Whether offers of NTLM authentication are removed.")


class InformationLeakageRemovals(Model):
    """Headers removed because they tell what software answers."""

    application: bool = Field(True, description="Whether headers that name the application are removed.")
    server: bool = Field(True, description="Whether headers that name the server are removed.")


class BuiltInResponseRemovals(Model):
    """Built-in removals of response headers."""

    auth: AuthenticationRemovals = Field(
        AuthenticationRemovals(), description="Authentication schemes that are not offered to clients."
    )
    information_leakage: InformationLeakageRemovals = Field(
        InformationLeakageRemovals(), description="Headers that tell what software answers."
    )
    permissive_cors: bool = Field(
        True, description="Whether CORS headers that allow every origin are removed."
    )


class ResponseRemovals(Model):
    """Response headers to remove."""

    built_in: BuiltInResponseRemovals = Field(
        BuiltInResponseRemovals(), description="Built-in removals of response headers."
    )
    custom: Items[HeaderSelection] = Field(
        (), min_length=1, max_length=128, description="Headers to remove from responses."
    )


class ResponseRewrites(Model):
    """Rewrites of response headers: keep the allowed, remove, add."""

    add: ResponseAdditions = Field(ResponseAdditions(), description="Response headers to add.")
    allow: ResponseAllow = Field(
        AllHeaders(), description="Response headers that pass: all or matching; all when absent."
    )
    remove: ResponseRemovals = Field(ResponseRemovals(), description="Response headers to remove.")


class HeaderRewritesSettings(Model):
    """How rewrites are logged."""

    operational_mode: Keyword[OperationalMode] = Field(
        OperationalMode.PRODUCTION, description="Whether every action on a header is logged (Integration)."
    )


class HeaderRewritesSpec(Model):
    """Rewrites of both directions."""

    request: RequestRewrites = Field(RequestRewrites(), description="Rewrites of request headers.")
    response: ResponseRewrites = Field(ResponseRewrites(), description="Rewrites of response headers.")
    settings: HeaderRewritesSettings = Field(HeaderRewritesSettings(), description="How rewrites are logged.")


class HeaderRewrites(Object):
    """Decides which headers reach the application and the client."""

    PLURAL: ClassVar[str] = "headerrewrites"

    kind: Literal["HeaderRewrites"]
    spec: HeaderRewritesSpec = Field(HeaderRewritesSpec(), description="Rewrites of both directions.")

"""SidecarGateway: which pods are protected, and how their traffic is received, routed and forwarded."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar, Literal

from pydantic import AfterValidator, ConfigDict, Field, model_validator

from .base import Items, Maybe, Model
from .duration import Duration
from .metadata import Object
from .one_of import OneOf, check_at_most_one
from .quantity import Quantity
from .reference import Reference
from .text import CidrRange, HeaderName
from .tls import DownstreamTls, UpstreamTls


class Http2Settings(Model):
    """Settings of HTTP/2."""

    allow_connect: bool = Field(
        False,
        description=(
            "Whether a stream of HTTP/2 may carry WebSocket: extended CONNECT (RFC 8441). "
            "Plain CONNECT is always answered with 501."
        ),
    )


class AutoProtocol(Model):
    """HTTP/1.1, and HTTP/2 for peers that ask for it: with ALPN, or a client with its first bytes."""

    http2: Http2Settings = Field(Http2Settings(), description="Settings of HTTP/2.")


class Http1Protocol(Model):
    """HTTP/1.1 only."""


class Http2Protocol(Http2Settings):
    """HTTP/2 only."""


Protocol = Annotated[
    AutoProtocol | Http1Protocol | Http2Protocol,
    OneOf(auto=AutoProtocol, http1=Http1Protocol, http2=Http2Protocol),
]


class ConnectionIP(Model):
    """The client is the peer of the TCP connection."""


class CustomHeader(Model):
    """The client is named by a header."""

    header_name: HeaderName = Field(description="Name of the header that holds the client address.")
    required: bool = Field(
        True, description="Whether requests without the header are refused with status 403."
    )


@dataclass(frozen=True)
class TrustedHops:
    """The client is the entry that many from the right; 1 is the right-most."""

    count: int


@dataclass(frozen=True)
class TrustedRanges:
    """The client is the right-most entry outside the ranges; else the left-most."""

    ranges: tuple[str, ...]


class ForwardedFor(Model):
    """The client is an entry of X-Forwarded-For."""

    model_config = ConfigDict(
        json_schema_extra={"not": {"required": ["numTrustedHops", "trustedCIDRRanges"]}}
    )

    num_trusted_hops: Maybe[Annotated[int, Field(ge=1)]] = Field(
        None,
        description="Number of trusted proxies: the client is the entry this many from the right; 1 when "
        "neither this nor trustedCIDRRanges is given.",
    )
    trusted_cidr_ranges: Items[CidrRange] = Field(
        (),
        min_length=1,
        max_length=64,
        description="CIDR ranges of trusted proxies: the client is the right-most entry outside them, or the "
        "left-most when all are inside; excludes numTrustedHops.",
    )

    @model_validator(mode="after")
    def _trusts_in_one_way(self) -> ForwardedFor:
        check_at_most_one(
            ["numTrustedHops", "trustedCIDRRanges"],
            [manifest for manifest, given in [
                ("numTrustedHops", self.num_trusted_hops is not None),
                ("trustedCIDRRanges", bool(self.trusted_cidr_ranges)),
            ] if given],
        )  # fmt: skip
        return self

    @property
    def trusted(self) -> TrustedHops | TrustedRanges:
        if self.trusted_cidr_ranges:
            return TrustedRanges(self.trusted_cidr_ranges)
        return TrustedHops(self.num_trusted_hops or 1)


RemoteIP = Annotated[
    ConnectionIP | CustomHeader | ForwardedFor,
    OneOf(connectionIP=ConnectionIP, customHeader=CustomHeader, xff=ForwardedFor),
]


class RequestNormalizations(Model):
    """Changes to the path before routing and inspection."""

    merge_slashes: bool = Field(True, description="Whether repeated slashes become one.")
    normalize_path: bool = Field(True, description="Whether dot segments are removed (RFC 3986, 5.2.4).")


class HttpRestrictions(Model):
    """Bounds of the HTTP protocol."""

    headers_length: Quantity = Field(
        Quantity.of("60Ki"),
        description="Largest request line and headers together in bytes; more is answered with status 431.",
    )


class Restrictions(Model):
    """Bounds of the protocols."""

    http: HttpRestrictions = Field(HttpRestrictions(), description="Bounds of the HTTP protocol.")


class DownstreamHttpTimeouts(Model):
    """Timeouts of HTTP with clients; 0s switches one off."""

    idle: Duration = Field(
        Duration.of("5m"), description="Longest time a connection stays open without a request; 0s for ever."
    )
    max_duration: Duration = Field(
        Duration.of("5m"), description="Longest time from the first byte of a request to the last of its "
        "response; 0s for ever.",
    )  # fmt: skip
    request_headers: Duration = Field(
        Duration.of("10s"), description="Longest time until all headers of a request are there; 0s for ever."
    )


class DownstreamTimeouts(Model):
    """Timeouts with clients."""

    http: DownstreamHttpTimeouts = Field(DownstreamHttpTimeouts(), description="Timeouts of HTTP.")


class Downstream(Model):
    """Traffic between clients and the gateway."""

    protocol: Protocol = Field(
        AutoProtocol(), description="Version of HTTP: auto, http1 or http2; auto when absent."
    )
    remote_ip: RemoteIP = Field(
        ForwardedFor(),
        description="Where the client address comes from: connectionIP, customHeader or xff; the right-most "
        "entry of X-Forwarded-For when absent.",
    )
    request_normalizations: RequestNormalizations = Field(
        RequestNormalizations(), description="Changes to the path before routing and inspection."
    )
    restrictions: Restrictions = Field(Restrictions(), description="Bounds of the protocols.")
    timeouts: DownstreamTimeouts = Field(DownstreamTimeouts(), description="Timeouts with clients.")
    tls: DownstreamTls = Field(DownstreamTls(), description="TLS between clients and the gateway.")


class UpstreamHttpTimeouts(Model):
    """Timeouts of HTTP with the application; 0s switches one off."""

    idle: Maybe[Duration] = Field(
        None,
        description="Longest time a connection to the application stays open without a request; 0s for "
        "ever, that of downstream when absent.",
    )
    max_duration: Duration = Field(
        Duration.of("15s"),
        description="Longest time from the end of a request to the end of its response; 0s for ever.",
    )


class UpstreamTimeouts(Model):
    """Timeouts with the application."""

    http: UpstreamHttpTimeouts = Field(UpstreamHttpTimeouts(), description="Timeouts of HTTP.")


class Upstream(Model):
    """Traffic between the gateway and the application."""

    protocol: Protocol = Field(
        AutoProtocol(), description="Version of HTTP: auto, http1 or http2; auto when absent."
    )
    timeouts: UpstreamTimeouts = Field(UpstreamTimeouts(), description="Timeouts with the application.")
    tls: UpstreamTls = Field(
        UpstreamTls(),
        description="TLS between the gateway and the application. The application's certificate is not "
        "verified: it is in the same pod, and there is no field to say whom to trust.",
    )


class EnvoyHttpFilters(Model):
    """Filters written for another proxy; not supported."""

    append: Items[Reference] = Field(
        (), max_length=32, description="EnvoyHTTPFilter objects after ours; not supported."
    )
    prepend: Items[Reference] = Field(
        (), max_length=32, description="EnvoyHTTPFilter objects before ours; not supported."
    )


class Secured(Model):
    """Requests are inspected and rewritten."""

    access_control_ref: Maybe[Reference] = Field(
        None, description="AccessControl to apply; not supported yet."
    )
    content_security_ref: Maybe[Reference] = Field(
        None, description="ContentSecurity to apply; without it its defaults apply."
    )


class Unsecured(Model):
    """Requests are forwarded without inspection and without rewrites."""


class Route(Model):
    """What happens to requests whose path starts with a prefix."""

    model_config = ConfigDict(json_schema_extra={"not": {"required": ["secured", "unsecured"]}})

    path_prefix: Annotated[str, Field(min_length=1, max_length=2048)] = Field(
        "/", description="Start of the normalised paths the route is for."
    )
    secured: Maybe[Secured] = Field(
        None, description="Inspects the requests; the default when unsecured is absent too."
    )
    unsecured: Maybe[Unsecured] = Field(
        None, description="Forwards the requests without inspection; excludes secured."
    )

    @model_validator(mode="after")
    def _is_treated_in_one_way(self) -> Route:
        treatments = {"secured": self.secured, "unsecured": self.unsecured}
        check_at_most_one(treatments, [key for key, treatment in treatments.items() if treatment is not None])
        return self

    @property
    def treatment(self) -> Secured | Unsecured:
        return self.unsecured or self.secured or Secured()


def _or_one_route(routes: tuple[Route, ...]) -> tuple[Route, ...]:
    return routes or (Route(),)


class Application(Model):
    """One port of the pod."""

    container_port: Annotated[int, Field(ge=1, le=65535)] = Field(
        8080, description="TCP port of the application whose traffic this is about."
    )
    downstream: Downstream = Field(Downstream(), description="Traffic between clients and the gateway.")
    envoy_http_filter_refs: EnvoyHttpFilters = Field(
        EnvoyHttpFilters(),
        description="Filters written for another proxy; not supported.",
    )
    routes: Annotated[Items[Route], Field(max_length=128), AfterValidator(_or_one_route)] = Field(
        (Route(),),
        description="Routes, of which the first with a fitting prefix decides; one secured route for all "
        "paths if absent or empty.",
    )
    telemetry_ref: Maybe[Reference] = Field(
        None, description="Telemetry to apply; without it the defaults of Telemetry apply."
    )
    upstream: Upstream = Field(Upstream(), description="Traffic between the gateway and the application.")


class PodSelector(Model):
    """Which pods, by their labels."""

    match_labels: dict[str, str] = Field(
        {}, description="Labels a pod must have besides the injection label; without any, that one is enough."
    )


class SidecarGatewaySpec(Model):
    """The pods and their traffic."""

    applications: Items[Application] = Field(
        min_length=1, max_length=16, description="The ports of the pods that are protected."
    )
    envoy_cluster_refs: Items[Reference] = Field(
        (),
        max_length=128,
        description="EnvoyCluster objects for filters of another proxy; without effect.",
    )
    pod_selector: PodSelector = Field(
        PodSelector(), description="The pods of the namespace that are protected."
    )
    session_handling_ref: Maybe[Reference] = Field(
        None, description="SessionHandling to apply; not supported yet."
    )


class SidecarGateway(Object):
    """Protects the pods of a namespace that have the injection label and fit the selector."""

    PLURAL: ClassVar[str] = "sidecargateways"

    kind: Literal["SidecarGateway"]
    spec: SidecarGatewaySpec = Field(description="The pods and their traffic.")

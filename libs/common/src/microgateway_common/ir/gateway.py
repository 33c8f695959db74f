"""One SidecarGateway, ready for an engine (CRD SidecarGateway)."""

from __future__ import annotations

from typing import Any

import msgspec
from msgspec import Struct

from microgateway_common.names import GatewayKey

from .deny_rules import DenyRules
from .header_rewrites import HeaderRewrites
from .limits import Limits
from .origin import Origin
from .parser import Parser
from .telemetry import Telemetry
from .tls import Cleartext, ClientTls, ServerTls, Xfcc


class AutoProtocol(Struct, frozen=True, tag="auto"):
    """HTTP/1.1, or HTTP/2 where the peer asks for it."""

    allow_connect: bool


class Http1Protocol(Struct, frozen=True, tag="http1"):
    """HTTP/1.1 only."""


class Http2Protocol(Struct, frozen=True, tag="http2"):
    """HTTP/2 only."""

    allow_connect: bool


Protocol = AutoProtocol | Http1Protocol | Http2Protocol


class ConnectionAddress(Struct, frozen=True, tag="connection"):
    """The client is the peer of the TCP connection."""


class HeaderAddress(Struct, frozen=True, tag="header"):
    """The client is named by a header; without it the request is refused with 403 when required."""

    name: str
    required: bool


class ForwardedHops(Struct, frozen=True, tag="hops"):
    """The entry of X-Forwarded-For that this many trusted proxies back from the right was added."""

    trusted: int


class ForwardedRanges(Struct, frozen=True, tag="ranges"):
    """The right-most entry of X-Forwarded-For outside the trusted CIDR ranges; else the left-most."""

    trusted: tuple[str, ...]


RemoteAddress = ConnectionAddress | HeaderAddress | ForwardedHops | ForwardedRanges


class DownstreamTimeouts(Struct, frozen=True):
    """Seconds; 0 switches one off."""

    idle: float
    max_duration: float
    request_headers: float


class Downstream(Struct, frozen=True):
    """headers_length: bytes of the request line and all headers, above which the answer is 431."""

    protocol: Protocol
    remote_address: RemoteAddress
    normalize_path: bool
    merge_slashes: bool
    headers_length: int
    timeouts: DownstreamTimeouts
    tls: Cleartext | ServerTls = Cleartext()
    xfcc: Xfcc = Xfcc.SANITIZE


class UpstreamTimeouts(Struct, frozen=True):
    """Seconds; 0 switches one off."""

    idle: float
    max_duration: float


class Upstream(Struct, frozen=True):
    protocol: Protocol
    timeouts: UpstreamTimeouts
    tls: Cleartext | ClientTls = Cleartext()


class ContentSecurity(Struct, frozen=True):
    """One policy over the content of requests and responses."""

    origin: Origin
    parser: Parser
    limits: Limits
    deny_rules: DenyRules
    header_rewrites: HeaderRewrites


class Unsecured(Struct, frozen=True, tag="unsecured"):
    """Requests are forwarded without inspection and without rewrites."""


class Secured(Struct, frozen=True, tag="secured"):
    """content_security: key into GatewayConfig.content_securities."""

    content_security: str


class Route(Struct, frozen=True):
    path_prefix: str
    treatment: Secured | Unsecured


class Application(Struct, frozen=True):
    """One port of the pod. routes: the first whose prefix fits decides; no fit is refused."""

    port: int
    downstream: Downstream
    upstream: Upstream
    routes: tuple[Route, ...]
    telemetry: Telemetry


class GatewayConfig(Struct, frozen=True):
    """secrets: certificates, keys and revocation lists in PEM, each by the name that other parts use for
    it. No representation shows them; whoever writes a configuration out takes it `without_secrets`."""

    gateway: GatewayKey
    origin: Origin
    content_securities: dict[str, ContentSecurity]
    applications: tuple[Application, ...]
    secrets: dict[str, bytes] = {}

    def without_secrets(self) -> GatewayConfig:
        """The same with an empty value for each secret."""
        return msgspec.structs.replace(self, secrets=dict.fromkeys(self.secrets, b""))

    def __repr__(self) -> str:
        fields = ", ".join(f"{name}={value!r}" for name, value in self.__rich_repr__())
        return f"{type(self).__name__}({fields})"

    def __rich_repr__(self) -> list[tuple[str, Any]]:
        shown = msgspec.structs.asdict(self) | {"secrets": tuple(self.secrets)}
        return list(shown.items())

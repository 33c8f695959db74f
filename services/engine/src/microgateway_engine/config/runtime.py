"""Runtime: a GatewayConfig made ready. Building it may fail; using it cannot."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, assert_never

from msgspec import Struct

from microgateway_common.ir.gateway import (
    Application,
    AutoProtocol,
    ContentSecurity,
    GatewayConfig,
    Protocol,
    Secured,
    Unsecured,
)
from microgateway_common.ir.header_rewrites import OperationalMode
from microgateway_common.ir.telemetry import Telemetry
from microgateway_common.ir.tls import Cleartext, Xfcc
from microgateway_common.names import Digest, GatewayKey, Generation
from microgateway_common.wire import Header
from microgateway_engine.telemetry.access_log import AccessLogFormat, access_log_format
from microgateway_engine.telemetry.certificates import Expiry, expiries
from microgateway_engine.tls.context import ClientSide, ServerSide, client_side, server_side
from microgateway_inspection.header_rewrites import Rewriter
from microgateway_inspection.policy import Policy
from microgateway_inspection.rule_set import RuleSet

from .client import ClientAddress, client_address

#: Seconds an unused connection to an application is kept that names no time. Application servers close theirs
#: after 5 (uvicorn, Node) or more; a request must not meet a connection that is just being closed.
UPSTREAM_IDLE_TIMEOUT = 4.0


_CLEARTEXT: Final = Cleartext()

_AUTO = AutoProtocol(allow_connect=False)


class Protection(Struct, frozen=True):
    """A content security policy made ready. record_rewrites: log each action on a header."""

    policy: Policy
    request_headers: Rewriter
    response_headers: Rewriter
    record_rewrites: bool


class Route(Struct, frozen=True):
    """prefix: of the normal path. protection: None on an unsecured route."""

    prefix: str
    protection: Protection | None


class ApplicationRuntime(Struct, frozen=True):
    """One port of a gateway's configuration. Durations are seconds, 0 for off."""

    gateway: GatewayKey
    generation: Generation
    port: int
    routes: tuple[Route, ...]
    client_address: ClientAddress
    normalize_path: bool
    merge_slashes: bool
    max_head: int
    idle_timeout: float
    head_timeout: float
    request_timeout: float
    upstream_timeout: float
    upstream_idle_timeout: float
    telemetry: Telemetry
    access_log: AccessLogFormat
    protocol: Protocol = _AUTO
    upstream_protocol: Protocol = _AUTO
    tls: Cleartext | ServerSide = _CLEARTEXT
    xfcc: Xfcc = Xfcc.SANITIZE
    upstream_tls: Cleartext | ClientSide = _CLEARTEXT

    def route(self, path: str) -> Route | None:
        """The first route whose prefix the path has."""
        for route in self.routes:
            if path.startswith(route.prefix):
                return route
        return None


class Runtime(Struct, frozen=True):
    """Everything requests need. A request keeps the one it began with until it ends."""

    gateway: GatewayKey
    generation: Generation
    digest: Digest
    applications: Mapping[int, ApplicationRuntime]
    certificates: tuple[Expiry, ...] = ()


def build(header: Header, config: GatewayConfig, rules: RuleSet) -> Runtime:
    """Make a configuration ready. Raises ValueError (PolicyError among them) when it cannot be."""
    protections = {name: _protection(content, rules) for name, content in config.content_securities.items()}
    applications = {
        application.port: _application(header, application, protections, config.secrets)
        for application in config.applications
    }
    return Runtime(config.gateway, header.generation, header.digest, applications, expiries(config))


def _protection(content: ContentSecurity, rules: RuleSet) -> Protection:
    rewrites = content.header_rewrites
    return Protection(
        policy=Policy.compile(content, rules),
        request_headers=Rewriter.compile(rewrites.request),
        response_headers=Rewriter.compile(rewrites.response),
        record_rewrites=rewrites.mode is OperationalMode.INTEGRATION,
    )


def _application(
    header: Header,
    application: Application,
    protections: Mapping[str, Protection],
    secrets: Mapping[str, bytes],
) -> ApplicationRuntime:
    downstream = application.downstream
    upstream = application.upstream
    return ApplicationRuntime(
        gateway=header.gateway,
        generation=header.generation,
        port=application.port,
        routes=tuple(
            Route(route.path_prefix, _treatment(route.treatment, protections)) for route in application.routes
        ),
        client_address=client_address(downstream.remote_address),
        normalize_path=downstream.normalize_path,
        merge_slashes=downstream.merge_slashes,
        max_head=downstream.headers_length,
        idle_timeout=downstream.timeouts.idle,
        head_timeout=downstream.timeouts.request_headers,
        request_timeout=downstream.timeouts.max_duration,
        upstream_timeout=application.upstream.timeouts.max_duration,
        upstream_idle_timeout=_upstream_idle_timeout(application),
        telemetry=application.telemetry,
        access_log=access_log_format(application.telemetry),
        protocol=downstream.protocol,
        upstream_protocol=upstream.protocol,
        tls=(
            _CLEARTEXT
            if isinstance(downstream.tls, Cleartext)
            else server_side(downstream.tls, downstream.protocol, secrets)
        ),
        xfcc=downstream.xfcc,
        upstream_tls=(
            _CLEARTEXT
            if isinstance(upstream.tls, Cleartext)
            else client_side(upstream.tls, upstream.protocol)
        ),
    )


def _upstream_idle_timeout(application: Application) -> float:
    """The client's idle timeout stands in the configuration where none is given for the application
    (CRD SidecarGateway `upstream.timeouts.http.idle`). It would keep connections for longer than
    application servers do."""
    idle = application.upstream.timeouts.idle
    return UPSTREAM_IDLE_TIMEOUT if idle == application.downstream.timeouts.idle else idle


def _treatment(treatment: Secured | Unsecured, protections: Mapping[str, Protection]) -> Protection | None:
    match treatment:
        case Unsecured():
            return None
        case Secured(content_security):
            protection = protections.get(content_security)
            if protection is None:
                raise ValueError(f"expected content security {content_security!r}, got none of that name")
            return protection
        case _:
            assert_never(treatment)

"""A resolved gateway → ir.gateway."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import assert_never

from microgateway_common import wire
from microgateway_common.ir.gateway import (
    Application,
    AutoProtocol,
    ConnectionAddress,
    ContentSecurity,
    Downstream,
    DownstreamTimeouts,
    ForwardedHops,
    ForwardedRanges,
    GatewayConfig,
    HeaderAddress,
    Http1Protocol,
    Http2Protocol,
    Protocol,
    RemoteAddress,
    Route,
    Secured,
    Unsecured,
    Upstream,
    UpstreamTimeouts,
)
from microgateway_common.ir.origin import DefaultOrigin
from microgateway_common.ir.tls import Cleartext, ClientTls, ServerTls, Xfcc
from microgateway_common.names import Digest, gateway_key
from microgateway_common.problems import ObjectRef, Problem, Severity, errors
from microgateway_common.resources import content_security as crd_content_security
from microgateway_common.resources import sidecar_gateway as crd
from microgateway_compiler.resolve import (
    Defaults,
    ResolvedApplication,
    ResolvedContentSecurity,
    ResolvedGateway,
)

from .part import origin_of
from .parts import Parts
from .tls import TlsCompiler

#: Key of the content security without a resource; no name of an object has parentheses.
DEFAULT_CONTENT_SECURITY = "(defaults)"


@dataclass(frozen=True)
class Compiled:
    """A configuration that engines may have."""

    config: GatewayConfig

    @cached_property
    def digest(self) -> Digest:
        """Of its wire bytes. Kept: a status asks for it, and there are many more statuses than
        configurations."""
        return wire.digest_of(wire.encode(self.config))


@dataclass(frozen=True, slots=True)
class Failed:
    """There are errors: engines keep the last good configuration."""


Outcome = Compiled | Failed


def compile_gateway(gateway: ResolvedGateway, parts: Parts) -> tuple[Outcome, tuple[Problem, ...]]:
    """The configuration, and everything that is wrong with the gateway and what it refers to."""
    compiler = _Compiler(gateway, parts)
    config = compiler.config()
    problems = (*gateway.problems, *compiler.problems)
    return Failed() if errors(problems) else Compiled(config), problems


class _Compiler:
    def __init__(self, gateway: ResolvedGateway, parts: Parts) -> None:
        self._gateway = gateway
        self._parts = parts
        self._content_securities: dict[str, ContentSecurity] = {}
        self._tls = TlsCompiler(gateway.resource.ref, gateway.secrets)
        # A dictionary for its order: several routes share one resource, whose problems count once.
        self._problems: dict[Problem, None] = {}

    @property
    def problems(self) -> tuple[Problem, ...]:
        return tuple(self._problems)

    def config(self) -> GatewayConfig:
        resource = self._gateway.resource
        self._report(_shared_ports(resource))
        applications = tuple(
            self._application(f"spec.applications[{position}]", application)
            for position, application in enumerate(self._gateway.applications)
        )
        self._report(tuple(self._tls.problems))
        return GatewayConfig(
            gateway=gateway_key(resource.metadata.namespace, resource.metadata.name),
            origin=origin_of(resource),
            content_securities=dict(sorted(self._content_securities.items())),
            applications=applications,
            secrets=dict(sorted(self._tls.materials.items())),
        )

    def _report(self, problems: Iterator[Problem] | tuple[Problem, ...]) -> None:
        self._problems.update(dict.fromkeys(problems))

    def _application(self, path: str, application: ResolvedApplication) -> Application:
        spec = application.spec
        self._report(_odd_routes(self._gateway.resource.ref, path, spec.routes))
        telemetry = self._parts.telemetry(application.telemetry)
        self._report(telemetry.problems)
        return Application(
            port=spec.container_port,
            downstream=_downstream(
                spec.downstream, self._tls.downstream(f"{path}.downstream.tls", spec.downstream.tls)
            ),
            upstream=_upstream(
                spec.upstream, spec.downstream, self._tls.upstream(f"{path}.upstream.tls", spec.upstream.tls)
            ),
            routes=tuple(
                Route(route.path_prefix, self._treatment(route.treatment)) for route in application.routes
            ),
            telemetry=telemetry.value,
        )

    def _treatment(self, treatment: ResolvedContentSecurity | crd.Unsecured) -> Secured | Unsecured:
        match treatment:
            case crd.Unsecured():
                return Unsecured()
            case ResolvedContentSecurity():
                return self._secured(_key(treatment.resource), treatment)
            case _:
                assert_never(treatment)

    def _secured(self, key: str, resolved: ResolvedContentSecurity) -> Secured:
        if key not in self._content_securities:
            self._content_securities[key] = self._content_security(resolved)
        return Secured(key)

    def _content_security(self, resolved: ResolvedContentSecurity) -> ContentSecurity:
        parser = self._parts.parser(resolved.parser)
        limits = self._parts.limits(resolved.limits)
        deny_rules = self._parts.deny_rules(resolved.deny_rules)
        header_rewrites = self._parts.header_rewrites(resolved.header_rewrites)
        for part in (parser, limits, deny_rules, header_rewrites):
            self._report(part.problems)
        resource = resolved.resource
        return ContentSecurity(
            origin=DefaultOrigin("ContentSecurity")
            if isinstance(resource, Defaults)
            else origin_of(resource),
            parser=parser.value,
            limits=limits.value,
            deny_rules=deny_rules.value,
            header_rewrites=header_rewrites.value,
        )


def _key(resource: crd_content_security.ContentSecurity | Defaults) -> str:
    return DEFAULT_CONTENT_SECURITY if isinstance(resource, Defaults) else resource.metadata.name


def _shared_ports(gateway: crd.SidecarGateway) -> Iterator[Problem]:
    first: dict[int, int] = {}
    for position, application in enumerate(gateway.spec.applications):
        port = application.container_port
        other = first.setdefault(port, position)
        if other != position:
            yield Problem(
                gateway.ref,
                f"spec.applications[{position}].containerPort",
                "a port of its own",
                f"{port}, the port of applications[{other}]",
            )


def _odd_routes(ref: ObjectRef, path: str, routes: tuple[crd.Route, ...]) -> Iterator[Problem]:
    """Prefixes that no path has, and routes behind one that takes all their requests."""
    for position, route in enumerate(routes):
        field = f"{path}.routes[{position}].pathPrefix"
        if not route.path_prefix.startswith("/"):
            yield Problem(ref, field, "a prefix that starts with /", route.path_prefix[:60])
        for earlier, other in enumerate(routes[:position]):
            if route.path_prefix.startswith(other.path_prefix):
                yield Problem(
                    ref,
                    field,
                    "a prefix that no earlier route covers",
                    f"{route.path_prefix[:60]}, whose requests all go to routes[{earlier}]",
                    severity=Severity.WARNING,
                )
                break


def _downstream(downstream: crd.Downstream, tls: Cleartext | ServerTls) -> Downstream:
    timeouts = downstream.timeouts.http
    return Downstream(
        protocol=_protocol(downstream.protocol),
        remote_address=_remote_address(downstream.remote_ip),
        normalize_path=downstream.request_normalizations.normalize_path,
        merge_slashes=downstream.request_normalizations.merge_slashes,
        headers_length=downstream.restrictions.http.headers_length.bytes,
        timeouts=DownstreamTimeouts(
            idle=timeouts.idle.seconds,
            max_duration=timeouts.max_duration.seconds,
            request_headers=timeouts.request_headers.seconds,
        ),
        tls=tls,
        xfcc=Xfcc(downstream.tls.xfcc) if downstream.tls.xfcc is not None else Xfcc.SANITIZE,
    )


def _upstream(upstream: crd.Upstream, downstream: crd.Downstream, tls: Cleartext | ClientTls) -> Upstream:
    """Without an idle timeout of its own, the application's side has that of the clients'."""
    timeouts = upstream.timeouts.http
    idle = downstream.timeouts.http.idle if timeouts.idle is None else timeouts.idle
    return Upstream(
        _protocol(upstream.protocol), UpstreamTimeouts(idle.seconds, timeouts.max_duration.seconds), tls
    )


def _protocol(protocol: crd.Protocol) -> Protocol:
    match protocol:
        case crd.AutoProtocol():
            return AutoProtocol(protocol.http2.allow_connect)
        case crd.Http1Protocol():
            return Http1Protocol()
        case crd.Http2Protocol():
            return Http2Protocol(protocol.allow_connect)
        case _:
            assert_never(protocol)


def _remote_address(remote_ip: crd.RemoteIP) -> RemoteAddress:
    match remote_ip:
        case crd.ConnectionIP():
            return ConnectionAddress()
        case crd.CustomHeader():
            return HeaderAddress(remote_ip.header_name, remote_ip.required)
        case crd.ForwardedFor():
            return _forwarded(remote_ip.trusted)
        case _:
            assert_never(remote_ip)


def _forwarded(trusted: crd.TrustedHops | crd.TrustedRanges) -> ForwardedHops | ForwardedRanges:
    match trusted:
        case crd.TrustedHops(count):
            return ForwardedHops(count)
        case crd.TrustedRanges(ranges):
            return ForwardedRanges(ranges)
        case _:
            assert_never(trusted)

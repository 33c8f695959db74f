"""A SidecarGateway with the objects its references name.

    SidecarGateway ─ routes ─► ContentSecurity ─► Parser, Limits, DenyRules, HeaderRewrites
                   ─ applications ─► Telemetry
                                  ─► Secrets of TLS, where it is enabled

Every reference becomes an object or a problem. An absent one becomes Defaults; so does one that names
nothing, to go on and find what else is wrong, and the error it leaves keeps that from being used.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Protocol, TypeVar

from microgateway_common.names import Namespace
from microgateway_common.problems import ObjectRef, Problem, Reason
from microgateway_common.resources import sidecar_gateway as crd
from microgateway_common.resources.content_security import ContentSecurity
from microgateway_common.resources.deny_rules import DenyRules
from microgateway_common.resources.header_rewrites import HeaderRewrites
from microgateway_common.resources.limits import Limits
from microgateway_common.resources.metadata import Object
from microgateway_common.resources.parser import Parser
from microgateway_common.resources.reference import Reference
from microgateway_common.resources.telemetry import Telemetry
from microgateway_common.resources.tls import (
    DownstreamTls,
    IgnoredClientCertificate,
    OptionalClientCertificate,
    RequiredClientCertificate,
)

from .index import Dependency, NamesOf
from .objects import BrokenResource, CustomResource, KubernetesObject, Secret
from .unsupported import unsupported_in_content_security, unsupported_in_gateway

T = TypeVar("T", bound=Object)


class Lookup(Protocol):
    """Where objects are found."""

    def get(self, ref: ObjectRef) -> KubernetesObject | None: ...

    def names(self, kind: str, namespace: str) -> Iterable[str]: ...


@dataclass(frozen=True, slots=True)
class Defaults:
    """No object is referred to: the documented defaults of the kind apply."""


@dataclass(frozen=True, slots=True)
class ResolvedContentSecurity:
    resource: ContentSecurity | Defaults
    parser: Parser | Defaults = Defaults()
    limits: Limits | Defaults = Defaults()
    deny_rules: DenyRules | Defaults = Defaults()
    header_rewrites: HeaderRewrites | Defaults = Defaults()


@dataclass(frozen=True, slots=True)
class ResolvedRoute:
    path_prefix: str
    treatment: ResolvedContentSecurity | crd.Unsecured


@dataclass(frozen=True, slots=True)
class ResolvedApplication:
    spec: crd.Application
    routes: tuple[ResolvedRoute, ...]
    telemetry: Telemetry | Defaults


@dataclass(frozen=True, slots=True)
class ResolvedGateway:
    """depends_on: every object that was looked up, those that do not exist among them.
    secrets: those that the gateway refers to and that exist, by name.
    """

    resource: crd.SidecarGateway
    applications: tuple[ResolvedApplication, ...]
    problems: tuple[Problem, ...]
    depends_on: frozenset[Dependency]
    secrets: Mapping[str, Secret]


def resolve(gateway: crd.SidecarGateway, lookup: Lookup) -> ResolvedGateway:
    return _Resolver(gateway, lookup).resolve()


class _Resolver:
    def __init__(self, gateway: crd.SidecarGateway, lookup: Lookup) -> None:
        self._gateway = gateway
        self._lookup = lookup
        self._content_securities: dict[str, ResolvedContentSecurity] = {}
        self._depends_on: set[Dependency] = {gateway.ref}
        self._broken: set[ObjectRef] = set()
        self._secrets: dict[str, Secret] = {}
        self._problems = list(unsupported_in_gateway(gateway))

    def resolve(self) -> ResolvedGateway:
        applications = tuple(
            self._application(f"spec.applications[{position}]", application)
            for position, application in enumerate(self._gateway.spec.applications)
        )
        return ResolvedGateway(
            self._gateway, applications, tuple(self._problems), frozenset(self._depends_on), self._secrets
        )

    def _application(self, path: str, application: crd.Application) -> ResolvedApplication:
        routes = tuple(
            ResolvedRoute(route.path_prefix, self._treatment(f"{path}.routes[{position}]", route))
            for position, route in enumerate(application.routes)
        )
        telemetry = self._find(
            self._gateway.ref, f"{path}.telemetryRef.name", Telemetry, application.telemetry_ref
        )
        for field, reference in secrets_of_tls(application.downstream.tls):
            self._find_secret(f"{path}.downstream.tls.{field}.name", reference)
        return ResolvedApplication(application, routes, telemetry)

    def _find_secret(self, field: str, reference: Reference) -> None:
        """An object of the gateway's namespace, to be found among the secrets."""
        ref = ObjectRef(Secret.__name__, self._gateway.ref.namespace, reference.name)
        self._depends_on.add(ref)
        match self._lookup.get(ref):
            case Secret() as secret:
                self._secrets[reference.name] = secret
            case _:
                self._refers_to_nothing(self._gateway.ref, field, ref)

    def _treatment(self, path: str, route: crd.Route) -> ResolvedContentSecurity | crd.Unsecured:
        match route.treatment:
            case crd.Unsecured() as unsecured:
                return unsecured
            case crd.Secured(content_security_ref=reference):
                field = f"{path}.secured.contentSecurityRef.name"
                return self._content_security(
                    self._find(self._gateway.ref, field, ContentSecurity, reference)
                )

    def _content_security(self, resource: ContentSecurity | Defaults) -> ResolvedContentSecurity:
        """Resolved once, so that its problems are reported once however many routes share it."""
        if isinstance(resource, Defaults):
            return ResolvedContentSecurity(resource)
        name = resource.metadata.name
        if name not in self._content_securities:
            self._problems += unsupported_in_content_security(resource)
            owner, spec = resource.ref, resource.spec
            self._content_securities[name] = ResolvedContentSecurity(
                resource,
                parser=self._find(owner, "spec.parserRef.name", Parser, spec.parser_ref),
                limits=self._find(owner, "spec.limitsRef.name", Limits, spec.limits_ref),
                deny_rules=self._find(
                    owner, "spec.filter.denyRulesRef.name", DenyRules, spec.filter.deny_rules_ref
                ),
                header_rewrites=self._find(
                    owner, "spec.headerRewritesRef.name", HeaderRewrites, spec.header_rewrites_ref
                ),
            )
        return self._content_securities[name]

    def _find(self, owner: ObjectRef, field: str, kind: type[T], reference: Reference | None) -> T | Defaults:
        """The object of the owner's namespace that a field refers to."""
        if reference is None:
            return Defaults()
        ref = ObjectRef(kind.__name__, owner.namespace, reference.name)
        self._depends_on.add(ref)
        match self._lookup.get(ref):
            case CustomResource(resource=resource) if isinstance(resource, kind):
                return resource
            case BrokenResource() as broken:
                self._refers_to_broken(owner, field, broken)
            case _:
                self._refers_to_nothing(owner, field, ref)
        return Defaults()

    def _refers_to_broken(self, owner: ObjectRef, field: str, broken: BrokenResource) -> None:
        count = len(broken.problems)
        got = f"one with {count} error{'s' if count > 1 else ''}"
        self._problems.append(
            Problem(owner, field, f"a valid {broken.ref}", got, reason=Reason.BROKEN_REFERENCE)
        )
        if broken.ref not in self._broken:
            self._broken.add(broken.ref)
            self._problems += broken.problems

    def _refers_to_nothing(self, owner: ObjectRef, field: str, ref: ObjectRef) -> None:
        self._depends_on.add(NamesOf(ref.kind, Namespace(ref.namespace)))
        names = sorted(self._lookup.names(ref.kind, ref.namespace))
        near = difflib.get_close_matches(ref.name, names, n=1)
        hint = f" (did you mean {near[0]}?)" if near else ""
        self._problems.append(
            Problem(
                owner,
                field,
                f"a {ref.kind} named {ref.name} in namespace {ref.namespace}",
                f"none{hint}",
                reason=Reason.DANGLING_REFERENCE,
            )
        )


def secrets_of_tls(tls: DownstreamTls) -> Iterator[tuple[str, Reference]]:
    """Field below `downstream.tls` and reference of each Secret; none while TLS is not enabled."""
    if not tls.enable:
        return
    if tls.secret_ref is not None:
        yield "secretRef", tls.secret_ref
    match tls.client_certificate:
        case IgnoredClientCertificate():
            return
        case OptionalClientCertificate() as client:
            path = "clientCertificate.optional"
        case RequiredClientCertificate() as client:
            path = "clientCertificate.required"
    authorities = client.trusted_ca.certificates if client.trusted_ca is not None else ()
    for position, source in enumerate(authorities):
        yield f"{path}.trustedCA.certificates[{position}].secretRef", source.secret_ref
    for position, source in enumerate(client.crl.lists if client.crl is not None else ()):
        yield f"{path}.crl.lists[{position}].secretRef", source.secret_ref

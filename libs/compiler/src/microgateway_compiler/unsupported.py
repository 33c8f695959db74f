"""Fields of the interface that this gateway does not act on (yet).

An error where ignoring the field would loosen security or break traffic, so that nobody believes in
a protection that is not there; a warning where nothing is lost but a feature.
"""

from __future__ import annotations

from collections.abc import Iterator

from microgateway_common.problems import ObjectRef, Problem, Reason, Severity
from microgateway_common.resources.content_security import ContentSecurity
from microgateway_common.resources.sidecar_gateway import (
    Application,
    Secured,
    SidecarGateway,
)


def unsupported_in_gateway(gateway: SidecarGateway) -> Iterator[Problem]:
    ref, spec = gateway.ref, gateway.spec
    if spec.session_handling_ref is not None:
        yield _error(ref, "spec.sessionHandlingRef", "no session handling", spec.session_handling_ref.name)
    if spec.envoy_cluster_refs:
        # Clusters serve nobody but the filters, which are an error where they are used.
        count = f"{len(spec.envoy_cluster_refs)}, which have no effect"
        yield _warning(ref, "spec.envoyClusterRefs", "no clusters", count)
    for position, application in enumerate(spec.applications):
        yield from _in_application(ref, f"spec.applications[{position}]", application)


def unsupported_in_content_security(resource: ContentSecurity) -> Iterator[Problem]:
    ref, spec = resource.ref, resource.spec
    references = {
        "spec.apiProtection.openAPIRef": spec.api_protection and spec.api_protection.open_api_ref,
        "spec.apiProtection.graphQLRef": spec.api_protection and spec.api_protection.graph_ql_ref,
        "spec.apiProtectionRef": spec.api_protection_ref,
        "spec.csrfProtectionRef": spec.csrf_protection_ref,
    }
    for field, reference in references.items():
        if reference:
            what = "CSRF protection" if field == "spec.csrfProtectionRef" else "API protection"
            yield _error(ref, field, f"no {what}", reference.name)


def _in_application(ref: ObjectRef, path: str, application: Application) -> Iterator[Problem]:
    filters = application.envoy_http_filter_refs
    for field, references in (("prepend", filters.prepend), ("append", filters.append)):
        if references:
            names = ", ".join(reference.name for reference in references[:3])
            yield _error(ref, f"{path}.envoyHTTPFilterRefs.{field}", "no Envoy filters", names)
    for position, route in enumerate(application.routes):
        match route.treatment:
            case Secured(access_control_ref=reference) if reference is not None:
                field = f"{path}.routes[{position}].secured.accessControlRef"
                yield _error(ref, field, "no access control", reference.name)


def _error(ref: ObjectRef, field: str, expected: str, got: str) -> Problem:
    return Problem(ref, field, f"{expected} (not supported yet)", got, reason=Reason.NOT_SUPPORTED)


def _warning(ref: ObjectRef, field: str, expected: str, got: str) -> Problem:
    return Problem(
        ref,
        field,
        f"{expected} (not supported yet)",
        got,
        reason=Reason.NOT_SUPPORTED,
        severity=Severity.WARNING,
    )

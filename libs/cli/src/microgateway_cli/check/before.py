"""The checks of `--pre`: can it be installed here, by whoever asks."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator
from typing import Any

from microgateway_common.resources.crd import definition
from microgateway_common.resources.metadata import GROUP
from microgateway_common.resources.registry import KINDS
from microgateway_reconciler.kubernetes.api import ApiServer

from .definitions import contains, schema_of
from .expected import CNI, RIGHTS, Right, When, Where
from .finding import Finding, failed, listed, ok, unread, warning
from .reading import CRDS, Reader
from .snapshot import Missing, Places, Unread

#: Minor versions of Kubernetes 1: what every overlay needs, and what the overlay dev does.
ALL, DEV = 26, 20

#: group, resource, whether it is in a namespace of ours.
_INSTALLED = (
    ("apiextensions.k8s.io", "customresourcedefinitions", False),
    ("", "namespaces", False),
    ("admissionregistration.k8s.io", "mutatingwebhookconfigurations", False),
    ("admissionregistration.k8s.io", "validatingwebhookconfigurations", False),
    ("rbac.authorization.k8s.io", "clusterroles", False),
    ("rbac.authorization.k8s.io", "clusterrolebindings", False),
    ("rbac.authorization.k8s.io", "roles", True),
    ("rbac.authorization.k8s.io", "rolebindings", True),
    ("", "serviceaccounts", True),
    ("", "services", True),
    ("", "configmaps", True),
    ("apps", "deployments", True),
    ("apps", "daemonsets", True),
    ("networking.k8s.io", "networkpolicies", True),
    ("policy", "poddisruptionbudgets", True),
)


async def check(api: ApiServer, places: Places) -> list[Finding]:
    """Raises NoApiServerError."""
    reader = Reader(api)
    found = [version(await reader.version())]
    found.append(await _may_install(reader, places))
    found.append(await _may_grant(reader, places))
    return [*found, *await _definitions(reader)]


def version(raw: dict[str, Any]) -> Finding:
    """raw: of /version."""
    words = str(raw.get("gitVersion"))
    read = re.match(r"v1\.(\d+)", words)
    if read is None:
        return warning(
            "version", f"expected v1.MINOR.PATCH, got {words}", "install on Kubernetes 1.26 or later"
        )
    minor = int(read[1])
    if minor < DEV:
        return failed("version", f"{words} is older than 1.{DEV}", f"install on Kubernetes 1.{ALL} or later")
    if minor < ALL:
        return warning("version", f"{words}: only the overlay dev works before 1.{ALL}", "use overlays/dev")
    return ok("version", words)


async def _may_install(reader: Reader, places: Places) -> Finding:
    asked = []
    for group, resource, is_ours in _INSTALLED:
        for verb in ("create", "patch"):
            right = Right(Where.OWN if is_ours else Where.CLUSTER, group, resource, verb)
            for namespace in (places.system, places.cni) if is_ours else ("",):
                asked.append((right, namespace))
    answers = await asyncio.gather(*(reader.may(None, right, namespace) for right, namespace in asked))
    lacking = {str(right) for (right, _), may in zip(asked, answers, strict=True) if may is False}
    hidden = next((each for each in answers if isinstance(each, Unread)), None)
    if hidden is not None:
        return unread("install", "ask what you may", hidden.reason)
    if lacking:
        return failed("install", f"you may not {listed(lacking)}", "let a cluster administrator install it")
    return ok(
        "install", f"you may create and change all {len(_INSTALLED)} kinds of objects of an installation"
    )


async def _may_grant(reader: Reader, places: Places) -> Finding:
    """The API server lets nobody grant what they do not have, unless they may `escalate`."""
    escalate = Right(Where.CLUSTER, "rbac.authorization.k8s.io", "clusterroles", "escalate")
    if await reader.may(None, escalate, "") is True:
        return ok("grant", "you may give the service accounts their rights")
    asked = [
        (right, "" if right.where is not Where.OWN else places.cni if account == CNI else places.system)
        for account, rights in RIGHTS.items()
        for right in rights
    ]
    answers = await asyncio.gather(*(reader.may(None, right, namespace) for right, namespace in asked))
    lacking = {
        str(right)
        for (right, _), may in zip(asked, answers, strict=True)
        if may is False and right.when is not When.SOMETIMES
    }
    if lacking:
        return failed(
            "grant",
            f"you cannot give away what you may not: {listed(lacking)}",
            "let a cluster administrator install it",
        )
    return ok("grant", "you may give the service accounts their rights")


async def _definitions(reader: Reader) -> list[Finding]:
    found = {kind: await reader.one(f"{CRDS}/{model.PLURAL}.{GROUP}") for kind, model in KINDS.items()}
    return list(_compared(found))


def _compared(found: dict[str, Any]) -> Iterator[Finding]:
    hidden = next((each for each in found.values() if isinstance(each, Unread)), None)
    there = {kind: raw for kind, raw in found.items() if isinstance(raw, dict)}
    other = [kind for kind, raw in there.items() if not contains(schema_of(raw), schema_of(definition(kind)))]
    if hidden is not None:
        yield unread("definitions", "read them", hidden.reason)
    elif other:
        yield warning(
            "definitions", f"there are others of the group {GROUP}: {listed(other)}",
            "of an earlier version they are replaced; of another product it must be removed first",
        )  # fmt: skip
    elif all(isinstance(each, Missing) for each in found.values()):
        yield ok("definitions", f"nobody else's are of the group {GROUP}")
    else:
        yield ok("definitions", "those that are there are of this version")

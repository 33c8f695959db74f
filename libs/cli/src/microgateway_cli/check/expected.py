"""The rights that each service account needs: those of deploy/kustomize, with which a test compares them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from enum import Enum, auto
from typing import NamedTuple

from microgateway_common.resources.metadata import GROUP
from microgateway_common.resources.registry import KINDS


class Where(Enum):
    #: In the whole cluster, or in each namespace that is worked in.
    WORK = auto()
    #: In the whole cluster.
    CLUSTER = auto()
    #: In the account's own namespace.
    OWN = auto()


class When(Enum):
    ALWAYS = auto()
    #: The webhook keeps its certificates itself, without cert-manager.
    OWN_CERTIFICATES = auto()
    #: Redis is the one that is installed with it.
    OWN_REDIS = auto()
    #: Only some settings need it; its absence is no fault.
    SOMETIMES = auto()


class Right(NamedTuple):
    """resource: with its subresource. name: empty for any."""

    where: Where
    group: str
    resource: str
    verb: str
    name: str = ""
    when: When = When.ALWAYS

    def __str__(self) -> str:
        kind = f"{self.resource}.{self.group}" if self.group else self.resource
        return f"{self.verb} {kind}" + (f" {self.name}" if self.name else "")


RECONCILER, WEBHOOK, CONFIG_API, CNI = (
    "microgateway-reconciler", "microgateway-webhook", "microgateway-config-api", "microgateway-cni",
)  # fmt: skip

_PLURALS = sorted(kind.PLURAL for kind in KINDS.values())


def _rights(
    where: Where,
    group: str,
    resources: Iterable[str],
    verbs: str,
    names: tuple[str, ...] = ("",),
    when: When = When.ALWAYS,
) -> Iterator[Right]:
    """verbs: separated by blanks."""
    for resource in resources:
        for verb in verbs.split():
            for name in names:
                yield Right(where, group, resource, verb, name, when)


_WEBHOOKS = ("mutatingwebhookconfigurations", "validatingwebhookconfigurations")

#: By service account.
RIGHTS: Mapping[str, tuple[Right, ...]] = {
    RECONCILER: (
        *_rights(Where.WORK, GROUP, _PLURALS, "list watch"),
        *_rights(Where.WORK, GROUP, [f"{plural}/status" for plural in _PLURALS], "patch"),
        *_rights(Where.WORK, "", ["pods"], "list watch"),
        *_rights(Where.CLUSTER, "", ["namespaces"], "list watch", when=When.SOMETIMES),
        *_rights(Where.WORK, "", ["secrets"], "get list watch"),
        *_rights(Where.WORK, "", ["secrets"], "create patch delete", ("microgateway-bootstrap",)),
        *_rights(Where.WORK, "events.k8s.io", ["events"], "create"),
        *_rights(Where.OWN, "coordination.k8s.io", ["leases"], "create"),
        *_rights(Where.OWN, "coordination.k8s.io", ["leases"], "get update", ("microgateway-reconciler",)),
        *_rights(Where.OWN, "", ["secrets"], "create"),
        *_rights(Where.OWN, "", ["secrets"], "get update", ("microgateway-keys",)),
        *_rights(
            Where.OWN, "", ["secrets"], "patch", ("microgateway-redis", "microgateway-redis-reader"),
            When.OWN_REDIS,
        ),
    ),
    WEBHOOK: (
        *_rights(
            Where.CLUSTER, "admissionregistration.k8s.io", _WEBHOOKS, "get patch", ("microgateway-webhook",),
            When.OWN_CERTIFICATES,
        ),
        *_rights(Where.WORK, "", ["namespaces"], "get"),
        *_rights(Where.WORK, GROUP, [each for each in _PLURALS if each != "sidecargateways"], "get"),
        *_rights(
            Where.OWN, "", ["secrets"], "get update", ("microgateway-webhook-certificates",),
            When.OWN_CERTIFICATES,
        ),
        *_rights(Where.OWN, "", ["secrets"], "create", when=When.OWN_CERTIFICATES),
        *_rights(Where.OWN, "events.k8s.io", ["events"], "create"),
    ),
    CONFIG_API: (
        *_rights(Where.CLUSTER, "authentication.k8s.io", ["tokenreviews"], "create"),
        *_rights(Where.CLUSTER, "authorization.k8s.io", ["subjectaccessreviews"], "create"),
    ),
    CNI: (
        *_rights(Where.CLUSTER, "", ["pods"], "get list watch"),
        *_rights(Where.CLUSTER, "", ["events"], "create"),
        *_rights(Where.OWN, "apps", ["daemonsets"], "get", ("microgateway-cni",)),
    ),
}  # fmt: skip

"""Look-alike strings and numbers, kept apart by type."""

from __future__ import annotations

from typing import NewType

Namespace = NewType("Namespace", str)

#: `namespace/name` of a SidecarGateway.
GatewayKey = NewType("GatewayKey", str)

#: `namespace/name` of a pod; an engine is known by its pod.
PodKey = NewType("PodKey", str)

#: `metadata.uid` of a pod: tells a pod from its predecessor by the same name. Empty where nobody knows it,
#: as in a folder of manifests.
PodUid = NewType("PodUid", str)

UNKNOWN_UID = PodUid("")

#: Names a key without telling it: of signatures, and of sealed secrets.
KeyId = NewType("KeyId", str)

#: Milliseconds since the epoch at which a configuration was compiled, made strictly increasing per
#: gateway. A time and not a counter, so that it keeps growing when Redis and the reconciler both
#: lost their memory (docs/decisions/0003).
Generation = NewType("Generation", int)

#: Fencing token of the publishing reconciler: of two leaders the newer has the larger term.
Term = NewType("Term", int)

#: `sha256:` and the hexadecimal SHA-256 of a bundle's payload.
Digest = NewType("Digest", str)

#: A deny rule's key as the DenyRules resource spells it, `SQL` or `XSS`; custom rules bring their own.
RuleKey = NewType("RuleKey", str)


def gateway_key(namespace: str, name: str) -> GatewayKey:
    return GatewayKey(f"{namespace}/{name}")


def pod_key(namespace: str, name: str) -> PodKey:
    return PodKey(f"{namespace}/{name}")


def split_key(key: GatewayKey | PodKey) -> tuple[Namespace, str]:
    """`(namespace, name)` of a key."""
    namespace, _, name = key.partition("/")
    return Namespace(namespace), name

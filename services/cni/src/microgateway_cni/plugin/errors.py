"""Errors as the CNI specification wants them: an object on stdout and exit code 1 (CNI spec 1.1.0, "Error").

Codes below 100 are the specification's; the others are ours and stable, as alerts may look for them.
"""

from __future__ import annotations

from enum import IntEnum


class Code(IntEnum):
    INCOMPATIBLE_VERSION = 1
    INVALID_ENVIRONMENT = 4
    UNDECODABLE = 6
    INVALID_CONFIGURATION = 7
    TRY_AGAIN_LATER = 11
    #: The pod is labelled, but nothing injected an engine into it.
    ENGINE_MISSING = 100
    #: The pod's annotations do not say what to redirect.
    INVALID_ANNOTATION = 101
    #: nft refused, or could not be run.
    RULES_NOT_SET = 102
    #: CHECK: the rules in the namespace are not those that ADD set.
    RULES_DIFFER = 103
    #: A bug of ours met a pod that must be protected.
    INTERNAL = 199


class CniError(Exception):
    """msg: one sentence, shown in the pod's events by the kubelet. details: for who looks closer."""

    def __init__(self, code: Code, msg: str, details: str = "") -> None:
        super().__init__(f"{msg}: {details}" if details else msg)
        self.code = code
        self.msg = msg
        self.details = details

    def to_object(self, cni_version: str) -> dict[str, object]:
        found: dict[str, object] = {"cniVersion": cni_version, "code": int(self.code), "msg": self.msg}
        return {**found, "details": self.details} if self.details else found

"""Why a bundle or an assignment was refused."""

from __future__ import annotations

from enum import StrEnum


class WireErrorKind(StrEnum):
    """UNTRUSTED: nobody vouches for it who would have to. FORGED: the signature is not that key's over these
    bytes. REPLAYED: older than what was accepted before."""

    NOT_A_BUNDLE = "not_a_bundle"
    UNKNOWN_SCHEMA = "unknown_schema"
    OVERSIZE = "oversize"
    MALFORMED = "malformed"
    UNTRUSTED = "untrusted"
    UNKNOWN_KEY = "unknown_key"
    FORGED = "forged"
    DIGEST_MISMATCH = "digest_mismatch"
    WRONG_GATEWAY = "wrong_gateway"
    WRONG_POD = "wrong_pod"
    REPLAYED = "replayed"
    SEALED = "sealed"
    INVALID_PAYLOAD = "invalid_payload"


class WireError(ValueError):
    """What came must not be applied. kind is bounded and serves as a metric label."""

    def __init__(self, kind: WireErrorKind, message: str) -> None:
        super().__init__(message)
        self.kind = kind

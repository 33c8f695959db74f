"""Why a bundle was refused."""

from __future__ import annotations

from enum import StrEnum


class WireErrorKind(StrEnum):
    NOT_A_BUNDLE = "not_a_bundle"
    UNKNOWN_SCHEMA = "unknown_schema"
    MALFORMED = "malformed"
    DIGEST_MISMATCH = "digest_mismatch"
    UNTRUSTED = "untrusted"
    WRONG_GATEWAY = "wrong_gateway"
    INVALID_PAYLOAD = "invalid_payload"


class WireError(ValueError):
    """A bundle that must not be applied. kind is bounded and serves as a metric label."""

    def __init__(self, kind: WireErrorKind, message: str) -> None:
        super().__init__(message)
        self.kind = kind

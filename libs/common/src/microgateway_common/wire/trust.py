"""Who vouches for a bundle, and whom an engine believes.

Signature is a closed union; a signing scheme is one more member here, one Signer and one Trust.
"""

from __future__ import annotations

from typing import Protocol

from msgspec import Struct

from .errors import WireError, WireErrorKind


class Unsigned(Struct, frozen=True, tag="unsigned"):
    """Nobody vouches; whoever may write to Redis may configure engines."""


Signature = Unsigned


class Signer(Protocol):
    def sign(self, header: bytes) -> Signature:
        """The signature over an encoded Header."""


class Trust(Protocol):
    def check(self, header: bytes, signature: Signature) -> None:
        """Return when the signature over the encoded Header is good; else raise WireError (UNTRUSTED)."""


class LeaveUnsigned:
    """Signer of installations whose engines accept unsigned bundles."""

    def sign(self, header: bytes) -> Signature:  # noqa: ARG002 - the Signer interface
        return Unsigned()


class AcceptUnsigned:
    """Trust in whoever may write to Redis: local development."""

    def check(self, header: bytes, signature: Signature) -> None:  # noqa: ARG002 - the Trust interface
        if not isinstance(signature, Unsigned):
            raise WireError(
                WireErrorKind.UNTRUSTED, f"expected an unsigned bundle, got {type(signature).__name__}"
            )

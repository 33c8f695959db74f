"""Who vouches for what goes over the bus, whom an engine believes, and how secrets travel.

Signature and Secrets are closed unions. What needs cryptography is in `microgateway_common.trust`; here are
the interfaces, and what an installation without keys uses.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from msgspec import Struct

from microgateway_common.names import GatewayKey, KeyId

from .errors import WireError, WireErrorKind


class Unsigned(Struct, frozen=True, tag="unsigned"):
    """Nobody vouches; whoever may write to Redis may configure engines."""


class Ed25519(Struct, frozen=True, tag="ed25519"):
    """RFC 8032. value: 64 bytes."""

    key: KeyId
    value: bytes


Signature = Unsigned | Ed25519


class PlainSecrets(Struct, frozen=True, tag="plain"):
    """Whoever may read Redis may read them."""

    values: dict[str, bytes]


class SealedSecrets(Struct, frozen=True, tag="sealed"):
    """data: the values, encrypted with a key that only engines of the namespace have."""

    key: KeyId
    data: bytes


Secrets = PlainSecrets | SealedSecrets


class Signer(Protocol):
    def sign(self, message: bytes) -> Signature:
        """The signature over a message."""

    def made(self, signature: Signature) -> bool:
        """Whether the signature is one that `sign` could make now; says nothing of any message."""

    def seal(self, gateway: GatewayKey, secrets: Mapping[str, bytes]) -> Secrets:
        """Equal secrets of a gateway give equal results, so that they have equal digests."""

    def sealed_by(self, gateway: GatewayKey) -> KeyId:
        """The key that `seal` uses; empty for none."""


class Trust(Protocol):
    def check(self, message: bytes, signature: Signature) -> None:
        """Return when the signature over the message is good; else raise WireError (UNTRUSTED, UNKNOWN_KEY,
        FORGED)."""

    def unseal(self, gateway: GatewayKey, secrets: Secrets) -> dict[str, bytes]:
        """What `seal` was given. Raises WireError (SEALED)."""


class LeaveUnsigned:
    """Signer of installations whose engines accept unsigned bundles."""

    def sign(self, message: bytes) -> Signature:  # noqa: ARG002 - the Signer interface
        return Unsigned()

    def made(self, signature: Signature) -> bool:
        return isinstance(signature, Unsigned)

    def seal(self, gateway: GatewayKey, secrets: Mapping[str, bytes]) -> Secrets:  # noqa: ARG002
        return PlainSecrets(dict(secrets))

    def sealed_by(self, gateway: GatewayKey) -> KeyId:  # noqa: ARG002
        return KeyId("")


class AcceptUnsigned:
    """Trust in whoever may write to Redis: local development."""

    def check(self, message: bytes, signature: Signature) -> None:  # noqa: ARG002 - the Trust interface
        if not isinstance(signature, Unsigned):
            raise WireError(
                WireErrorKind.UNTRUSTED, f"expected an unsigned bundle, got {type(signature).__name__}"
            )

    def unseal(self, gateway: GatewayKey, secrets: Secrets) -> dict[str, bytes]:
        match secrets:
            case PlainSecrets(values):
                return values
            case SealedSecrets(key):
                raise WireError(
                    WireErrorKind.SEALED, f"secrets of {gateway}: expected plain ones, got sealed with {key}"
                )


class TrustNobody:
    """Before there are keys."""

    def check(self, message: bytes, signature: Signature) -> None:  # noqa: ARG002 - the Trust interface
        raise WireError(WireErrorKind.UNKNOWN_KEY, "expected keys to check signatures with, got none yet")

    def unseal(self, gateway: GatewayKey, secrets: Secrets) -> dict[str, bytes]:  # noqa: ARG002
        raise WireError(WireErrorKind.SEALED, f"secrets of {gateway}: expected a key, got none yet")


class ShowToPeople:
    """For readers that apply nothing: any signature will do, since what engines refuse must be visible;
    secrets stay where they are."""

    def check(self, message: bytes, signature: Signature) -> None:
        pass

    def unseal(self, gateway: GatewayKey, secrets: Secrets) -> dict[str, bytes]:  # noqa: ARG002
        return {}

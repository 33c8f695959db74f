"""Ed25519 (RFC 8032): Authority signs and seals, KeyRing checks and opens."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from typing import NewType

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from microgateway_common.names import GatewayKey, KeyId, Namespace, split_key
from microgateway_common.wire import (
    Ed25519,
    PlainSecrets,
    SealedSecrets,
    Secrets,
    Signature,
    Unsigned,
    WireError,
    WireErrorKind,
)

from .sealing import NamespaceKey, namespace_key_id, seal, unseal

#: 32 bytes each.
SigningKey = NewType("SigningKey", bytes)
VerifyKey = NewType("VerifyKey", bytes)

SIZE = 32


def new_signing_key() -> SigningKey:
    return SigningKey(Ed25519PrivateKey.generate().private_bytes_raw())


def verify_key(key: SigningKey) -> VerifyKey:
    return VerifyKey(Ed25519PrivateKey.from_private_bytes(key).public_key().public_bytes_raw())


def key_id(key: VerifyKey) -> KeyId:
    return KeyId(hashlib.sha256(key).hexdigest()[:16])


class Authority:
    """A `wire.Signer`. namespace_keys: of every namespace that it is asked to seal for."""

    def __init__(self, key: SigningKey, namespace_keys: Mapping[Namespace, NamespaceKey]) -> None:
        self._key = Ed25519PrivateKey.from_private_bytes(key)
        self._id = key_id(verify_key(key))
        self._namespace_keys = dict(namespace_keys)

    def sign(self, message: bytes) -> Signature:
        return Ed25519(self._id, self._key.sign(message))

    def made(self, signature: Signature) -> bool:
        return isinstance(signature, Ed25519) and signature.key == self._id

    def seal(self, gateway: GatewayKey, secrets: Mapping[str, bytes]) -> Secrets:
        """Raises KeyError for a gateway of another namespace."""
        namespace, _ = split_key(gateway)
        return seal(self._namespace_keys[namespace], gateway, secrets) if secrets else PlainSecrets({})

    def sealed_by(self, gateway: GatewayKey) -> KeyId:
        """Raises KeyError as well."""
        namespace, _ = split_key(gateway)
        return namespace_key_id(self._namespace_keys[namespace])


class KeyRing:
    """A `wire.Trust`. keys: any of them may have signed. namespace_keys: any of them may have sealed."""

    def __init__(self, keys: Iterable[VerifyKey], namespace_keys: Iterable[NamespaceKey] = ()) -> None:
        self._keys = {key_id(key): Ed25519PublicKey.from_public_bytes(key) for key in keys}
        self._namespace_keys = tuple(namespace_keys)

    def check(self, message: bytes, signature: Signature) -> None:
        match signature:
            case Unsigned():
                raise WireError(WireErrorKind.UNTRUSTED, "expected a signature, got none")
            case Ed25519(key, value):
                known = self._keys.get(key)
                if known is None:
                    raise WireError(
                        WireErrorKind.UNKNOWN_KEY,
                        f"expected a signature of {' or '.join(self._keys)}, got one of {key}",
                    )
                try:
                    known.verify(value, message)
                except InvalidSignature:
                    raise WireError(
                        WireErrorKind.FORGED, f"expected a signature of {key}, got one that is not"
                    ) from None

    def unseal(self, gateway: GatewayKey, secrets: Secrets) -> dict[str, bytes]:
        match secrets:
            case PlainSecrets(values):
                return values
            case SealedSecrets() as sealed:
                return unseal(self._namespace_keys, gateway, sealed)

"""Secrets inside bundles: AES-SIV (RFC 5297), deterministic and authenticated.

Deterministic, so that equal secrets give an equal digest and nothing is published twice. What that shows
to readers of Redis is that a gateway has the very secrets it had before.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Mapping
from typing import NewType

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESSIV

from microgateway_common.decoding import decode
from microgateway_common.names import GatewayKey, KeyId
from microgateway_common.wire import SCHEMA_VERSION, SealedSecrets, WireError, WireErrorKind

#: 64 bytes: AES-256-SIV takes two keys in one.
NamespaceKey = NewType("NamespaceKey", bytes)

SIZE = 64

_encoder = msgspec.msgpack.Encoder(order="deterministic")
_decoder = msgspec.msgpack.Decoder(dict[str, bytes])


def new_namespace_key() -> NamespaceKey:
    return NamespaceKey(os.urandom(SIZE))


def namespace_key_id(key: NamespaceKey) -> KeyId:
    return KeyId(hashlib.sha256(b"microgateway namespace key\0" + key).hexdigest()[:16])


def seal(key: NamespaceKey, gateway: GatewayKey, secrets: Mapping[str, bytes]) -> SealedSecrets:
    """Bound to the gateway: moved into another's bundle they do not open."""
    data = AESSIV(key).encrypt(_encoder.encode(dict(secrets)), _bound_to(gateway))
    return SealedSecrets(namespace_key_id(key), data)


def unseal(keys: Iterable[NamespaceKey], gateway: GatewayKey, sealed: SealedSecrets) -> dict[str, bytes]:
    """Raises WireError (SEALED)."""
    for key in keys:
        if namespace_key_id(key) == sealed.key:
            return _open(key, gateway, sealed.data)
    raise WireError(
        WireErrorKind.SEALED, f"secrets of {gateway}: expected a namespace key we have, got {sealed.key}"
    )


def _open(key: NamespaceKey, gateway: GatewayKey, data: bytes) -> dict[str, bytes]:
    try:
        return decode(_decoder, AESSIV(key).decrypt(data, _bound_to(gateway)))
    except (InvalidTag, ValueError) as error:  # ValueError: shorter than a tag, or no MessagePack inside
        raise WireError(WireErrorKind.SEALED, f"secrets of {gateway} do not open with their key") from error


def _bound_to(gateway: GatewayKey) -> list[bytes]:
    return [b"microgateway secrets", bytes([SCHEMA_VERSION]), gateway.encode()]

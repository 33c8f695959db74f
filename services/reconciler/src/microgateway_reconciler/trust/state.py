"""All keys of an installation, and what engines get of them. No I/O."""

from __future__ import annotations

import secrets
from collections.abc import Iterable

import msgspec
from msgspec import Struct

from microgateway_common.bus.connection import RedisAccess
from microgateway_common.decoding import decode as decode_strictly
from microgateway_common.names import Namespace
from microgateway_common.trust.bootstrap import VERSION as BOOTSTRAP_VERSION
from microgateway_common.trust.bootstrap import Bootstrap
from microgateway_common.trust.sealing import NamespaceKey, new_namespace_key
from microgateway_common.trust.signing import Authority, KeyRing, SigningKey, new_signing_key, verify_key

from .bundled import BundledRedis
from .life import Life, Policy, Settled, accepted, advance

VERSION = 1


class StateError(ValueError):
    """What was kept is no state. The message shows nothing of it."""


class NamespaceKeys(Struct, frozen=True):
    """sealing: of secrets inside bundles. password: of the namespace's user in Redis."""

    sealing: Life
    password: Life


class ExternalRedis(Struct, frozen=True, tag="external"):
    """Somebody else's, whose passwords we are told."""


class Keys(Struct, frozen=True):
    """As JSON, bytes are base64. No representation shows any."""

    version: int
    signing: Life
    namespaces: dict[Namespace, NamespaceKeys]
    redis: BundledRedis | ExternalRedis

    def __repr__(self) -> str:
        return f"{type(self).__name__}({len(self.namespaces)} namespaces)"


_decoder = msgspec.json.Decoder(Keys)


def encode(keys: Keys) -> bytes:
    return msgspec.json.encode(keys, order="deterministic")


def decode(data: bytes) -> Keys:
    """Raises StateError."""
    try:
        keys = decode_strictly(_decoder, data)
    except msgspec.MsgspecError as error:
        raise StateError(f"kept keys: {error}") from error
    if keys.version != VERSION:
        raise StateError(f"kept keys: expected version {VERSION}, got {keys.version}")
    return keys


def first(now: float) -> Keys:
    return Keys(VERSION, Settled(new_signing_key(), now), {}, ExternalRedis())


def advanced(keys: Keys, policy: Policy, now: float) -> Keys:
    """With what is due; an equal value when nothing is."""
    namespaces = {
        namespace: NamespaceKeys(
            advance(each.sealing, policy, now, new_namespace_key),
            advance(each.password, policy, now, _new_password),
        )
        for namespace, each in keys.namespaces.items()
    }
    signing = advance(keys.signing, policy, now, new_signing_key)
    return msgspec.structs.replace(keys, signing=signing, namespaces=namespaces)


def with_namespaces(keys: Keys, wanted: Iterable[Namespace], now: float) -> Keys:
    """With keys for exactly these namespaces."""
    namespaces = {
        namespace: keys.namespaces.get(namespace) or _new_namespace(now) for namespace in sorted(wanted)
    }
    return msgspec.structs.replace(keys, namespaces=namespaces)


def with_redis(keys: Keys, redis: BundledRedis) -> Keys:
    return msgspec.structs.replace(keys, redis=redis)


def authority(keys: Keys) -> Authority:
    """Signs and seals with the keys in use."""
    sealing = {namespace: NamespaceKey(each.sealing.current) for namespace, each in keys.namespaces.items()}
    return Authority(SigningKey(keys.signing.current), sealing)


def key_ring(keys: Keys) -> KeyRing:
    """Whose signatures count, for what was published before; opens the secrets of every namespace."""
    sealing = (NamespaceKey(key) for each in keys.namespaces.values() for key in accepted(each.sealing))
    return KeyRing((verify_key(SigningKey(key)) for key in accepted(keys.signing)), sealing)


def bootstrap(keys: Keys, namespace: Namespace, redis: RedisAccess, user: str) -> Bootstrap:
    """For the engines of a namespace. redis: where they find it, with whatever access."""
    own = keys.namespaces[namespace]
    return Bootstrap(
        BOOTSTRAP_VERSION,
        msgspec.structs.replace(redis, username=user, password=own.password.current.decode()),
        tuple(verify_key(SigningKey(key)) for key in accepted(keys.signing)),
        accepted(own.sealing),
    )


def _new_namespace(now: float) -> NamespaceKeys:
    return NamespaceKeys(Settled(new_namespace_key(), now), Settled(_new_password(), now))


def _new_password() -> bytes:
    return secrets.token_urlsafe(32).encode()

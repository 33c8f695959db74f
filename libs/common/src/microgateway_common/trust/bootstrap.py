"""Bootstrap: what an engine needs to begin, as the file that its pod mounts.

One file, so that it is always of one piece: the kubelet replaces the files of a Secret together, but whoever
reads several may read some before and some after.
"""

from __future__ import annotations

from pathlib import Path

import msgspec
from msgspec import Struct

from microgateway_common.bus.connection import RedisAccess
from microgateway_common.decoding import decode
from microgateway_common.settings import parse_redis_url

from .sealing import SIZE as NAMESPACE_KEY_SIZE
from .sealing import NamespaceKey
from .signing import SIZE as VERIFY_KEY_SIZE
from .signing import KeyRing, VerifyKey

FILE_NAME = "bootstrap.json"

#: Of the file's layout.
VERSION = 1


class BootstrapError(ValueError):
    """The file is not what it should be. The message shows nothing of its content."""


class Bootstrap(Struct, frozen=True):
    """signing_keys: those whose signatures count. namespace_keys: those that open secrets.
    Several of each while keys are rotated. As JSON, bytes are base64."""

    version: int
    redis: RedisAccess
    signing_keys: tuple[bytes, ...]
    namespace_keys: tuple[bytes, ...]

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.redis!r}, {len(self.signing_keys)} signing keys)"

    @property
    def key_ring(self) -> KeyRing:
        return KeyRing(map(VerifyKey, self.signing_keys), map(NamespaceKey, self.namespace_keys))


_decoder = msgspec.json.Decoder(Bootstrap)


def encode(bootstrap: Bootstrap) -> bytes:
    return msgspec.json.format(msgspec.json.encode(bootstrap, order="deterministic")) + b"\n"


def read(data: bytes) -> Bootstrap:
    """Raises BootstrapError."""
    try:
        bootstrap = decode(_decoder, data)
        parse_redis_url(bootstrap.redis.url)
    except (msgspec.MsgspecError, ValueError) as error:
        raise BootstrapError(f"bootstrap: {error}") from error
    if bootstrap.version != VERSION:
        raise BootstrapError(f"bootstrap: expected version {VERSION}, got {bootstrap.version}")
    _check_sizes("signing_keys", bootstrap.signing_keys, VERIFY_KEY_SIZE)
    _check_sizes("namespace_keys", bootstrap.namespace_keys, NAMESPACE_KEY_SIZE)
    return bootstrap


def load(folder: Path) -> Bootstrap:
    """From the folder that a pod mounts. Raises BootstrapError."""
    path = folder / FILE_NAME
    try:
        data = path.read_bytes()
    except OSError as error:
        raise BootstrapError(f"bootstrap: cannot read {path}: {error.strerror}") from error
    return read(data)


def _check_sizes(field: str, keys: tuple[bytes, ...], size: int) -> None:
    for key in keys:
        if len(key) != size:
            raise BootstrapError(f"bootstrap: {field}: expected {size} bytes each, got {len(key)}")

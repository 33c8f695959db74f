"""A state as the data of a Secret, and back.

ca.crt, ca.key     the CA that signs        ca-bundle.crt  who is to be trusted, for people and tools
tls.crt, tls.key   what is shown            state          JSON: name of the state, since
successor.crt, successor.key (Introducing)  former.crt (Retiring)
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

import msgspec

from .authority import CertificateError, KeyPair, check_pair, expiry
from .life import Introducing, Retiring, Settled, State, bundle


class _Settled(msgspec.Struct, tag="Settled"):
    pass


class _Introducing(msgspec.Struct, tag="Introducing"):
    since: datetime


class _Retiring(msgspec.Struct, tag="Retiring"):
    since: datetime


class StorageError(ValueError):
    """The data is not what `encode` makes."""


def encode(state: State) -> dict[str, bytes]:
    tag: _Settled | _Introducing | _Retiring
    extra: dict[str, bytes]
    match state:
        case Settled():
            tag, extra = _Settled(), {}
        case Introducing(successor=successor, since=since):
            tag = _Introducing(since)
            extra = {"successor.crt": successor.certificate, "successor.key": successor.key}
        case Retiring(former=former, since=since):
            tag, extra = _Retiring(since), {"former.crt": former}
    return {
        "ca.crt": state.authority.certificate,
        "ca.key": state.authority.key,
        "tls.crt": state.serving.certificate,
        "tls.key": state.serving.key,
        "ca-bundle.crt": bundle(state),
        "state": msgspec.json.encode(tag),
        **extra,
    }


def decode(data: Mapping[str, bytes]) -> State:
    """Raises StorageError."""
    try:
        return _decoded(data)
    except KeyError as error:
        raise StorageError(f"expected the key {error.args[0]}, got none") from error
    except (msgspec.MsgspecError, CertificateError) as error:
        raise StorageError(str(error)) from error


def _decoded(data: Mapping[str, bytes]) -> State:
    authority, serving = _pair(data, "ca"), _pair(data, "tls")
    tag: _Settled | _Introducing | _Retiring = msgspec.json.decode(
        data["state"], type=_Settled | _Introducing | _Retiring
    )
    match tag:
        case _Settled():
            return Settled(authority, serving)
        case _Introducing(since=since):
            return Introducing(authority, serving, _pair(data, "successor"), since)
        case _Retiring(since=since):
            expiry(data["former.crt"])
            return Retiring(authority, serving, data["former.crt"], since)


def _pair(data: Mapping[str, bytes], name: str) -> KeyPair:
    pair = KeyPair(data[f"{name}.crt"], data[f"{name}.key"])
    check_pair(pair)
    return pair

"""Definitions of probes, as the webhook writes them into the engine's environment.

    {"/app-health/shop/livez": {"httpGet": {"path": "/alive", "port": 8080, "scheme": "HTTP",
                                            "httpHeaders": [{"name": "Host", "value": "shop"}]},
                                "timeoutSeconds": 1}}

A value has just one of httpGet, tcpSocket, grpc, as in core/v1 Probe with ports as numbers.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Literal

import msgspec
from msgspec import Meta, Struct, field

PATH_PREFIX = "/app-health/"


class HttpProbe(Struct, frozen=True):
    """headers: as given; names keep their case. tls: speak HTTPS and believe any certificate."""

    port: int
    path: str
    tls: bool
    headers: tuple[tuple[str, str], ...]
    timeout: float


class TcpProbe(Struct, frozen=True):
    port: int
    timeout: float


class GrpcProbe(Struct, frozen=True):
    """service: empty asks for the server as a whole."""

    port: int
    service: str
    timeout: float


Probe = HttpProbe | TcpProbe | GrpcProbe

#: By the path that the kubelet requests.
Probes = Mapping[str, Probe]

_Port = Annotated[int, Meta(ge=1, le=65535)]
_NoControls = Annotated[str, Meta(pattern="^[^\\x00-\\x1f\\x7f]*$")]


class _Header(Struct, frozen=True):
    name: Annotated[str, Meta(pattern="^[!#$%&'*+.^_`|~0-9A-Za-z-]+$")]
    value: _NoControls = ""


class _HttpGet(Struct, frozen=True):
    port: _Port
    path: str = "/"
    scheme: Literal["HTTP", "HTTPS"] = "HTTP"
    headers: tuple[_Header, ...] = field(default=(), name="httpHeaders")


class _TcpSocket(Struct, frozen=True):
    port: _Port


class _Grpc(Struct, frozen=True):
    port: _Port
    service: str | None = None


class _Definition(Struct, frozen=True):
    timeout: Annotated[int, Meta(ge=1)] = field(default=1, name="timeoutSeconds")
    http: _HttpGet | None = field(default=None, name="httpGet")
    tcp: _TcpSocket | None = field(default=None, name="tcpSocket")
    grpc: _Grpc | None = None


_decoder = msgspec.json.Decoder(dict[str, _Definition])


def decode(text: str) -> Probes:
    """Raises ValueError, which says what was expected where."""
    probes: dict[str, Probe] = {}
    for path, definition in _decoder.decode(text).items():
        if not path.startswith(PATH_PREFIX):
            raise ValueError(f"{path!r}: expected a path that starts with {PATH_PREFIX}")
        probes[path] = _probe(path, definition)
    return probes


def _probe(path: str, definition: _Definition) -> Probe:
    timeout = float(definition.timeout)
    match definition:
        case _Definition(http=_HttpGet() as get, tcp=None, grpc=None):
            headers = tuple((each.name, each.value) for each in get.headers)
            return HttpProbe(get.port, get.path, get.scheme == "HTTPS", headers, timeout)
        case _Definition(http=None, tcp=_TcpSocket(port=port), grpc=None):
            return TcpProbe(port, timeout)
        case _Definition(http=None, tcp=None, grpc=_Grpc(port=port, service=service)):
            return GrpcProbe(port, service or "", timeout)
        case _:
            raise ValueError(f"{path!r}: expected just one of httpGet, tcpSocket, grpc")

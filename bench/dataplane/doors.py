"""What a peer listens for, and the peers."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from pathlib import Path

from bench.processes import Running
from microgateway_common.settings import Address

NGINX = "nginx"
HAPROXY = "haproxy"
OFF = "Microgateway, inspection off"
ON = "Microgateway, inspection on"


class Protocol(Enum):
    """HTTP/2 in cleartext is by prior knowledge (RFC 9113, section 3.3), over TLS by ALPN."""

    HTTP1 = "HTTP/1.1"
    HTTP2 = "HTTP/2"
    TLS_HTTP1 = "HTTP/1.1, TLS"
    TLS_HTTP2 = "HTTP/2, TLS"

    @property
    def tls(self) -> bool:
        return self in (Protocol.TLS_HTTP1, Protocol.TLS_HTTP2)

    @property
    def http1(self) -> bool:
        return self in (Protocol.HTTP1, Protocol.TLS_HTTP1)


@dataclass(frozen=True, slots=True)
class Door:
    """process: that listens there and whose CPU time and memory count."""

    address: Address
    process: Running
    access_log: Path


@dataclass(frozen=True, slots=True)
class Front:
    """A proxy under test. path: before those of the application; it decides whether Microgateway inspects.
    attack_status: what it answers to an attack."""

    name: str
    doors: dict[Protocol, Door]
    path: str
    attack_status: int

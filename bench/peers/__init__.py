"""The proxies under test. Each listens on loopback, keeps connections to the application alive, and
writes an access line for every request."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from bench.processes import Running
from microgateway_common.settings import Address

NGINX = "nginx"
MODSECURITY = "nginx + ModSecurity"
MICROGATEWAY = "Microgateway"


@dataclass(frozen=True, slots=True)
class Peer:
    """A running proxy.

    attack_status: what it answers to an attack. alarms: logs in which a normal request leaves nothing.
    """

    name: str
    process: Running
    address: Address
    access_log: Path
    attack_status: int
    alarms: tuple[Path, ...]

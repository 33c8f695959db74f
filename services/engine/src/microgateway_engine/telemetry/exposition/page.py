"""All families on one page."""

from __future__ import annotations

from typing import TYPE_CHECKING

from microgateway_engine.telemetry.counters import Counters
from microgateway_engine.telemetry.processes import Processes
from microgateway_engine.telemetry.prometheus import encode

from .configuration import certificates, configuration
from .findings import hits, threats
from .process import State, process
from .tls import tls
from .traffic import downstream, upstream

if TYPE_CHECKING:
    from microgateway_engine.config.store import ConfigStore


def render(
    version: str, store: ConfigStore, counters: Counters, processes: Processes, *, draining: bool = False
) -> bytes:
    """counters: of all processes together."""
    state = State.LIVE if store.runtime is not None else State.INITIALIZING
    parts = (
        process(version, counters, processes, State.DRAINING if draining else state),
        configuration(store),
        certificates(store),
        downstream(counters),
        upstream(counters.ports),
        threats(counters.ports),
        hits(counters.ports),
        tls(counters.ports),
    )
    return encode(family for part in parts for family in part)

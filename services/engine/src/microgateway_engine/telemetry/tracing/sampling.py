"""Which traces are recorded: the same ones by the same ratio, as the trace's id decides (OpenTelemetry
specification, "TraceIdRatioBased")."""

from __future__ import annotations

from typing import assert_never

from .context import NoParent, Parent
from .settings import Sampler

_RANGE = 1 << 64


def is_sampled(sampler: Sampler, trace: str, parent: Parent | NoParent) -> bool:
    """trace: in hexadecimal; its last 64 bits are random."""
    match parent:
        case Parent() if sampler.heeds_parent:
            return parent.sampled
        case Parent() | NoParent():
            return int(trace[16:], 16) < round(sampler.ratio * _RANGE)
        case _:
            assert_never(parent)

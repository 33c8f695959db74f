"""Everything one run found, and its JSON."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import Any

from bench import LeftOut
from bench.cluster import Cluster
from bench.dataplane.results import DataPlane
from bench.inspection import InspectionCost
from bench.machine import Machine
from bench.measure import Plan, Sample
from bench.reload import UnderLoad
from bench.telemetry import TelemetryCost


@dataclass(frozen=True, slots=True)
class Comparison:
    """Work per core beside the peers, and what people wait for.

    rules: how many deny rules Microgateway has. applied: milliseconds of each edit. starts: milliseconds of
    each start with a warm cache. warming: milliseconds to fill the cache."""

    rules: int
    samples: tuple[Sample, ...]
    applied: tuple[float, ...]
    starts: tuple[float, ...]
    warming: float
    under_load: UnderLoad


@dataclass(frozen=True, slots=True)
class Results:
    """date: ISO 8601. load_before: processes that ran or waited in the minute before (load average)."""

    date: str
    machine: Machine
    load_before: float
    plan: Plan
    comparison: Comparison | LeftOut
    dataplane: DataPlane | LeftOut
    telemetry: TelemetryCost | LeftOut
    inspection: InspectionCost | LeftOut
    cluster: Cluster | LeftOut


def as_json(results: Results) -> str:
    """Every sample, so that others can summarise them their way."""
    return json.dumps(_rounded(asdict(results)), indent=1, ensure_ascii=False) + "\n"


def _rounded(value: Any) -> Any:
    """Floats with five significant digits: the rest is noise."""
    match value:
        case float():
            return float(f"{value:.5g}")
        case dict():
            return {key: _rounded(each) for key, each in value.items()}
        case list() | tuple():
            return [_rounded(each) for each in value]
        case _:
            return value

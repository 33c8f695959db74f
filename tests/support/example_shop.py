"""The example's configuration, as the reconciler compiles it."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from microgateway_common.ir.gateway import GatewayConfig
from microgateway_compiler.compile.gateway import Compiled
from microgateway_compiler.pipeline import Pipeline

SHOP = Path(__file__).resolve().parents[2] / "examples/shop"


@cache
def shop() -> GatewayConfig:
    pipeline = Pipeline()
    for file in sorted(SHOP.glob("*.yaml")):
        pipeline.replace_file(str(file), file.read_bytes())
    pipeline.changes()
    (outcome,) = pipeline.outcomes.values()
    assert isinstance(outcome.configuration, Compiled)
    return outcome.configuration.config

"""The recorded exchange is one that the engine would log."""

from __future__ import annotations

import json

from bench.telemetry import finished_exchange, telemetry_cost
from microgateway_engine.telemetry.access_log import default_line


def test_the_exchange_has_a_whole_line() -> None:
    line = json.loads(default_line(finished_exchange()))
    assert line["http"]["response"] == {
        "status_code": 200,
        "bytes": line["http"]["response"]["bytes"],
        "body": {"bytes": 73},
        "mime_type": "application/json",
    }
    assert line["url"] == {"path": "/shop/products", "domain": "shop.example"}


def test_both_take_time() -> None:
    cost = telemetry_cost(rounds=1, seconds=0.01)
    assert cost.line.median > 0
    assert cost.metrics.median > 0
    assert cost.size > 500
    assert cost.traced.median > 0
    assert cost.spans.median > 0

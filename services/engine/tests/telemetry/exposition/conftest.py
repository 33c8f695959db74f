from __future__ import annotations

from collections.abc import Iterator

import pytest
from shown_metrics import Shown

from microgateway_common import wire
from microgateway_common.names import pod_key
from microgateway_engine.config.disk import LastGood
from microgateway_engine.config.store import ConfigStore
from microgateway_engine.telemetry.metrics import Metrics
from microgateway_engine.telemetry.sink import LineSink
from microgateway_inspection.rule_set import RuleSet


@pytest.fixture
def shown(rules: RuleSet) -> Iterator[Shown]:
    """Of an engine without a configuration."""
    store = ConfigStore(pod_key("shop", "a"), rules, wire.AcceptUnsigned(), LastGood(None), "1.2.3")
    sink = LineSink(1)
    yield Shown.of(store, Metrics(sink))
    sink.close()

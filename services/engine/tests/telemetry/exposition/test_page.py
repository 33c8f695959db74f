"""The whole page, as Prometheus' own client reads it."""

from __future__ import annotations

import re
from collections.abc import Callable

from prometheus_client.parser import text_string_to_metric_families
from shown_metrics import Shown

from microgateway_engine.traffic.exchange import Exchange

ExchangeFactory = Callable[..., Exchange]


def test_every_family_is_well_formed(shown: Shown, exchange_at: ExchangeFactory) -> None:
    shown.metrics.port(8080).count(exchange_at("finished"))
    text = shown.text()
    families = list(text_string_to_metric_families(text))
    names = re.findall(r"^# TYPE (\S+)", text, re.MULTILINE)
    assert len(names) == len(set(names)) == len(families)
    for family in families:
        assert re.fullmatch(r"(envoy|microgateway)_[a-z0-9_]+", family.name)
        assert family.documentation
        assert family.type in ("counter", "gauge", "histogram")
    assert text.endswith("\n")


def test_clients_make_no_labels(shown: Shown, exchange_at: ExchangeFactory) -> None:
    before = exchange_at("finished")
    shown.metrics.port(8080).count(before)
    names = set(shown.samples())
    for path in (b"/a", b"/b"):
        exchange = exchange_at("finished")
        exchange.request_headers = [(b"x-tenant", path)]
        exchange.client = path.decode()
        shown.metrics.port(8080).count(exchange)
    assert set(shown.samples()) == names

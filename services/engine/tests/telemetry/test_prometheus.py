"""The text that Prometheus reads."""

from __future__ import annotations

from prometheus_client.parser import text_string_to_metric_families

from microgateway_engine.telemetry.counters import Histogram
from microgateway_engine.telemetry.prometheus import Kind, counter, encode, gauge, histogram, one


def test_names_stay_as_they_are() -> None:
    plain, total = counter("envoy_x", "of Envoy"), counter("y_total", "of ours")
    plain.add(1)
    total.add(2)
    assert encode([plain, total]).decode() == (
        "# HELP envoy_x of Envoy\n# TYPE envoy_x counter\nenvoy_x 1\n"
        "# HELP y_total of ours\n# TYPE y_total counter\ny_total 2\n"
    )


def test_labels_say_what_they_said_whatever_that_was() -> None:
    odd = 'a"b\\c\nd,e}'
    family = gauge("x", "back\\slash and\nnewline", "label", "other")
    family.add(1.5, odd, "")
    (read,) = text_string_to_metric_families(encode([family]).decode())
    assert read.documentation == "back\\slash and\nnewline"
    (sample,) = read.samples
    assert sample.labels == {"label": odd, "other": ""}
    assert sample.value == 1.5


def test_buckets_of_histograms_are_cumulative() -> None:
    observed = Histogram((0.5, 1.0, 1e4))
    for value in (0.1, 0.5, 0.7, 2e4):
        observed.observe(value)
    family = histogram("x", "help", "port")
    family.add_histogram(observed, "1")
    (read,) = text_string_to_metric_families(encode([family]).decode())
    assert {sample.labels.get("le", sample.name): sample.value for sample in read.samples} == {
        "0.5": 2,
        "1": 3,
        "10000": 3,
        "+Inf": 4,
        "x_count": 4,
        "x_sum": observed.sum,
    }


def test_large_numbers_lose_nothing() -> None:
    now = 1_790_000_000_123
    assert f"x {now}\n" in encode([one(Kind.GAUGE, "x", "help", now)]).decode()
    assert "x 0.1\n" in encode([one(Kind.GAUGE, "x", "help", 0.1)]).decode()

from __future__ import annotations

from microgateway_cni.agent.metrics import Metrics


def test_counters_begin_at_zero() -> None:
    lines = Metrics().text().splitlines()
    assert 'microgateway_cni_repairs_total{result="success",type="delete"} 0' in lines
    assert 'microgateway_cni_answers_total{answer="unknown"} 0' in lines
    assert "microgateway_cni_installs_total 0" in lines
    assert not any(line.startswith("microgateway_cni_ready ") for line in lines)


def test_counters_and_gauges_as_prometheus_text() -> None:
    metrics = Metrics()
    metrics.count("microgateway_cni_repairs_total", type="delete", result="success")
    metrics.count("microgateway_cni_repairs_total", type="delete", result="success")
    metrics.set("microgateway_cni_ready", 1)
    lines = metrics.text().splitlines()
    assert 'microgateway_cni_repairs_total{result="success",type="delete"} 2' in lines
    assert "microgateway_cni_ready 1" in lines
    assert "# TYPE microgateway_cni_ready gauge" in lines
    assert "# TYPE microgateway_cni_answers_total counter" in lines

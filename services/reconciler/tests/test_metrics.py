from __future__ import annotations

from prometheus_client import generate_latest
from prometheus_client.parser import text_string_to_metric_families

from microgateway_common.names import PodKey
from microgateway_common.settings import Address
from microgateway_reconciler.metrics import Metrics

from .conftest import Desk


def samples(metrics: Metrics) -> dict[str, float]:
    text = generate_latest(metrics.registry).decode()
    return {
        sample.name + "".join(f" {value}" for _, value in sorted(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def test_gateways_are_counted_by_status(desk: Desk) -> None:
    metrics = Metrics("1.2.3")
    metrics.statuses = desk.ledger.statuses
    desk.save("shop")
    desk.save("broken", port="many")
    found = samples(metrics)
    assert found["microgateway_build_info 1.2.3"] == 1
    assert found["microgateway_gateways Warning"] == 1
    assert found["microgateway_gateways Error"] == 1
    assert found["microgateway_gateways Active"] == 0
    assert found["microgateway_problems error"] == 1
    assert found["microgateway_problems warning"] == 0
    assert found["microgateway_config_resource_condition SidecarGateway shop shop ConfigAccepted"] == 1
    assert found["microgateway_config_resource_condition SidecarGateway broken shop ConfigAccepted"] == 0
    assert found["microgateway_sidecars"] == 2
    assert found["microgateway_sidecars_in_sync"] == 0


def test_labelled_pods_without_engine_are_counted_by_namespace() -> None:
    metrics = Metrics("1.2.3")
    metrics.unprotected = lambda: {PodKey("shop/a"), PodKey("shop/b"), PodKey("bank/a")}
    found = samples(metrics)
    assert found["microgateway_unprotected_pods shop"] == 2
    assert found["microgateway_unprotected_pods bank"] == 1


def test_durations_are_histograms() -> None:
    metrics = Metrics("1.2.3")
    metrics.reconciled(0.003, compiled=2)
    metrics.wrote(0.02)
    metrics.acknowledged(0.2)
    found = samples(metrics)
    assert found["microgateway_gateways_compiled_total"] == 2
    assert found["microgateway_compile_seconds_total"] == 0.003
    for name, below, above in (
        ("reconcile", 0.0025, 0.005),
        ("publish", 0.01, 0.025),
        ("acknowledge", 0.1, 0.25),
    ):
        assert found[f"microgateway_{name}_seconds_bucket {below}"] == 0
        assert found[f"microgateway_{name}_seconds_bucket {above}"] == 1
        assert found[f"microgateway_{name}_seconds_count"] == 1


def test_the_queue_and_redis() -> None:
    metrics = Metrics("1.2.3")
    ends = "microgateway_certificate_expiry_timestamp_seconds reconciler redis-authority"
    assert ends not in samples(metrics)
    metrics.queue = lambda: {"bundles": 3}
    metrics.redis_losses, metrics.redis_authority_ends = 2, 1_800_000_000.0
    found = samples(metrics)
    assert found["microgateway_publication_queue bundles"] == 3
    assert found["microgateway_redis_disconnects_total"] == 2
    assert found[ends] == 1_800_000_000


def test_they_are_served() -> None:
    metrics = Metrics("1.2.3")
    server = metrics.serve(Address("127.0.0.1", 0))
    assert server.server_port
    server.shutdown()
    server.server_close()

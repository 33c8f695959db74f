"""What the webhook promises to other deployables, checked against them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from microgateway_cni import annotations as cni
from microgateway_cni.redirect import Redirect
from microgateway_common.problems import ObjectRef
from microgateway_compiler import objects
from microgateway_engine import settings as engine_settings
from microgateway_engine.probes import definitions
from microgateway_netcheck import main as netcheck
from microgateway_webhook.injection import annotations as webhook
from microgateway_webhook.injection import names
from microgateway_webhook.injection.inject import Injected, Namespace, inject
from microgateway_webhook.injection.template import default_template
from microgateway_webhook.injection.versions import ServerVersion
from microgateway_webhook.probes import Rewriter, encode

POD: dict[str, Any] = {
    "metadata": {"labels": {names.INJECT_LABEL: "true"}},
    "spec": {"containers": [{"name": "shop", "image": "shop:1"}]},
}


def containers() -> dict[str, dict[str, Any]]:
    outcome = inject(POD, default_template("0.1.0", "dev"), ServerVersion(1, 30), Namespace("shop"))
    assert isinstance(outcome, Injected)
    return {each["name"]: each for each in outcome.pod["spec"]["initContainers"]}


@given(
    st.one_of(st.text("0123456789, -x", max_size=12), st.just("8081, 9090")),
    st.sampled_from(["none", "istio", "linkerd", ""]),
)
def test_webhook_and_redirect_read_annotations_alike(ports: str, mesh: str) -> None:
    given_annotations = {names.EXCLUDE_INBOUND_PORTS: ports, names.SERVICE_MESH: mesh}
    found: list[frozenset[int] | None] = []
    try:
        found.append(webhook.pod_options(given_annotations).excluded_ports)
    except webhook.AnnotationError:
        found.append(None)
    try:
        found.append(cni.excluded_ports(given_annotations))
    except cni.AnnotationError:
        found.append(None)
    assert found[0] == found[1]


def test_the_reconciler_knows_an_injected_pod() -> None:
    uid = {"uid": "0-1", "name": "shop", "labels": POD["metadata"]["labels"]}
    for spec in (POD["spec"], {"initContainers": list(containers().values()), **POD["spec"]}):
        raw = {"apiVersion": "v1", "kind": "Pod", "metadata": uid, "spec": spec}
        pod = objects.read_object(ObjectRef("Pod", "default", "shop"), raw)
        assert isinstance(pod, objects.Pod)
        assert pod.has_engine == ("initContainers" in spec)


def test_the_redirect_leaves_the_ports_that_probes_and_metrics_use() -> None:
    redirect = Redirect()
    assert redirect.inbound_port == names.INBOUND_PORT
    assert redirect.engine_ports == {names.HEALTH_PORT, names.METRICS_PORT}
    assert {redirect.check_port, *redirect.engine_ports, redirect.inbound_port} <= names.RESERVED_PORTS


def test_the_engine_understands_its_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in containers()[names.ENGINE]["env"]:
        monkeypatch.setenv(variable["name"], variable.get("value", "shop"))
    settings = engine_settings.parse([])
    assert isinstance(settings, engine_settings.Settings)
    assert isinstance(settings.mode, engine_settings.TransparentMode)
    assert settings.state_dir == Path("/var/lib/microgateway")
    assert settings.drain_seconds == 20


def test_the_engine_understands_the_probes_it_is_given() -> None:
    probes = {
        "livenessProbe": {"httpGet": {"port": 8080, "httpHeaders": [{"name": "Host", "value": "shop"}]}},
        "readinessProbe": {"tcpSocket": {"port": 5432}, "timeoutSeconds": 3},
        "startupProbe": {"grpc": {"port": 50051}},
    }
    rewriting = Rewriter(frozenset())
    rewriting.rewrite("spec.containers[0]", {"name": "shop", **probes})
    understood = definitions.decode(encode(rewriting.definitions))
    assert set(understood) == {f"/app-health/shop/{name}" for name in ("livez", "readyz", "startupz")}
    assert {type(each) for each in understood.values()} == {
        definitions.HttpProbe,
        definitions.TcpProbe,
        definitions.GrpcProbe,
    }


def test_netcheck_understands_its_arguments(tmp_path: Path) -> None:
    arguments = containers()[names.NETCHECK]["args"]
    assert arguments == ["--timeout", "20"]
    shortened = ["--timeout", "0.1", "--termination-log", str(tmp_path / "none"), *arguments[2:]]
    assert netcheck.main(shortened) != 2

"""The contract with the engine: what the variable holds."""

from __future__ import annotations

import json

from hypothesis import given
from hypothesis import strategies as st

from microgateway_webhook import probes


def test_the_documented_form() -> None:
    rewriter = probes.Rewriter(frozenset())
    rewriter.rewrite(
        "spec.containers[0]",
        {
            "name": "shop",
            "livenessProbe": {
                "httpGet": {
                    "path": "/alive",
                    "port": 8080,
                    "httpHeaders": [{"name": "Host", "value": "shop"}],
                }
            },
            "readinessProbe": {"tcpSocket": {"port": "db"}, "timeoutSeconds": 2},
            "startupProbe": {"grpc": {"port": 50051, "service": ""}, "timeoutSeconds": 5},
            "ports": [{"name": "db", "containerPort": 5432}],
        },
    )

    documented = json.loads((probes.__doc__ or "").split("JSON object:")[1].split("The key is")[0])
    keys = {
        ("tcpSocket",): "/app-health/shop/readyz",
        ("grpc",): "/app-health/shop/startupz",
        ("httpGet",): "/app-health/shop/livez",
    }
    found = {**rewriter.definitions}
    found["/app-health/shop/readyz"]["timeoutSeconds"] = 1
    assert {keys[tuple(set(each) - {"timeoutSeconds"})]: each for each in documented.values()} == found


@given(st.text(max_size=8), st.text(max_size=8))
def test_the_variable_survives_and_the_kubelet_expands_nothing(path: str, header: str) -> None:
    definitions: probes.Definitions = {
        "/app-health/c/livez": {"httpGet": {"path": path, "httpHeaders": [{"name": "X", "value": header}]}}
    }
    text = probes.encode(definitions)
    assert "$" not in text
    assert json.loads(text) == probes.decode(text) == definitions


def test_nonsense_is_no_definition() -> None:
    assert probes.decode("nonsense") == probes.decode("[1]") == probes.decode('{"a": 1}') == {}


def test_a_probe_that_only_looks_like_ours_stays() -> None:
    container = {"name": "c", "livenessProbe": {"httpGet": {"path": "/app-health/c/livez", "port": 19001}}}
    assert probes.restore(container, {}) == container
    definitions: probes.Definitions = {
        "/app-health/c/readyz": {"tcpSocket": {"port": 1}, "timeoutSeconds": 1}
    }
    assert probes.restore(container, definitions) == container


def test_a_probe_that_only_resembles_ours_stays() -> None:
    """It names another container's path, or the host that kept it as it was."""
    definitions: probes.Definitions = {
        "/app-health/c0/livez": {"tcpSocket": {"port": 1}, "timeoutSeconds": 1}
    }
    get = {"path": "/app-health/c0/livez", "port": 19001, "scheme": "HTTP"}
    for container in (
        {"name": "c1", "livenessProbe": {"httpGet": get}},
        {"name": "c0", "readinessProbe": {"httpGet": get}},
        {"name": "c0", "livenessProbe": {"httpGet": {**get, "host": "127.0.0.1"}}},
    ):
        assert probes.restore(container, definitions) == container
    restored = probes.restore({"name": "c0", "livenessProbe": {"httpGet": get}}, definitions)
    assert restored["livenessProbe"] == {"tcpSocket": {"port": 1}}

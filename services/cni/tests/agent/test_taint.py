from __future__ import annotations

from typing import Any

from services.cni.tests.api_server import NODE, ApiServer

from microgateway_cni.agent.taint import KEY, remove_taint

OTHER = {"key": "other", "effect": "NoSchedule"}


def put_node(api: ApiServer, taints: list[dict[str, Any]]) -> None:
    api.objects[f"/api/v1/nodes/{NODE}"] = {"metadata": {"name": NODE}, "spec": {"taints": taints}}


def test_only_our_taint_is_removed(api: ApiServer) -> None:
    ours = {"key": KEY, "effect": "NoSchedule"}
    put_node(api, [OTHER, ours])
    assert remove_taint(api.client(), NODE)
    ((_, path, changes),) = api.calls
    assert path == f"/api/v1/nodes/{NODE}"
    assert changes == [
        {"op": "test", "path": "/spec/taints", "value": [OTHER, ours]},
        {"op": "replace", "path": "/spec/taints", "value": [OTHER]},
    ]


def test_a_node_without_it_is_left_alone(api: ApiServer) -> None:
    put_node(api, [OTHER])
    assert not remove_taint(api.client(), NODE)
    assert api.calls == []

"""The taint `microgateway.airlock.com/cni-not-ready` that keeps pods off a new node until it is set up.

Optional: whoever registers nodes puts it there (`--register-with-taints`); the agent takes it off.
"""

from __future__ import annotations

from microgateway_cni.kube.client import JSON_PATCH, Client

KEY = "microgateway.airlock.com/cni-not-ready"


def remove_taint(client: Client, node: str) -> bool:
    """False when the node has none. Raises KubeError (Conflict when it changed meanwhile) and OSError."""
    path = f"/api/v1/nodes/{node}"
    found = client.get(path)
    taints = found.get("spec", {}).get("taints") or []
    left = [taint for taint in taints if taint.get("key") != KEY]
    if len(left) == len(taints):
        return False
    # `test` makes it fail, rather than undo what someone else did to the taints since.
    changes = [
        {"op": "test", "path": "/spec/taints", "value": taints},
        {"op": "replace", "path": "/spec/taints", "value": left},
    ]
    client.patch(path, changes, JSON_PATCH)
    return True

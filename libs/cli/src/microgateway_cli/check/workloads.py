"""Our own processes: Deployments, the agent on each node, the leader, Redis."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from .expected import CNI, CONFIG_API, RECONCILER, WEBHOOK
from .finding import Finding, failed, listed, ok, unread, warning
from .snapshot import Missing, Raw, Snapshot, Unread, name_of

REDIS = "microgateway-redis"

#: A leader renews every two seconds; the rest is for clocks that differ.
STALE = timedelta(minutes=1)

_INSTALL = "kubectl apply -k deploy/kustomize/overlays/…"

#: What does not work while it is away.
_WITHOUT = {
    RECONCILER: "changes to resources and new pods wait",
    WEBHOOK: "labelled pods and our resources are refused",
    CONFIG_API: "nobody sees what is live",
    REDIS: "changes to resources wait",
}


def check(snapshot: Snapshot, now: datetime) -> Iterator[Finding]:
    for name in (RECONCILER, WEBHOOK, CONFIG_API):
        yield _deployment(snapshot, name)
    yield _redis(snapshot)
    yield _leader(snapshot, now)
    yield from _agents(snapshot)


def is_away(snapshot: Snapshot, name: str) -> bool:
    return not isinstance(snapshot.deployments[name], dict)


def _about(name: str) -> str:
    return name.removeprefix("microgateway-")


def _deployment(snapshot: Snapshot, name: str) -> Finding:
    about, system = _about(name), snapshot.places.system
    match snapshot.deployments[name]:
        case Unread(reason):
            return unread(about, "read the Deployment", reason)
        case Missing():
            return failed(about, f"no Deployment {name} in {system}: {_WITHOUT[name]}", _INSTALL)
        case dict() as found:
            return _available(about, name, system, found)


def _available(about: str, name: str, namespace: str, found: Raw) -> Finding:
    wanted = found["spec"].get("replicas", 1)
    ready = found.get("status", {}).get("availableReplicas", 0)
    look = f"kubectl -n {namespace} describe deploy/{name}; kubectl -n {namespace} logs deploy/{name}"
    if not wanted:
        return failed(
            about,
            f"scaled to none: {_WITHOUT[name]}",
            f"kubectl -n {namespace} scale deploy/{name} --replicas=2",
        )
    if not ready:
        return failed(about, f"none of {wanted} is ready: {_WITHOUT[name]}", look)
    if ready < wanted:
        return warning(about, f"{ready} of {wanted} are ready", look)
    return ok(about, f"{ready} of {wanted} ready")


def _redis(snapshot: Snapshot) -> Finding:
    """That it answers is known by the config-api, whose readiness asks it."""
    config_api = snapshot.deployments[CONFIG_API]
    answers = isinstance(config_api, dict) and config_api.get("status", {}).get("availableReplicas", 0) > 0
    if answers:
        return ok("redis", "answers the config-api")
    if isinstance(snapshot.deployments[REDIS], Missing):
        return failed(
            "redis", "not ours, and the config-api, which asks it, is not ready",
            "compare MICROGATEWAY_REDIS in the ConfigMap microgateway-connection with your Redis",
        )  # fmt: skip
    own = _deployment(snapshot, REDIS)
    if own.state == "ok":
        return warning("redis", "ready, but no config-api tells whether it answers", "see config-api")
    return own


def _leader(snapshot: Snapshot, now: datetime) -> Finding:
    fix = f"kubectl -n {snapshot.places.system} logs deploy/{RECONCILER}"
    match snapshot.lease:
        case Unread(reason):
            return unread("leader", "read the Lease", reason)
        case Missing():
            return failed("leader", "no reconciler has ever led", fix)
        case dict() as lease:
            spec = lease.get("spec", {})
            holder, renewed = spec.get("holderIdentity"), spec.get("renewTime")
            if not holder or not renewed:
                return failed("leader", "nobody leads: changes to resources wait", fix)
            age = now - datetime.fromisoformat(renewed).astimezone(UTC)
            if age > STALE:
                return failed("leader", f"{holder} has not renewed for {int(age.total_seconds())} s", fix)
            return ok("leader", str(holder))


def _agents(snapshot: Snapshot) -> Iterator[Finding]:
    about, namespace = "nodes", snapshot.places.cni
    match snapshot.daemonset:
        case Unread(reason):
            yield unread(about, f"read the DaemonSet {CNI}", reason)
            return
        case Missing():
            yield failed(about, f"no DaemonSet {CNI} in {namespace}: pods get no redirect", _INSTALL)
            return
        case dict():
            pass
    if isinstance(snapshot.agents, Unread) or isinstance(snapshot.nodes, Unread):
        hidden = snapshot.agents if isinstance(snapshot.agents, Unread) else snapshot.nodes
        assert isinstance(hidden, Unread)
        yield unread(about, "tell which of them have an agent", hidden.reason)
        return
    ready = {each["spec"].get("nodeName", "") for each in snapshot.agents if _is_ready(each)}
    placed = {each["spec"].get("nodeName", "") for each in snapshot.agents}
    look = f"kubectl -n {namespace} get pods -o wide; kubectl -n {namespace} logs ds/{CNI}"
    unready = [name_of(node) for node in snapshot.nodes if name_of(node) in placed - ready]
    without = [name_of(node) for node in snapshot.nodes if name_of(node) not in placed and not _is_away(node)]
    if not placed:
        yield failed(about, "no node has a CNI agent: labelled pods do not start", look)
        return
    if unready:
        yield failed(
            about, f"the CNI agent is not ready on {listed(unready)}: labelled pods wait there", look
        )
    if without:
        yield warning(
            about, f"no CNI agent on {listed(without)}: labelled pods do not start there",
            f"if they should run there, let the DaemonSet {CNI} tolerate the node's taints",
        )  # fmt: skip
    if not unready and not without:
        yield ok(about, f"a CNI agent is ready on all {len(ready)}")


def _is_ready(pod: Raw) -> bool:
    conditions = pod.get("status", {}).get("conditions", ())
    return any(each["type"] == "Ready" and each["status"] == "True" for each in conditions)


def _is_away(node: Raw) -> bool:
    """Windows nodes get no agent, and no labelled pods."""
    return bool(node["metadata"].get("labels", {}).get("kubernetes.io/os") == "windows")

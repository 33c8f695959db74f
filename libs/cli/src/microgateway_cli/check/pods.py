"""Labelled pods are protected, and their engines trust somebody."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

from microgateway_compiler.objects import ENGINE_CONTAINER

from .finding import Finding, failed, listed, ok, unread, warning
from .snapshot import Missing, Raw, Snapshot, Unread, name_of, namespace_of

BOOTSTRAP = "microgateway-bootstrap"


def check(snapshot: Snapshot) -> Iterator[Finding]:
    yield from _gateways(snapshot)
    if isinstance(snapshot.pods, Unread):
        yield unread("pods", "read them", snapshot.pods.reason)
        return
    pods = [each for each in snapshot.pods if not is_finished(each)]
    faults = [*_unprotected(pods), *_bootstraps(snapshot, pods), *_orphans(snapshot, pods)]
    yield from faults
    if not faults:
        yield ok("pods", f"all {len(pods)} that are labelled have an engine")


def is_finished(pod: Raw) -> bool:
    return pod.get("status", {}).get("phase") in ("Succeeded", "Failed")


def has_engine(pod: Raw) -> bool:
    spec = pod["spec"]
    containers = (*spec.get("initContainers", ()), *spec.get("containers", ()))
    return any(each["name"] == ENGINE_CONTAINER for each in containers)


def _by_namespace(pods: list[Raw]) -> dict[str, list[Raw]]:
    found: dict[str, list[Raw]] = defaultdict(list)
    for pod in pods:
        found[namespace_of(pod)].append(pod)
    return dict(sorted(found.items()))


def _unprotected(pods: list[Raw]) -> Iterator[Finding]:
    for namespace, found in _by_namespace(pods).items():
        without = [name_of(each) for each in found if not has_engine(each)]
        if without:
            yield failed(
                "pods", f"{namespace}: {len(without)} of {len(found)} labelled pods have no engine and are "
                f"not protected: {listed(without)}",
                "create them anew; microgateway explain-injection says why a pod gets none",
            )  # fmt: skip


def _bootstraps(snapshot: Snapshot, pods: list[Raw]) -> Iterator[Finding]:
    for namespace in _by_namespace([each for each in pods if has_engine(each)]):
        match snapshot.bootstraps[namespace]:
            case Unread(reason):
                yield warning(
                    "pods", f"{namespace}: cannot look for its keys: {reason}", "ask with more rights"
                )
            case Missing():
                yield failed(
                    "pods", f"{namespace}: no Secret {BOOTSTRAP}: engines there start with nothing to trust",
                    f"kubectl -n {snapshot.places.system} logs deploy/microgateway-reconciler; is the "
                    "namespace among those that it watches?",
                )  # fmt: skip
            case dict():
                pass


def _orphans(snapshot: Snapshot, pods: list[Raw]) -> Iterator[Finding]:
    if isinstance(snapshot.gateways, Unread):
        return
    served = {namespace_of(each) for each in snapshot.gateways}
    for namespace, found in _by_namespace([each for each in pods if has_engine(each)]).items():
        if namespace not in served:
            yield failed(
                "pods", f"{namespace}: {len(found)} pods with an engine and no SidecarGateway: they refuse "
                "all connections", "apply a SidecarGateway that selects them",
            )  # fmt: skip


def _gateways(snapshot: Snapshot) -> Iterator[Finding]:
    if isinstance(snapshot.gateways, Unread):
        yield unread("gateways", "read them", snapshot.gateways.reason)
        return
    word: dict[str, list[str]] = defaultdict(list)
    for each in snapshot.gateways:
        status = (each.get("status") or {}).get("status", "")
        word[status].append(f"{namespace_of(each)}/{name_of(each)}")
    if word["Error"]:
        yield failed(
            "gateways", f"the latest resources do not apply: {listed(word['Error'])}",
            "kubectl describe sidecargateway -n NAMESPACE NAME",
        )  # fmt: skip
    if word[""]:
        yield warning(
            "gateways", f"no reconciler has looked at {listed(word[''])}",
            f"kubectl -n {snapshot.places.system} logs deploy/microgateway-reconciler",
        )  # fmt: skip
    if not word["Error"] and not word[""]:
        yield ok("gateways", f"all {len(snapshot.gateways)} apply")

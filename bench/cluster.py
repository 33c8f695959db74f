"""On a real Kubernetes API server: from applying a resource to the engine's acknowledgement, and what many
gateways cost the reconciler.

The API server, Redis, reconciler and engine are those of the tests (tests/support). Nothing is pinned: nobody
sends requests meanwhile.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
from redis import Redis

from bench import LeftOut, Void
from microgateway_common.bus import keys
from microgateway_common.bus.messages import Applied, NoConfiguration, decode_acknowledgement
from microgateway_common.names import pod_key

if TYPE_CHECKING:
    from kube_chain import KubeChain, Reconciler

ROOT = Path(__file__).resolve().parent.parent

#: Seconds for many gateways to be published and reported.
PATIENCE = 240.0

#: Seconds after which a change counts as lost.
LOST = 20.0

#: Seconds between two looks for an effect.
LOOKING = 0.002

PODS_EACH = 5
ENGINE_POD = "bench-0"


@dataclass(frozen=True, slots=True)
class Scale:
    """gateways: with PODS_EACH pods each. published, reported: seconds from the reconciler's start until all
    bundles and all statuses were written. memory: MiB of the reconciler then. change: milliseconds from a
    change of one gateway's rules until it was published; compiled, bundles: gateways and bundles for it."""

    gateways: int
    published: float
    reported: float
    memory: float
    change: float
    compiled: int
    bundles: int


@dataclass(frozen=True, slots=True)
class Cluster:
    """acknowledged: milliseconds from applying each change until the engine acknowledged it."""

    acknowledged: tuple[float, ...]
    scale: Scale


def cluster(
    edits: int, gateways: int, folder: Path, cpus: set[int], progress: Callable[[str], None]
) -> Cluster | LeftOut:
    """folder: its neighbour `rules` holds compiled deny rules. cpus: that all of it may use. Raises Void."""
    found = subprocess.run(
        [str(ROOT / "scripts" / "kube-apiserver.sh"), "--if-there"],
        stdout=subprocess.PIPE,
        text=True,
        check=False,
    )
    if found.returncode != 0:
        return LeftOut("there is no kube-apiserver; scripts/kube-apiserver.sh builds one")
    pinned = os.sched_getaffinity(0)
    os.sched_setaffinity(0, cpus)
    try:
        return _measure(Path(found.stdout.strip()), edits, gateways, folder, progress)
    # The helpers of the tests fail as tests do.
    except (AssertionError, OSError, httpx.HTTPError, subprocess.SubprocessError, KeyError) as error:
        raise Void(f"Kubernetes: {type(error).__name__}: {error}") from error
    finally:
        os.sched_setaffinity(0, pinned)


def _measure(
    assets: Path, edits: int, gateways: int, folder: Path, progress: Callable[[str], None]
) -> Cluster:
    support = str(ROOT / "tests" / "support")
    if support not in sys.path:
        sys.path.append(support)
    from kube_api_server import KubeApiServer
    from kube_chain import ACCOUNT_NAMESPACE, KubeChain

    progress("Kubernetes: starting etcd and kube-apiserver")
    with KubeApiServer(folder / "server", assets) as server:
        server.kubectl("apply", "-k", str(ROOT / "deploy" / "kustomize" / "crds"))
        server.kubectl("wait", "crd", "--all", "--for=condition=Established", "--timeout=60s")
        for namespace in (ACCOUNT_NAMESPACE, "bench", "bench-scale"):
            server.kubectl("create", "namespace", namespace)
        server.kubectl("apply", "-f", str(ROOT / "deploy" / "kustomize" / "base" / "reconciler-rbac.yaml"))
        with KubeChain(server, _made(folder / "chain"), "bench") as chain:
            progress(f"Kubernetes: applying {edits} changes")
            acknowledged = _acknowledged(chain, edits)
        with KubeChain(server, _made(folder / "scale"), "bench-scale") as chain:
            progress(f"Kubernetes: creating {gateways:,} gateways and {gateways * PODS_EACH:,} pods")
            scale = _scale(chain, gateways, progress)
    return Cluster(tuple(acknowledged), scale)


def _made(folder: Path) -> Path:
    folder.mkdir(parents=True)
    return folder


def _acknowledged(chain: KubeChain, edits: int) -> list[float]:
    for path, body in _objects(chain, "bench", pods=0):
        _create(chain, path, body)
    _create(chain, f"/api/v1/namespaces/{chain.namespace}/pods", chain.pod(ENGINE_POD, app="bench"))
    chain.reconciler().await_lead()
    engine = chain.engine(ENGINE_POD)
    _await(engine.is_ready, "a ready engine", 60)
    found: list[float] = []
    with Redis.from_url(chain.redis.url) as redis:
        for number in range(edits):
            before = _generation(redis, chain)
            began = time.perf_counter()
            chain.patch("DenyRules", "bench", _rule(f"/changed-{number}"))
            while _generation(redis, chain) <= before:
                if time.perf_counter() - began > LOST:
                    raise Void(f"Kubernetes: expected an acknowledgement within {LOST:g} s of a change")
                time.sleep(LOOKING)
            found.append((time.perf_counter() - began) * 1e3)
    return found


def _generation(redis: Redis, chain: KubeChain) -> int:
    """That the engine says it serves; 0 before it says anything."""
    text = redis.get(keys.acknowledgement(pod_key(chain.namespace, ENGINE_POD)))
    if not isinstance(text, bytes):
        return 0
    match decode_acknowledgement(text).serving:
        case Applied(generation=generation):
            return generation
        case NoConfiguration():
            return 0


def _scale(chain: KubeChain, gateways: int, progress: Callable[[str], None]) -> Scale:
    objects = [made for number in range(gateways) for made in _objects(chain, f"g{number}", pods=PODS_EACH)]
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda made: _create(chain, *made), objects))
    progress("Kubernetes: starting a reconciler")
    started = time.perf_counter()
    reconciler = chain.reconciler()

    def reached(metric: str, count: int) -> float:
        _await(lambda: reconciler.metric(metric) >= count, f"{metric} of {count}", PATIENCE, looking=0.05)
        return time.perf_counter() - started

    published = reached("microgateway_bundles_published_total", gateways)
    reported = reached("microgateway_statuses_written_total", gateways * 3)
    memory = reconciler.resident_bytes() / 2**20
    compiled, bundles = _counts(reconciler)
    before = chain.redis_generation("g7")
    began = time.perf_counter()
    chain.patch("DenyRules", "g7", _rule("/changed"))
    _await(lambda: chain.redis_generation("g7") > before, "the change to be published", LOST)
    change = (time.perf_counter() - began) * 1e3
    time.sleep(1.0)  # whatever else it would publish
    now_compiled, now_bundles = _counts(reconciler)
    return Scale(
        gateways,
        published,
        reported,
        memory,
        change,
        now_compiled - compiled,
        now_bundles - bundles,
    )


def _counts(reconciler: Reconciler) -> tuple[int, int]:
    """Gateways compiled and bundles published so far."""
    return (
        int(reconciler.metric("microgateway_gateways_compiled_total")),
        int(reconciler.metric("microgateway_bundles_published_total")),
    )


def _objects(chain: KubeChain, name: str, pods: int) -> list[tuple[str, dict[str, Any]]]:
    """Paths and bodies: a gateway with a policy and rules of its own, and pods."""
    routes = [{"pathPrefix": "/", "secured": {"contentSecurityRef": {"name": name}}}]
    gateway = {
        "podSelector": {"matchLabels": {"app": name}},
        "applications": [{"containerPort": 8080, "routes": routes}],
    }
    specs = {
        "SidecarGateway": gateway,
        "ContentSecurity": {"filter": {"denyRulesRef": {"name": name}}},
        "DenyRules": _rule(f"/{name}")["spec"],
    }
    made = [(chain.path(kind).rstrip("/"), chain.object(kind, name, spec)) for kind, spec in specs.items()]
    path = f"/api/v1/namespaces/{chain.namespace}/pods"
    return made + [(path, chain.pod(f"{name}-{number}", app=name)) for number in range(pods)]


def _rule(path: str) -> dict[str, Any]:
    """DenyRules, as a patch as well: requests for this path are refused."""
    rule = {"ruleKey": "PATH", "blockData": {"path": {"matcher": {"exact": path}}}}
    return {"spec": {"request": {"custom": {"rules": [rule]}}}}


def _create(chain: KubeChain, path: str, body: dict[str, Any]) -> None:
    chain.cluster.http.post(path, json=body).raise_for_status()


def _await(look: Callable[[], bool], what: str, patience: float, looking: float = LOOKING) -> None:
    deadline = time.monotonic() + patience
    while not look():
        if time.monotonic() > deadline:
            raise Void(f"Kubernetes: expected {what} within {patience:g} s")
        time.sleep(looking)

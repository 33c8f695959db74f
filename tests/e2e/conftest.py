"""The phases that the tests share, each begun by the first test that needs it.

    cluster ─► images ─► installation without the node agent ─► application ─► the node agent ─► tests

They run only when asked for, by `-m e2e`: they take minutes, and a machine has room for one such cluster.
Each phase says how long it took. `E2E_KEEP=1` leaves all of it running, to look at; the next run cleans up.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import pytest
import yaml
from prometheus_server import Prometheus

from . import prometheus as on_node
from .cluster import ROOT, SCRIPTS, Cluster, Object, default_state, eventually, run
from .installation import CNI, CNI_NAMESPACE, definitions, deployments, installation, is_agent

Phase = Callable[[str], AbstractContextManager[None]]

KEEP = os.environ.get("E2E_KEEP") == "1"
OBJECTS = Path(__file__).parent / "objects"
NGINX = "microgateway-e2e/nginx:1"
#: See microgateway_cni.plugin.settings and deploy/kustomize/base/cni.yaml.
PLUGIN_LOG, AGENT_RUN = Path("/var/log/microgateway-cni.log"), Path("/run/microgateway-cni")
IMAGES = ("reconciler", "engine", "config-api", "webhook", "cni", "netcheck", "demo-application")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if "e2e" in (config.option.markexpr or ""):
        return
    ours = [item for item in items if item.get_closest_marker("e2e")]
    if ours:
        config.hook.pytest_deselected(items=ours)
        items[:] = [item for item in items if item not in ours]


@pytest.fixture(scope="session")
def phase(request: pytest.FixtureRequest) -> Phase:
    """`with phase("…"):` tells on the terminal what is going on, and how long it took."""
    capture = request.config.pluginmanager.getplugin("capturemanager")
    assert capture is not None

    def say(text: str) -> None:
        with capture.global_and_fixture_disabled():
            print(f"\ne2e: {text}", flush=True)

    @contextmanager
    def begun(what: str) -> Iterator[None]:
        started = time.monotonic()
        say(f"{what} …")
        yield
        say(f"{what}: {time.monotonic() - started:.0f} s")

    return begun


@pytest.fixture(scope="session")
def cluster(request: pytest.FixtureRequest, phase: Phase) -> Iterator[Cluster]:
    if os.geteuid() != 0:
        pytest.skip("needs root")
    with phase("cluster: programs"):
        run(SCRIPTS / "kube-apiserver.sh", "--node", seconds=1200)
    started = Cluster(default_state())
    try:
        with phase("cluster: start"):
            _end()
            run(SCRIPTS / "cluster" / "up.sh", seconds=300)
        yield started
        if request.session.testsfailed:
            _save_what_explains_it(started)
    finally:
        if not KEEP:
            with phase("cluster: end"):
                _end()


@pytest.fixture(scope="session")
def docker_daemon() -> Iterator[None]:
    """The machine's, or one that runs while these tests do."""
    if shutil.which("docker") is not None and _succeeds("docker", "version"):
        yield
        return
    run(SCRIPTS / "docker-daemon.sh", seconds=300)
    yield
    if not KEEP:
        run(SCRIPTS / "docker-daemon.sh", "stop", seconds=60)


@pytest.fixture(scope="session")
def images(cluster: Cluster, docker_daemon: None, phase: Phase) -> None:
    """Ours, Redis's and nginx's in the cluster."""
    with phase("images: build"):
        run(SCRIPTS / "images.sh", *IMAGES, seconds=900)
        folder = Path(__file__).parent / "ingress"
        run("docker", "build", "--force-rm", "--tag", NGINX, folder, seconds=300)
    with phase("images: load"):
        ours = [f"microgateway/{name}:dev" for name in IMAGES]
        run(SCRIPTS / "cluster" / "load-images.sh", *ours, "redis:7-bookworm", NGINX, seconds=300)


@pytest.fixture(scope="session")
def node_before(cluster: Cluster) -> dict[str, bytes]:
    """Every file of the node's CNI directories, by name."""
    return node_files(cluster)


def node_files(cluster: Cluster) -> dict[str, bytes]:
    folders = (cluster.network_configurations, cluster.plugins)
    found = [path for folder in folders for path in sorted(folder.rglob("*"))]
    return {
        str(path.relative_to(cluster.state)): path.read_bytes() if path.is_file() else b"" for path in found
    }


@pytest.fixture(scope="session")
def installed(cluster: Cluster) -> list[Object]:
    """All objects of the installation but the definitions; not applied yet."""
    return installation(cluster)


@pytest.fixture(scope="session")
def control_plane(cluster: Cluster, images: None, installed: list[Object], phase: Phase) -> None:
    """All of the installation but the node agent runs."""
    with phase("installation"):
        cluster.apply(definitions())
        cluster.kubectl("wait", "crd", "--all", "--for=condition=Established", "--timeout=60s", seconds=70)
        cluster.apply([each for each in installed if not is_agent(each)])
        for name, namespace in deployments(installed):
            cluster.roll_out("deployment", name, namespace, seconds=180)


@pytest.fixture(scope="session")
def shop(cluster: Cluster, control_plane: None, phase: Phase) -> None:
    """The application and its policy are there; on a node without the plugin, so its pod cannot start yet."""
    with phase("application"):
        cluster.apply(_objects(OBJECTS / "shop.yaml"))
        policy = sorted((ROOT / "examples" / "shop").glob("*.yaml"))
        cluster.apply(each for path in policy if path.name != "pod.yaml" for each in _objects(path))


@pytest.fixture(scope="session")
def node_agent(
    cluster: Cluster, shop: None, node_before: dict[str, bytes], installed: list[Object], phase: Phase
) -> None:
    """Runs, and has set the node up."""
    with phase("node agent"):
        cluster.apply([each for each in installed if is_agent(each)])
        cluster.roll_out("daemonset", CNI, CNI_NAMESPACE)
        # containerd reads its CNI directory again when something in it changes.
        time.sleep(1)


@pytest.fixture(scope="session")
def outside(cluster: Cluster, node_agent: None, phase: Phase) -> None:
    """A client and the ingress proxy, neither of them labelled."""
    with phase("client and ingress"):
        for name in ("ingress.yaml", "client.yaml"):
            cluster.apply(_objects(OBJECTS / name))
        cluster.roll_out("deployment", "ingress", "ingress")
        cluster.kubectl("wait", "pod/client", "--namespace=client", "--for=condition=Ready", "--timeout=60s")


@pytest.fixture(scope="session")
def prometheus(
    cluster: Cluster, outside: None, tmp_path_factory: pytest.TempPathFactory, phase: Phase
) -> Iterator[Prometheus]:
    folder = tmp_path_factory.mktemp("prometheus")
    with contextlib.ExitStack() as stack:
        with phase("Prometheus"):
            started = stack.enter_context(on_node.start(cluster.all_pods(), folder))
            eventually("Prometheus is ready", started.is_ready, seconds=30)
        yield started


def _succeeds(*command: str) -> bool:
    return subprocess.run(command, capture_output=True, timeout=120, check=False).returncode == 0


def _end() -> None:
    run(SCRIPTS / "cluster" / "down.sh", seconds=180)
    # What plugin and agent have outside of the cluster's folder, as on every node.
    PLUGIN_LOG.unlink(missing_ok=True)
    shutil.rmtree(AGENT_RUN, ignore_errors=True)


def _objects(path: Path) -> list[Object]:
    return [each for each in yaml.safe_load_all(path.read_text()) if each]


def _save_what_explains_it(cluster: Cluster) -> None:
    """Into build/e2e: the logs of the cluster's programs, of all containers, pods and Events."""
    folder = ROOT / "build" / "e2e"
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(cluster.state / "logs", folder / "node")
    for name, arguments in {
        "pods.txt": ("get", "pods", "--all-namespaces", "--output=wide"),
        "pods.yaml": ("get", "pods", "--all-namespaces", "--output=yaml"),
        "events.txt": ("get", "events", "--all-namespaces", "--sort-by=.metadata.creationTimestamp"),
        "gateways.yaml": ("get", "sidecargateways", "--all-namespaces", "--output=yaml"),
    }.items():
        _save(folder / name, cluster, *arguments)
    for line in cluster.kubectl("get", "pods", "--all-namespaces", "--no-headers").splitlines():
        namespace, name = line.split()[:2]
        options = (f"--namespace={namespace}", "--all-containers", "--prefix", "--ignore-errors")
        _save(folder / f"{namespace}.{name}.log", cluster, "logs", name, *options)


def _save(path: Path, cluster: Cluster, *arguments: str) -> None:
    try:
        path.write_text(cluster.kubectl(*arguments))
    except AssertionError as error:
        path.write_text(f"{error}\n")

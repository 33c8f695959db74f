"""What kustomize builds, on a real API server: it is stored, it works, and nobody may more than they do.

An API server of its own: the webhooks of an installation would answer for the other tests' objects too.
"""

from __future__ import annotations

import base64
import json
import signal
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import httpx
import kustomize
import pytest
import yaml
from chain import BIN, ROOT, Service, eventually
from installed import Installed, manifests
from kube_api_server import KubeApiServer, binaries
from kube_webhook import Webhook
from kustomize import NODES, SYSTEM, VARIANTS, Account, Installation, Permission, Variant
from secure_chain import redis_with_tls
from viewers import create_account, token
from written import json_lines

from microgateway_cli.processes import free_port
from microgateway_common.resources.registry import KINDS
from microgateway_webhook.certificates.authority import new_authority

pytestmark = [pytest.mark.slow, pytest.mark.kubernetes]

STAGING = Variant("deploy/kustomize/overlays/staging")

NODE = "node-1"

#: A pod to inject.
LABELLED = {
    "apiVersion": "v1",
    "kind": "Pod",
    "metadata": {"name": "try", "labels": {"sidecar.microgateway.airlock.com/inject": "true"}},
    "spec": {"containers": [{"name": "app", "image": "app"}]},
}


@pytest.fixture(scope="module")
def installed(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Installed]:
    capture = request.config.pluginmanager.getplugin("capturemanager")
    assert capture is not None
    with capture.global_and_fixture_disabled():  # a build takes minutes, and shows it
        assets = binaries()
    if isinstance(assets, str):
        pytest.skip(assets)
    folder = tmp_path_factory.mktemp("installed")
    with KubeApiServer(folder / "kube", assets) as server:
        server.kubectl("apply", "-k", str(ROOT / "deploy" / "kustomize" / "crds"))
        server.kubectl("wait", "crd", "--all", "--for=condition=Established", "--timeout=120s")
        found = Installed(server, folder)
        found.install()
        found.start()
        yield found
        found.webhook.close()


def test_every_variant_is_accepted(installed: Installed) -> None:
    for name in ("shop", "billing"):
        installed.kubectl("create", "namespace", name)
    different = {
        json.dumps(raw, sort_keys=True): raw
        for variant in VARIANTS
        for raw in kustomize.build(variant).objects
    }
    installed.cluster.kubectl(
        "apply", "--dry-run=server", "-f", "-", stdin=manifests(tuple(different.values()))
    )


def test_applying_again_changes_nothing(installed: Installed) -> None:
    again = installed.cluster.kubectl("apply", "-f", "-", stdin=installed.manifests())
    assert "\n".join(changed(again)) == ""


def test_the_example_is_stored_with_defaults_and_as_it_was_written(installed: Installed) -> None:
    example = kustomize.build_folder(ROOT / "examples" / "kubernetes")
    installed.cluster.apply(yaml.safe_dump_all(example))
    for raw in example:
        kind, namespace, name = kustomize.key(raw)
        stored = installed.cluster.get(kind, namespace or "default", name)
        assert contains(stored.get("spec", {}), raw.get("spec", {})), kustomize.key(raw)
    limits = installed.cluster.get("limits", "shop", "shop")["spec"]["request"]["limited"]
    assert limits["json"] == {
        "bodySize": "64Ki", "elementCount": 10000, "keyCount": 250, "keyLength": "128", "nestingDepth": 100,
        "valueLength": "8Ki",
    }  # fmt: skip
    (application,) = installed.cluster.get("sidecargateway", "shop", "shop")["spec"]["applications"]
    assert application["containerPort"] == 8080
    again = installed.cluster.kubectl("apply", "-f", "-", stdin=yaml.safe_dump_all(example))
    assert "\n".join(changed(again)) == ""


def changed(applied: str) -> list[str]:
    """What kubectl apply did, but for what it left alone."""
    return [line for line in applied.splitlines() if not line.endswith(" unchanged")]


def contains(whole: Any, part: Any) -> bool:
    """Every value of the part is in the whole, at its place."""
    match whole, part:
        case dict(), dict():
            return all(name in whole and contains(whole[name], value) for name, value in part.items())
        case list(), list():
            return len(whole) == len(part) and all(map(contains, whole, part))
        case _:
            return bool(whole == part)


def used(cluster: KubeApiServer, account: Account) -> set[Permission]:
    """What the account asked for and got. namespace, name: of each request."""
    return {
        Permission(
            reference.get("namespace", ""),
            reference.get("apiGroup", ""),
            "/".join(filter(None, (reference["resource"], reference.get("subresource")))),
            reference.get("name", ""),
            event["verb"],
        )
        for event in cluster.asked(account.user)
        if "objectRef" in event
        for reference in [event["objectRef"]]
    }


def unused(installed: Installed, account: Account) -> set[Permission]:
    """What is granted and was never asked for."""
    asked = used(installed.cluster, account)
    # Server-side apply of what is not there needs `create` too, which no event of its own shows.
    asked |= {each._replace(verb="create") for each in asked if each.verb == "patch"}
    return {
        granted
        for granted in installed.installation.granted(account)
        if not any(
            (granted.group, granted.resource, granted.verb) == (each.group, each.resource, each.verb)
            and granted.namespace in ("", each.namespace)
            and granted.name in ("", each.name)
            for each in asked
        )
    }


def refused(cluster: KubeApiServer, account: Account) -> list[str]:
    """Requests of the account that nobody had granted."""
    return [
        f"{event['verb']} {event['requestURI']}"
        for event in json_lines(cluster.folder / "audit.log")
        if event["user"]["username"] == account.user
        and event.get("annotations", {}).get("authorization.k8s.io/decision") == "forbid"
    ]


def assert_no_more_than_needed(installed: Installed, account: Account) -> None:
    try:
        eventually(lambda: not unused(installed, account), "every permission to be used")
    finally:
        print(*sorted(unused(installed, account)), sep="\n")
    assert refused(installed.cluster, account) == []


def test_the_webhook_may_what_it_does(installed: Installed, tmp_path: Path) -> None:
    account = Account(SYSTEM, "microgateway-webhook")
    head = "apiVersion: microgateway.airlock.com/v1alpha1\nmetadata: {name: refers, namespace: default}\n"
    references = ("limitsRef", "headerRewritesRef", "parserRef")
    security = "".join(f", {name}: {{name: absent}}" for name in references)
    installed.cluster.apply(
        f"{head}kind: ContentSecurity\nspec: {{filter: {{denyRulesRef: {{name: absent}}}}{security}}}\n"
        f"---\n{head}kind: SidecarGateway\nspec: {{applications: [{{telemetryRef: {{name: absent}}, "
        "routes: [{secured: {contentSecurityRef: {name: absent}}}]}]}\n"
    )
    installed.cluster.kubectl("create", "--dry-run=server", "-f", "-", stdin=json.dumps(LABELLED))
    # Unreadable, it is written again.
    broken = json.dumps({"data": {"tls.crt": "eA=="}})
    installed.cluster.kubectl(
        "patch", "secret", "-n", SYSTEM, "microgateway-webhook-certificates", "-p", broken
    )
    with never_renewed(installed, tmp_path):
        events = f"/apis/events.k8s.io/v1/namespaces/{SYSTEM}/events"
        eventually(
            lambda: "CertificateEndsSoon" in installed.cluster.http.get(events).text,
            "an Event about a certificate",
        )
    assert_no_more_than_needed(installed, account)


@contextmanager
def never_renewed(installed: Installed, folder: Path) -> Iterator[None]:
    """Another replica, with a certificate of somebody else's that has lived for 360 of its 365 days."""
    made = new_authority(datetime.now(UTC) - timedelta(days=360), timedelta(days=365))
    for name, data in {"tls.crt": made.certificate, "tls.key": made.key}.items():
        (folder / name).write_bytes(data)
    webhook = Webhook(installed.cluster, folder / "late", free_port(), "--certificate-dir", str(folder))
    webhook.start()
    try:
        yield
    finally:
        webhook.close()


def test_redis_may_nothing(installed: Installed) -> None:
    assert installed.installation.granted(Account(SYSTEM, "microgateway-redis")) == set()


def test_the_cni_agent_may_what_it_does(installed: Installed, tmp_path: Path) -> None:
    account = Account(NODES, "microgateway-cni")
    root, plugin = tmp_path / "host", tmp_path / "plugin"
    net = root / "etc/cni/net.d"
    net.mkdir(parents=True)
    (net / "10-primary.conflist").write_text(
        json.dumps({"cniVersion": "1.0.0", "name": "primary", "plugins": [{"type": "bridge"}]})
    )
    plugin.write_text("#!/bin/sh\n")
    token = installed.cluster.service_account(tmp_path / "account", *account)
    # Nobody injected it: the webhook does not answer in this namespace.
    pod = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "name": "missed",
            "namespace": NODES,
            "labels": {"sidecar.microgateway.airlock.com/inject": "true"},
        },
        "spec": {"nodeName": NODE, "containers": [{"name": "app", "image": "app"}]},
    }
    installed.cluster.apply(json.dumps(pod))
    port = free_port()
    agent = Service(
        "agent",
        [str(BIN / "microgateway-cni-agent"), "run", "--node", NODE, "--node-root", str(root),
         "--executable", str(plugin), "--service-account", str(token), "--port", str(port),
         "--host", "127.0.0.1", "--daemonset", f"{NODES}/microgateway-cni", "--look-seconds", "1"],
        tmp_path / "agent.log",
        installed.cluster.environment(),
    )  # fmt: skip
    agent.start()
    try:
        answer = eventually(lambda: _ask(root / "run/microgateway-cni/agent.sock"), "the agent to answer")
        assert answer == {"answer": "missing"}
        eventually(
            lambda: "EngineMissing" in installed.cluster.kubectl("get", "events", "-n", NODES),
            "an Event about the pod",
        )
        # It stays set up, as the DaemonSet that it asks about is there.
        assert agent.end(signal.SIGTERM) == 0
    finally:
        agent.close()
    assert "microgateway-cni" in (net / "10-primary.conflist").read_text()
    assert_no_more_than_needed(installed, account)


def _ask(path: Path) -> dict[str, Any] | None:
    """About a pod that is not on the node, and therefore asked of the API server."""
    try:
        with socket.socket(socket.AF_UNIX) as connection:
            connection.connect(str(path))
            connection.sendall(b'{"namespace": "default", "name": "none", "uid": "1"}\n')
            found: dict[str, Any] = json.loads(connection.makefile().readline())
            return found
    except (OSError, ValueError):
        return None


class ControlPlane:
    """Reconciler, Redis and config-api as they are deployed, with what the kubelet would mount for them."""

    def __init__(self, installed: Installed, folder: Path, *arguments: str) -> None:
        self.cluster = installed.cluster
        self.installation = kustomize.build(STAGING)
        self.folder = folder
        self.redis_port = free_port()
        self.config_api_port = free_port()
        self.redis = f"rediss://localhost:{self.redis_port}/0"
        account = self.cluster.service_account(folder / "reconciler", SYSTEM, "microgateway-reconciler")
        self.reconciler = self._service(
            "reconciler", "--service-account", str(account), "--metrics-listen", f"127.0.0.1:{free_port()}",
            *arguments,
        )  # fmt: skip
        self.services: list[Service] = []

    def __enter__(self) -> Self:
        self.start(self.reconciler)
        for secret, name in (("microgateway-redis", "secret"), ("microgateway-redis-reader", "redis")):
            self.mount(secret, self.folder / name)
        text = (ROOT / "deploy" / "kustomize" / "base" / "redis.conf").read_text()
        text = text.replace("/etc/microgateway", str(self.folder)).replace("6379", str(self.redis_port))
        (self.folder / "redis.conf").write_text(text.replace("bind * -::*", "bind 127.0.0.1"))
        self.start(
            Service("redis", [str(redis_with_tls()), str(self.folder / "redis.conf")], self._log("redis"), {})
        )
        account = self.cluster.service_account(self.folder / "viewer", SYSTEM, "microgateway-config-api")
        self.start(
            self._service(
                "config-api", "--listen", f"127.0.0.1:{self.config_api_port}",
                "--api-ca", str(account / "ca.crt"), "--api-token", str(account / "token"),
            )
        )  # fmt: skip
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for service in reversed(self.services):
            if kind is not None:
                print(f"--- {service.name}", *service.log.read_text().splitlines()[-25:], sep="\n")
            service.close()

    def start(self, service: Service) -> None:
        self.services.append(service)
        service.start()

    def mount(self, secret: str, folder: Path) -> None:
        def data() -> dict[str, str] | None:
            answer = self.cluster.http.get(f"/api/v1/namespaces/{SYSTEM}/secrets/{secret}")
            found: dict[str, str] | None = answer.json().get("data")
            return found

        folder.mkdir()
        for name, content in eventually(data, f"the Secret {secret}").items():
            (folder / name).write_bytes(base64.b64decode(content))

    def config_api_is_ready(self) -> bool:
        try:
            ready = httpx.get(f"http://127.0.0.1:{self.config_api_port}/readyz", timeout=5)
        except httpx.TransportError:
            return False
        return ready.status_code == 200

    def _service(self, name: str, *arguments: str) -> Service:
        """arguments: after those of the manifest."""
        workload = self.installation.workload(f"microgateway-{name}")
        (config,) = (
            raw["data"]["operator-config.yaml"]
            for raw in self.installation.all("ConfigMap")
            if "operator-config.yaml" in raw["data"]
        )
        (self.folder / "operator-config.yaml").write_text(config)
        own = [each.replace("/etc/microgateway", str(self.folder)) for each in workload.container["args"]]
        environment = {
            **self.installation.environment(workload),
            **self.cluster.environment(),
            "MICROGATEWAY_REDIS": self.redis,
        }
        command = [str(BIN / f"microgateway-{name}"), *own, *arguments]
        return Service(name, command, self._log(name), environment)

    def _log(self, name: str) -> Path:
        return self.folder / f"{name}.log"


def test_kubectl_waits_until_the_example_is_programmed(installed: Installed, tmp_path: Path) -> None:
    cluster = installed.cluster
    cluster.apply(yaml.safe_dump_all(kustomize.build_folder(ROOT / "examples" / "kubernetes")))
    with ControlPlane(installed, tmp_path):
        waited = cluster.kubectl(
            "wait", "-n", "shop", "--for=condition=Programmed", "--timeout=120s", "sidecargateway/shop"
        )
    assert "condition met" in waited


def test_the_config_api_may_what_it_does(installed: Installed, tmp_path: Path) -> None:
    account = Account(SYSTEM, "microgateway-config-api")
    create_account(installed.cluster, "default", "viewer")
    bearer = {"Authorization": f"Bearer {token(installed.cluster, 'default', 'viewer')}"}
    with ControlPlane(installed, tmp_path) as control:
        eventually(control.config_api_is_ready, "the config-api to read Redis")
        url = f"http://127.0.0.1:{control.config_api_port}/api/v1/viewer"
        assert httpx.get(url, timeout=60).status_code == 401
        assert httpx.get(url, headers=bearer, timeout=60).status_code == 200
    assert_no_more_than_needed(installed, account)


@pytest.fixture
def labelled(installed: Installed) -> str:
    """A namespace with the label `watched=yes`."""
    installed.kubectl("create", "namespace", "watched")
    installed.cluster.kubectl("label", "namespace", "watched", "watched=yes", "--overwrite")
    return "watched"


def test_the_reconciler_may_what_it_does(installed: Installed, labelled: str, tmp_path: Path) -> None:
    cluster = installed.cluster
    head = (
        f"apiVersion: microgateway.airlock.com/v1alpha1\nmetadata: {{name: plain, namespace: {labelled}}}\n"
    )
    tls = "{downstream: {tls: {enable: true, secretRef: {name: absent}}}}"
    cluster.apply(
        "---\n".join(
            [
                *(f"{head}kind: {kind}\nspec: {{}}\n" for kind in KINDS if kind != "SidecarGateway"),
                f"{head}kind: SidecarGateway\nspec: {{applications: [{{}}]}}\n",
                head.replace("plain", "broken") + f"kind: SidecarGateway\nspec: {{applications: [{tls}]}}\n",
            ]
        )
    )
    account = Account(SYSTEM, "microgateway-reconciler")
    arguments = ("--namespace-selector", "watched=yes", "--key-overlap", "1")
    with ControlPlane(installed, tmp_path, *arguments) as control:
        cluster.kubectl(
            "wait", "-n", labelled, "--for=condition=Programmed", "--timeout=120s", "sidecargateway/plain"
        )
        eventually(control.config_api_is_ready, "the config-api to read Redis")
        bootstrap = f"/api/v1/namespaces/{labelled}/secrets/microgateway-bootstrap"
        assert cluster.http.get(bootstrap).json()["data"]
        # Keys that nobody needs any more are taken back.
        cluster.kubectl("delete", "sidecargateway", "-n", labelled, "--all")

        def taken_back() -> bool:
            # Any change makes it look whether an overlap has passed; by itself it does now and then.
            cluster.kubectl("annotate", "parser", "-n", labelled, "plain", f"at={time.time()}", "--overwrite")
            return cluster.http.get(bootstrap).status_code == 404

        eventually(taken_back, "the keys to be taken back")
        # Watches are in the audit log when they end.
        assert control.reconciler.end(signal.SIGTERM) == 0
    assert_no_more_than_needed(installed, account)


@pytest.fixture
def namespaced(installed: Installed) -> Iterator[Installation]:
    """The rights of the example for two namespaces instead of those for the whole cluster."""
    for name in ("shop", "billing"):
        installed.kubectl("create", "namespace", name)
    built = kustomize.build(Variant("examples/namespaced"))
    rights = tuple(raw for raw in built.objects if raw["apiVersion"].startswith("rbac."))
    wide = ("clusterrolebinding", "microgateway-reconciler")
    installed.cluster.kubectl("delete", *wide)
    installed.cluster.apply(manifests(rights))
    yield built
    installed.cluster.apply(installed.manifests())


def test_a_reconciler_of_two_namespaces_needs_no_more(
    installed: Installed, namespaced: Installation, tmp_path: Path
) -> None:
    cluster = installed.cluster
    config = ROOT / "examples" / "namespaced" / "operator-config.yaml"
    account = Account(SYSTEM, "microgateway-reconciler")
    before = refused(cluster, account)
    gateway = {
        "apiVersion": "microgateway.airlock.com/v1alpha1",
        "kind": "SidecarGateway",
        "spec": {"applications": [{}]},
    }
    for namespace in ("shop", "billing", "default"):
        cluster.apply(json.dumps({**gateway, "metadata": {"name": "two", "namespace": namespace}}))
    with ControlPlane(installed, tmp_path, "--operator-config", str(config)):
        for namespace in ("shop", "billing"):
            cluster.kubectl(
                "wait", "-n", namespace, "--for=condition=Programmed", "--timeout=120s", "sidecargateway/two"
            )
            assert cluster.get("secret", namespace, "microgateway-bootstrap")["data"]
        assert "status" not in cluster.get("sidecargateway", "default", "two")
    assert refused(cluster, account) == before


def test_a_webhook_of_two_namespaces_needs_no_more(installed: Installed, namespaced: Installation) -> None:
    account = Account(SYSTEM, "microgateway-webhook")
    before = refused(installed.cluster, account)
    # One whose namespace the webhook has not looked at before.
    injected = installed.cluster.kubectl(
        "create", "--dry-run=server", "-n", "billing", "-o", "json", "-f", "-", stdin=json.dumps(LABELLED)
    )
    assert len(json.loads(injected)["spec"]["containers"]) == 2
    refers = {
        "apiVersion": "microgateway.airlock.com/v1alpha1",
        "kind": "ContentSecurity",
        "metadata": {"name": "refers", "namespace": "billing"},
        "spec": {"limitsRef": {"name": "absent"}},
    }
    warned = installed.kubectl("apply", "-f", "-", stdin=json.dumps(refers))
    assert "absent" in warned.stderr
    assert refused(installed.cluster, account) == before


def test_uninstalling_leaves_nothing_of_ours_but_the_definitions(installed: Installed) -> None:
    """Runs last: it takes away what the others need."""
    installed.cluster.kubectl(
        "delete", "--wait=false", "--ignore-not-found", "-f", "-", stdin=installed.manifests()
    )
    kinds = "clusterroles,clusterrolebindings,mutatingwebhookconfigurations,validatingwebhookconfigurations"
    left = installed.cluster.kubectl("get", kinds, "-o", "name")
    assert "microgateway" not in left
    assert "microgateway" in installed.cluster.kubectl("get", "crd", "-o", "name")

"""`microgateway check` on a real API server: a healthy installation, and each part broken once."""

from __future__ import annotations

import base64
import json
import os
import subprocess
from collections.abc import Generator, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import yaml
from chain import BIN, ROOT, eventually
from installed import Installed
from kube_api_server import KubeApiServer, binaries
from kustomize import NODES, SYSTEM
from viewers import create_account, token

from microgateway_webhook.certificates.life import Policy, bundle, first
from microgateway_webhook.certificates.storage import encode

pytestmark = [pytest.mark.slow, pytest.mark.kubernetes]

Raw = dict[str, Any]

SHOP = "shop"
LABEL = {"sidecar.microgateway.airlock.com/inject": "true"}
WEBHOOKS = ("mutatingwebhookconfiguration", "validatingwebhookconfiguration")


class Told(NamedTuple):
    code: int
    findings: list[Raw]
    text: str

    def failed(self) -> set[tuple[str, str]]:
        return {(each["about"], each["message"]) for each in self.findings if each["state"] == "failed"}

    def assert_only(self, state: str, about: str, *words: str) -> None:
        """One finding is not ok: that one."""
        (finding,) = (each for each in self.findings if each["state"] != "ok")
        assert (finding["state"], finding["about"]) == (state, about), finding
        assert all(word in finding["message"] for word in words), finding
        assert finding["fix"]
        assert self.code == (1 if state == "failed" else 0)


def check(kubeconfig: Path, *arguments: str) -> Told:
    done = subprocess.run(
        [str(BIN / "microgateway"), "check", "--kubeconfig", str(kubeconfig), "-o", "json", *arguments],
        capture_output=True, text=True, check=False, timeout=120,
        env={"PATH": os.environ["PATH"], "HOME": "/nonexistent"},
    )  # fmt: skip
    assert done.stderr == ""
    data = json.loads(done.stdout)
    assert data["failed"] == sum(each["state"] == "failed" for each in data["findings"])
    return Told(done.returncode, data["findings"], done.stdout)


class Site:
    """An installation in which everything is as controllers, kubelets and our processes would have it."""

    def __init__(self, installed: Installed) -> None:
        self.cluster = installed.cluster

    def check(self, *arguments: str) -> Told:
        return check(self.cluster.kubeconfig, *arguments)

    def status(self, path: str, status: Raw) -> None:
        answer = self.cluster.http.patch(
            f"{path}/status",
            json={"status": status},
            headers={"Content-Type": "application/merge-patch+json"},
        )
        answer.raise_for_status()

    def apply(self, **raw: Any) -> None:
        self.cluster.apply(json.dumps(raw))

    def deployment(self, name: str, ready: int) -> None:
        counts = dict.fromkeys(("replicas", "readyReplicas", "availableReplicas"), ready)
        self.status(f"/apis/apps/v1/namespaces/{SYSTEM}/deployments/{name}", counts)

    def lease(self, holder: str, age: timedelta = timedelta()) -> None:
        renewed = (datetime.now(UTC) - age).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        self.apply(
            apiVersion="coordination.k8s.io/v1",
            kind="Lease",
            metadata={"name": "microgateway-reconciler", "namespace": SYSTEM},
            spec={"holderIdentity": holder, "renewTime": renewed, "leaseDurationSeconds": 15},
        )

    def node(self, name: str) -> None:
        self.apply(apiVersion="v1", kind="Node", metadata={"name": name})

    def agent(self, node: str, ready: str = "True") -> None:
        labels = {"app.kubernetes.io/name": "microgateway-cni"}
        metadata = {"name": f"agent-{node}", "namespace": NODES, "labels": labels}
        spec = {"nodeName": node, "containers": [{"name": "agent", "image": "agent"}]}
        self.apply(apiVersion="v1", kind="Pod", metadata=metadata, spec=spec)
        self.status(
            f"/api/v1/namespaces/{NODES}/pods/agent-{node}",
            {"conditions": [{"type": "Ready", "status": ready}]},
        )

    def bootstrap(self) -> None:
        self.apply(
            apiVersion="v1", kind="Secret", metadata={"name": "microgateway-bootstrap", "namespace": SHOP}
        )

    def pod(self, name: str, namespace: str = SHOP) -> None:
        metadata = {"name": name, "namespace": namespace, "labels": LABEL}
        spec = {"containers": [{"name": "app", "image": "app"}]}
        self.apply(apiVersion="v1", kind="Pod", metadata=metadata, spec=spec)

    def gateway(self, phase: str) -> None:
        self.status(
            f"/apis/microgateway.airlock.com/v1alpha1/namespaces/{SHOP}/sidecargateways/main",
            {"status": phase},
        )

    @contextmanager
    def without(self, kind: str, namespace: str, name: str) -> Generator[None]:
        raw = self.cluster.get(kind, namespace, name)
        self.cluster.kubectl("delete", kind, "-n", namespace, name)
        try:
            yield
        finally:
            for key in ("resourceVersion", "uid", "creationTimestamp", "managedFields", "selfLink"):
                raw["metadata"].pop(key, None)
            self.cluster.kubectl("create", "-f", "-", stdin=json.dumps(raw))

    @contextmanager
    def patched(self, kind: str, namespace: str, name: str, patch: list[Raw]) -> Generator[None]:
        """patch: RFC 6902, of `replace` and `add` with values that are there before."""
        raw = self.cluster.get(kind, namespace, name)
        self.cluster.kubectl("patch", kind, "-n", namespace, name, "--type=json", "-p", json.dumps(patch))
        try:
            yield
        finally:
            raw["metadata"].pop("resourceVersion")
            self.cluster.kubectl("replace", "-f", "-", stdin=json.dumps(raw))


@pytest.fixture(scope="module")
def site(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    capture = request.config.pluginmanager.getplugin("capturemanager")
    assert capture is not None
    with capture.global_and_fixture_disabled():  # a build takes minutes, and shows it
        assets = binaries()
    if isinstance(assets, str):
        pytest.skip(assets)
    folder = tmp_path_factory.mktemp("check")
    with KubeApiServer(folder / "kube", assets) as cluster:
        cluster.kubectl("apply", "-k", str(ROOT / "deploy" / "kustomize" / "crds"))
        cluster.kubectl("wait", "crd", "--all", "--for=condition=Established", "--timeout=120s")
        installed = Installed(cluster, folder)
        installed.install()
        installed.start()
        try:
            found = Site(installed)
            _bring_up(found)
        finally:
            installed.webhook.close()  # it would mend what tests break
        yield found


def _bring_up(site: Site) -> None:
    for name in ("reconciler", "webhook", "config-api", "redis"):
        site.deployment(f"microgateway-{name}", 1)
    site.node("node-1")
    site.agent("node-1")
    site.lease("reconciler-1")
    site.cluster.kubectl("create", "namespace", SHOP)
    gateway = {"apiVersion": "microgateway.airlock.com/v1alpha1", "kind": "SidecarGateway"}
    site.apply(**gateway, metadata={"name": "main", "namespace": SHOP}, spec={"applications": [{}]})
    site.gateway("Active")
    site.pod("shop-0")
    site.bootstrap()


def test_a_healthy_installation_has_nothing_but_a_warning_for_this_old_server(site: Site) -> None:
    site.check().assert_only("warning", "version", "v1.20")


@pytest.fixture
def known(site: Site) -> Site:
    """With the lease renewed, however long other tests took."""
    site.lease("reconciler-1")
    return site


def only(told: Told, state: str, about: str, *words: str) -> None:
    """Besides the version of the server."""
    Told(told.code, [each for each in told.findings if each["about"] != "version"], told.text).assert_only(
        state, about, *words
    )


def test_a_missing_definition_is_named(known: Site) -> None:
    manifest = (ROOT / "deploy/kustomize/crds/microgateway.airlock.com_telemetries.yaml").read_text()
    known.cluster.kubectl("delete", "crd", "telemetries.microgateway.airlock.com")
    try:
        only(known.check(), "failed", "definitions", "1 are missing: Telemetry")
    finally:
        known.cluster.apply(manifest)
        known.cluster.kubectl("wait", "crd", "--all", "--for=condition=Established", "--timeout=120s")


def test_a_definition_of_another_version_is_named(known: Site) -> None:
    path = ROOT / "deploy/kustomize/crds/microgateway.airlock.com_limits.yaml"
    raw = yaml.safe_load(path.read_text())
    properties = raw["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["spec"]["properties"]
    properties.pop(next(iter(properties)))
    known.cluster.apply(json.dumps(raw))
    try:
        only(known.check(), "failed", "definitions", "another version", "Limits")
    finally:
        known.cluster.apply(path.read_text())


@pytest.mark.parametrize(("kind", "lost"), list(zip(WEBHOOKS, ("no gateway", "are stored"), strict=True)))
def test_a_missing_webhook_configuration_is_named_with_what_is_lost(
    known: Site, kind: str, lost: str
) -> None:
    with known.without(kind, "", "microgateway-webhook"):
        only(known.check(), "failed", "webhooks", lost)


def test_a_webhook_that_may_be_passed_by_is_named(known: Site) -> None:
    patch = [{"op": "replace", "path": "/webhooks/0/failurePolicy", "value": "Ignore"}]
    with known.patched(WEBHOOKS[0], "", "microgateway-webhook", patch):
        only(known.check(), "failed", "webhooks", "failurePolicy is Ignore", "unprotected")


def stranger(now: datetime) -> tuple[str, Mapping[str, str]]:
    """A caBundle, and the data of the Secret of a webhook that began at that time."""
    state = first(Policy((f"microgateway-webhook.{SYSTEM}.svc",)), now)
    data = {name: base64.b64encode(value).decode() for name, value in encode(state).items()}
    return base64.b64encode(bundle(state)).decode(), data


@pytest.mark.parametrize(
    ("begun", "words"),
    [
        (timedelta(), "not of who signed"),
        (timedelta(days=-400), "expired"),
        (None, "no certificate"),
    ],
)
def test_a_ca_bundle_that_trusts_the_wrong_one_is_named(
    known: Site, begun: timedelta | None, words: str
) -> None:
    value = "" if begun is None else stranger(datetime.now(UTC) + begun)[0]
    patch = [{"op": "replace", "path": "/webhooks/0/clientConfig/caBundle", "value": value}]
    with known.patched(WEBHOOKS[0], "", "microgateway-webhook", patch):
        only(known.check(), "failed", "webhooks", "mutate-pod", words)


@pytest.mark.parametrize(
    ("age", "state", "words"),
    [(timedelta(days=29), "warning", "was not renewed"), (timedelta(days=31), "failed", "expired")],
)
def test_a_certificate_near_its_end_or_past_it_is_named(
    known: Site, age: timedelta, state: str, words: str
) -> None:
    _, data = stranger(datetime.now(UTC) - age)
    patch = [{"op": "replace", "path": "/data", "value": data}]
    with known.patched("secret", SYSTEM, "microgateway-webhook-certificates", patch):
        told = known.check()
    (finding,) = (each for each in told.findings if each["about"] == "certificate")
    assert (finding["state"], words in finding["message"]) == (state, True), finding


def test_a_webhook_without_certificate_is_named(known: Site) -> None:
    with known.without("secret", SYSTEM, "microgateway-webhook-certificates"):
        only(known.check(), "failed", "certificate", "has none")


@pytest.mark.parametrize("name", ["reconciler", "webhook"])
def test_a_deployment_of_which_none_is_ready_is_named_with_what_waits(known: Site, name: str) -> None:
    known.deployment(f"microgateway-{name}", 0)
    try:
        only(known.check(), "failed", name, "none of 1 is ready")
    finally:
        known.deployment(f"microgateway-{name}", 1)


def test_a_missing_deployment_is_named(known: Site) -> None:
    with known.without("deployment", SYSTEM, "microgateway-reconciler"):
        only(known.check(), "failed", "reconciler", "no Deployment")
    known.deployment("microgateway-reconciler", 1)


def test_that_redis_answers_is_known_by_the_config_api(known: Site) -> None:
    known.deployment("microgateway-config-api", 0)
    known.deployment("microgateway-redis", 0)
    try:
        told = known.check()
        assert {about for about, _ in told.failed()} == {"config-api", "redis"}
    finally:
        known.deployment("microgateway-config-api", 1)
        known.deployment("microgateway-redis", 1)


@pytest.mark.parametrize(
    ("holder", "age", "words"),
    [("", timedelta(), "nobody leads"), ("gone", timedelta(minutes=5), "gone has not renewed")],
)
def test_a_lost_leader_is_named(site: Site, holder: str, age: timedelta, words: str) -> None:
    site.lease(holder, age)
    only(site.check(), "failed", "leader", words)


def test_that_nobody_has_ever_led_is_said(site: Site) -> None:
    site.cluster.kubectl("delete", "lease", "-n", SYSTEM, "microgateway-reconciler")
    only(site.check(), "failed", "leader", "ever led")


def test_a_node_whose_agent_is_not_ready_is_named(known: Site) -> None:
    known.agent("node-1", "False")
    try:
        only(known.check(), "failed", "nodes", "node-1")
    finally:
        known.agent("node-1")


def test_a_node_without_agent_is_named(known: Site) -> None:
    known.node("node-2")
    try:
        only(known.check(), "warning", "nodes", "no CNI agent on node-2")
    finally:
        known.cluster.kubectl("delete", "node", "node-2")


def test_a_missing_daemonset_is_named(known: Site) -> None:
    with known.without("daemonset", NODES, "microgateway-cni"):
        only(known.check(), "failed", "nodes", "no redirect")


def test_a_right_that_an_account_lacks_is_named(known: Site) -> None:
    with known.without("clusterrolebinding", "", "microgateway-config-api"):
        only(
            known.check(), "failed", "rights", f"{SYSTEM}/microgateway-config-api may not",
            "create tokenreviews.authentication.k8s.io",
        )  # fmt: skip


def test_rights_in_each_namespace_that_is_worked_in_are_as_good_as_in_all(known: Site) -> None:
    role = {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "microgateway-reconciler"}
    subject = {"kind": "ServiceAccount", "name": "microgateway-reconciler", "namespace": SYSTEM}
    binding = {"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "RoleBinding"}
    metadata = {"name": "reconciler", "namespace": SHOP}
    with known.without("clusterrolebinding", "", "microgateway-reconciler"):
        only(known.check(), "failed", "rights", "list contentsecurities", f"in {SHOP}", " more")
        known.apply(**binding, metadata=metadata, roleRef=role, subjects=[subject])
        assert known.check().failed() == set()
    known.cluster.kubectl("delete", "rolebinding", "-n", SHOP, "reconciler")


def test_a_labelled_pod_without_engine_is_named(known: Site) -> None:
    with (
        known.without(WEBHOOKS[0], "", "microgateway-webhook"),
        known.without(WEBHOOKS[1], "", "microgateway-webhook"),
    ):
        known.pod("bare")
    try:
        only(known.check(), "failed", "pods", "shop: 1 of 2 labelled pods", "bare")
    finally:
        known.cluster.kubectl("delete", "pod", "-n", SHOP, "bare", "--force", "--grace-period=0")


def test_a_namespace_without_keys_is_named(known: Site) -> None:
    known.cluster.kubectl("delete", "secret", "-n", SHOP, "microgateway-bootstrap")
    try:
        only(known.check(), "failed", "pods", "shop: no Secret microgateway-bootstrap")
    finally:
        known.bootstrap()


def test_a_gateway_whose_resources_do_not_apply_is_named(known: Site) -> None:
    known.gateway("Error")
    try:
        only(known.check(), "failed", "gateways", "shop/main")
    finally:
        known.gateway("Active")


def test_pods_that_no_gateway_serves_are_named(known: Site) -> None:
    with (
        known.without(WEBHOOKS[1], "", "microgateway-webhook"),
        known.without("sidecargateway", SHOP, "main"),
    ):
        only_pods = {about for about, _ in known.check().failed()}
    known.gateway("Active")
    assert only_pods == {"webhooks", "pods"}


def test_a_config_api_that_does_not_answer_is_said(known: Site) -> None:
    only(known.check("--server", "http://127.0.0.1:1"), "failed", "config-api", "expected the config-api")


def kubeconfig(site: Site, folder: Path, bearer: str) -> Path:
    raw = json.loads(site.cluster.kubeconfig.read_text())
    raw["users"][0]["user"] = {"token": bearer}
    (folder / "kubeconfig").write_text(json.dumps(raw))
    return folder / "kubeconfig"


def test_who_may_not_look_never_hears_that_all_is_well(known: Site, tmp_path: Path) -> None:
    create_account(known.cluster, "default", "visitor")
    told = check(kubeconfig(known, tmp_path, token(known.cluster, "default", "visitor")))
    assert told.code == 1
    assert {each["about"] for each in told.findings if each["state"] == "ok"} == set()
    assert all("cannot" in message for _, message in told.failed())


def test_people_get_lines_that_say_what_to_do(known: Site) -> None:
    known.lease("")
    done = subprocess.run(
        [str(BIN / "microgateway"), "check", "--kubeconfig", str(known.cluster.kubeconfig)],
        capture_output=True, text=True, check=False, timeout=120,
    )  # fmt: skip
    lines = done.stdout.splitlines()
    (place,) = (number for number, line in enumerate(lines) if line.startswith("failed   leader"))
    assert "→ kubectl" in lines[place + 1]
    assert lines[-1].endswith("1 failed")
    assert done.returncode == 1


def test_an_api_server_that_is_away_is_exit_code_2(tmp_path: Path, site: Site) -> None:
    raw = json.loads(site.cluster.kubeconfig.read_text())
    raw["clusters"][0]["cluster"]["server"] = "https://127.0.0.1:1"
    (tmp_path / "kubeconfig").write_text(json.dumps(raw))
    for arguments in ((), ("--pre",)):
        done = subprocess.run(
            [str(BIN / "microgateway"), "check", "--kubeconfig", str(tmp_path / "kubeconfig"), *arguments],
            capture_output=True, text=True, check=False, timeout=120,
        )  # fmt: skip
        assert (done.returncode, done.stdout) == (2, "")
        assert "the API server does not answer" in done.stderr


def test_before_installing_it_says_whether_that_can_be_done_by_you(site: Site, tmp_path: Path) -> None:
    told = site.check("--pre")
    assert told.code == 0
    assert {each["about"]: each["state"] for each in told.findings} == {
        "version": "warning", "install": "ok", "grant": "ok", "definitions": "ok",
    }  # fmt: skip
    create_account(site.cluster, "default", "visitor")
    told = check(kubeconfig(site, tmp_path, token(site.cluster, "default", "visitor")), "--pre")
    assert told.code == 1
    failed = dict(told.failed())
    assert "you may not create clusterrolebindings" in failed["install"]
    assert "cannot give away" in failed["grant"]


def test_it_changes_nothing(known: Site) -> None:
    """Runs last: what the others broke is mended."""
    before = known.cluster.kubectl("get", "all,secrets,leases,crds", "-A", "-o", "name")
    eventually(lambda: known.check().failed() == set(), "everything to be mended")
    assert known.cluster.kubectl("get", "all,secrets,leases,crds", "-A", "-o", "name") == before

"""Everything that is scraped, as processes: two engines, reconciler, config-api, webhook and a node's agent,
over a Redis with TLS. One gateway speaks plain HTTP and blocks, the other TLS on both sides and only logs.
"""

from __future__ import annotations

import base64
import contextlib
import json
import ssl
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Self
from urllib.parse import urlsplit

import httpx
import yaml
from certificates import Certified, authority, pem
from chain import BIN, PATIENCE, ROOT, Service, eventually
from prometheus_server import Prometheus
from scraping import Process, monitors
from secure_chain import SecureChain
from services.cni.tests import api_server

from microgateway_cli.processes import free_port
from microgateway_webhook.certificates.authority import issue, new_authority

ALERTS = ROOT / "deploy/kustomize/components/alerts/alerts.yaml"
SYSTEM = "microgateway-system"
ATTACK = "' UNION SELECT password FROM users--"

#: The gateway with TLS on both sides, whose rules only log.
VAULT = """\
apiVersion: microgateway.airlock.com/v1alpha1
kind: SidecarGateway
metadata: {name: vault, namespace: shop}
spec:
  podSelector: {matchLabels: {app: vault}}
  applications:
    - containerPort: 8443
      downstream: {tls: {enable: true, secretRef: {name: vault-tls}}}
      upstream: {tls: {enable: true}}
      routes:
        - pathPrefix: /
          secured: {contentSecurityRef: {name: vault}}
---
apiVersion: microgateway.airlock.com/v1alpha1
kind: ContentSecurity
metadata: {name: vault, namespace: shop}
spec: {filter: {denyRulesRef: {name: vault}}}
---
apiVersion: microgateway.airlock.com/v1alpha1
kind: DenyRules
metadata: {name: vault, namespace: shop}
spec: {request: {builtIn: {settings: {level: Standard, threatHandlingMode: LogOnly}}}}
"""

POD = """\
apiVersion: v1
kind: Pod
metadata:
  name: {name}
  namespace: shop
  labels: {{app: {app}, sidecar.microgateway.airlock.com/inject: "true"}}
"""

SECRET = """\
apiVersion: v1
kind: Secret
type: kubernetes.io/tls
metadata: {{name: vault-tls, namespace: shop}}
data: {{tls.crt: {chain}, tls.key: {key}}}
"""

#: The agent speaks TLS with an API server; the one of its tests does not.
_AGENT = """
import sys
from microgateway_cni.agent import main
in_cluster = main.in_cluster
def over_http(*arguments):
    access = in_cluster(*arguments)
    return access._replace(url=access.url._replace(scheme="http"))
main.in_cluster = over_http
sys.exit(main.main())
"""


class Installation(SecureChain):
    """Its processes and their Prometheus. nodes: the API server that the agent asks."""

    prometheus: Prometheus
    nodes: api_server.ApiServer

    def __init__(self, scratch: Path) -> None:
        super().__init__(scratch, ROOT / "examples/shop")
        self._folder = scratch
        self._stack = contextlib.ExitStack()
        self._processes: dict[str, list[Process]] = {name: [] for name in monitors()}
        self.ca = authority()
        self.vault_port = free_port()
        self._vault_application = free_port()
        self.vault = self._engine("vault-0", 8443, f"127.0.0.1:{self._vault_application}", self.vault_port)
        self.webhook_port, self.agent_port = free_port(), free_port()
        self.node = scratch / "node"
        self.webhook = self._webhook()
        self.config_api_port = free_port()

    def __enter__(self) -> Self:
        self.write("vault.yaml", VAULT)
        self.write("vault-pod.yaml", POD.format(name="vault-0", app="vault"))
        self.use_certificate(self.ca.leaf("vault.example", "vault.example"))
        super().__enter__()
        try:
            for service in (self._openssl(), self.vault, self.webhook, self._config_api(), self._agent()):
                self._stack.callback(service.close)
                service.start()
            self._add("microgateway-engine", self.metrics, "shop-0")
            command = self.reconciler.command
            listen = command[command.index("--metrics-listen") + 1]
            self._add("microgateway-reconciler", int(listen.rpartition(":")[2]), "reconciler-0")
            self._add("microgateway-config-api", self.config_api_port, "config-api-0")
            self._add("microgateway-webhook", self.webhook_port, "webhook-0")
            self._add("microgateway-cni", self.agent_port, "cni-0")
            self.prometheus = self._stack.enter_context(Prometheus(self._configuration(), self._folder))
            eventually(self.prometheus.is_ready, "Prometheus to be ready")
            eventually(lambda: self.unscraped() == [], "every target to be scraped", 60)
        except BaseException:
            self.__exit__(*sys.exc_info())
            raise
        return self

    def __exit__(self, *error: Any) -> None:
        self._stack.close()
        super().__exit__(*error)

    def unscraped(self) -> list[str]:
        """What is wrong with targets."""
        found = self.prometheus.targets()
        wanted = sum(map(len, self._processes.values()))
        wrong = [f"{each['scrapeUrl']}: {each['lastError']}" for each in found if each["health"] != "up"]
        return wrong if len(found) == wanted else [f"{len(found)} of {wanted} targets", *wrong]

    def use_certificate(self, server: Certified) -> None:
        """The vault's."""
        encoded = [base64.b64encode(each).decode() for each in (server.pem, server.key_pem)]
        self.write("vault-tls.yaml", SECRET.format(chain=encoded[0], key=encoded[1]))

    @contextmanager
    def another_engine(self, pod: str, port: int = 0) -> Iterator[Service]:
        """Scraped as the others are. port: 0 for any. What is at the path of its log may be a pipe."""
        upstream = f"127.0.0.1:{self.application_port}"
        engine = self._engine(pod, 8080, upstream, port or free_port())
        try:
            engine.start()
            yield engine
        finally:
            engine.close()
            del self._processes["microgateway-engine"][-1]
            self._write_targets("microgateway-engine")

    # Traffic

    @contextmanager
    def traffic(self, attacks: int = 1) -> Iterator[None]:
        """Good requests, attacks, handshakes and admissions, again and again. attacks: each time."""
        stop = threading.Event()
        failures: list[BaseException] = []

        def run() -> None:
            try:
                while not stop.wait(0.1):
                    self.visit(attacks)
            except BaseException as error:  # noqa: BLE001 - to be raised by the test
                failures.append(error)

        thread = threading.Thread(target=run)
        thread.start()
        try:
            yield
        finally:
            stop.set()
            thread.join(PATIENCE)
        for failure in failures:
            raise failure

    def visit(self, attacks: int = 1) -> None:
        """Each kind of traffic once; connections are not kept."""
        with httpx.Client(base_url=f"http://127.0.0.1:{self.port}", timeout=30) as client:
            assert client.get("/products", params={"q": "O'Brien"}).status_code == 200
            assert client.post("/orders", json={"name": "moka pot", "count": 2}).is_success
            for _ in range(attacks):
                assert client.get("/products", params={"q": ATTACK}).status_code == 400
        context = ssl.create_default_context(cadata=pem(self.ca.certificate).decode())
        for attempt in range(2):
            with (
                contextlib.suppress(httpx.ConnectError),  # who does not know the authority
                httpx.Client(verify=context if attempt else True, timeout=30) as client,
            ):
                url, options = f"https://localhost:{self.vault_port}/", {"sni_hostname": "vault.example"}
                client.get(url, params={"q": ATTACK}, extensions=options)
        self.admit()

    def admit(self) -> None:
        """A pod and a resource."""
        pod = {
            "metadata": {"name": "shop-1", "labels": {"sidecar.microgateway.airlock.com/inject": "true"}},
            "spec": {"containers": [{"name": "shop", "image": "shop:1"}]},
        }
        resource = next(yaml.safe_load_all((ROOT / "examples/shop/limits.yaml").read_text()))
        context = ssl.create_default_context(cafile=str(self._folder / "webhook" / "ca.crt"))
        with httpx.Client(verify=context, timeout=30) as client:
            for path, new in (("mutate-v1-pod", pod), ("validate-v1alpha1", resource)):
                request = {"uid": "7", "operation": "CREATE", "namespace": "shop", "object": new}
                review = {"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "request": request}
                answer = client.post(f"https://localhost:{self.webhook_port}/{path}", json=review)
                assert answer.status_code == 200, answer.text

    # Processes

    def _engine(self, pod: str, application: int, upstream: str, port: int) -> Service:
        metrics = free_port()
        self._add("microgateway-engine", metrics, pod)
        replaced = {
            "--pod": f"shop/{pod}",
            "--listen": f"127.0.0.1:{port}",
            "--upstream": upstream,
            "--application-port": str(application),
            "--state-dir": str(self._folder / f"state-{pod}"),
            "--probe-listen": f"127.0.0.1:{free_port()}",
            "--metrics-listen": f"127.0.0.1:{metrics}",
            "--admin-listen": f"127.0.0.1:{free_port()}",
        }
        command = list(self.engine.command)
        for flag, value in replaced.items():
            command[command.index(flag) + 1] = value
        return Service(f"engine of {pod}", command, self._folder / f"engine-{pod}.log", {})

    def _openssl(self) -> Service:
        """An application that speaks TLS."""
        chain, key = self.ca.leaf("vault", "vault").files(self._folder, "vault")
        command = ["openssl", "s_server", "-quiet", "-www", "-accept", str(self._vault_application)]
        command += ["-cert", str(chain), "-key", str(key)]
        return Service("application of the vault", command, self._folder / "vault.log", {})

    def _webhook(self) -> Service:
        folder = self._folder / "webhook"
        folder.mkdir()
        now = datetime.now(UTC)
        signer = new_authority(now, timedelta(days=90))
        names = (monitors()["microgateway-webhook"].tls["serverName"], "localhost")
        pair = issue(signer, names, now, timedelta(days=60))
        for name, data in (
            ("ca.crt", signer.certificate),
            ("tls.crt", pair.certificate),
            ("tls.key", pair.key),
        ):
            (folder / name).write_bytes(data)
        command = [str(BIN / "microgateway-webhook"), "--listen", f"127.0.0.1:{self.webhook_port}"]
        command += ["--server-version", "1.30", "--certificate-dir", str(folder)]
        return Service("webhook", command, self._folder / "webhook.log", {})

    def _config_api(self) -> Service:
        command = [str(BIN / "microgateway-config-api"), "--listen", f"127.0.0.1:{self.config_api_port}"]
        command += ["--redis", self.redis.url, "--cache-dir", str(ROOT / "build")]
        command += ["--redis-credentials", str(self.secure_redis.credentials("reader"))]
        return Service("config-api", command, self._folder / "config-api.log", {})

    def _agent(self) -> Service:
        network = self.node / "etc/cni/net.d"
        network.mkdir(parents=True)
        (network / "10-net.conflist").write_text(
            json.dumps({"cniVersion": "1.0.0", "name": "net", "plugins": [{"type": "bridge"}]})
        )
        (self.node / "proc").mkdir()
        executable, account = self._folder / "executable", self._folder / "account"
        executable.write_text("#!/bin/sh\n")
        account.mkdir()
        self.nodes = self._stack.enter_context(api_server.running(self._folder))
        (account / "token").write_text(self.nodes.token)
        (account / "ca.crt").write_text("")
        command = [sys.executable, "-c", _AGENT, "run", "--node", api_server.NODE]
        command += ["--node-root", str(self.node), "--proc", str(self.node / "proc")]
        command += ["--executable", str(executable), "--service-account", str(account)]
        command += ["--port", str(self.agent_port), "--look-seconds", "1"]
        port = str(urlsplit(self.nodes.url).port)
        environment = {"KUBERNETES_SERVICE_HOST": "127.0.0.1", "KUBERNETES_SERVICE_PORT": port}
        return Service("agent", command, self._folder / "agent.log", environment)

    # Prometheus

    def _add(self, monitor: str, port: int, pod: str) -> None:
        namespace = {"microgateway-engine": "shop", "microgateway-cni": "microgateway-cni"}
        process = Process(f"127.0.0.1:{port}", namespace.get(monitor, SYSTEM), pod)
        self._processes[monitor].append(process)
        self._write_targets(monitor)

    def _targets(self, monitor: str) -> Path:
        return self._folder / f"targets-{monitor}.json"

    def _write_targets(self, monitor: str) -> None:
        found = monitors()[monitor]
        fresh = self._targets(monitor).with_suffix(".new")
        fresh.write_text(json.dumps([found.target(each) for each in self._processes[monitor]]))
        fresh.rename(self._targets(monitor))

    def _configuration(self) -> dict[str, Any]:
        rules = self._folder / "alerts.yaml"
        rules.write_text(yaml.safe_dump(hurried(yaml.safe_load(ALERTS.read_text())["spec"])))
        ca = self._folder / "webhook" / "ca.crt"
        return {
            "global": {"scrape_interval": "1s", "scrape_timeout": "1s", "evaluation_interval": "1s"},
            "rule_files": [str(rules)],
            "scrape_configs": [
                monitor.scrape(self._targets(name), ca) for name, monitor in monitors().items()
            ],
        }


#: What takes minutes in the alerts takes seconds here.
_WINDOWS = {"[1h] offset 30m": "[6s] offset 8s", "[5m]": "[4s]", "[10m]": "[20s]"}


def hurried(rules: dict[str, Any]) -> dict[str, Any]:
    """The same alerts, for tests without patience: nothing has to last."""
    for group in rules["groups"]:
        for rule in group["rules"]:
            rule.pop("for", None)
            for window, shorter in _WINDOWS.items():
                rule["expr"] = rule["expr"].replace(window, shorter)
    return rules

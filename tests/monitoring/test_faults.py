"""Real faults, and the alert that each of them raises."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from datetime import timedelta

import httpx
import pytest
import yaml
from chain import eventually
from load import Load
from monitored import ALERTS, POD, VAULT, Installation
from services.cni.tests.api_server import pod_object

from microgateway_cli.processes import free_port
from microgateway_common.bus import keys
from microgateway_common.names import gateway_key

pytestmark = pytest.mark.slow

Fault = Callable[[Installation], AbstractContextManager[object]]

#: Labelled and without an engine, as an API server has it.
UNINJECTED = """\
apiVersion: v1
kind: Pod
metadata:
  name: bare-0
  namespace: shop
  uid: 2f0b8f0e-8a0c-4c0e-9f43-7ad0e4b8a7c1
  labels: {sidecar.microgateway.airlock.com/inject: "true"}
spec: {containers: [{name: bare, image: bare}]}
"""


@contextmanager
def no_redirect(installation: Installation) -> Iterator[None]:
    """The node has a pod that nobody injected."""
    pod = pod_object("bare", engine=False)
    installation.nodes.put(pod)
    yield
    installation.nodes.drop("/api/v1/namespaces/default/pods/bare")


@contextmanager
def no_engine(installation: Installation) -> Iterator[None]:
    installation.write("bare.yaml", UNINJECTED)
    yield
    (installation.manifests / "bare.yaml").unlink()


@contextmanager
def frozen_engine(installation: Installation) -> Iterator[None]:
    """It is there and takes up no change."""
    os.kill(installation.vault.pid, signal.SIGSTOP)
    installation.write("vault.yaml", VAULT.replace("level: Standard", "level: Strict"))
    yield
    installation.write("vault.yaml", VAULT)
    os.kill(installation.vault.pid, signal.SIGCONT)


@contextmanager
def killed_engine(installation: Installation) -> Iterator[None]:
    installation.vault.end(signal.SIGKILL)
    yield
    installation.vault.start()


@contextmanager
def broken_resource(installation: Installation) -> Iterator[None]:
    rules = installation.manifests / "deny-rules.yaml"
    good = rules.read_text()
    rules.write_text(good.replace("level: Standard", "level: Paranoid"))
    yield
    rules.write_text(good)


@contextmanager
def forged_bundle(installation: Installation) -> Iterator[None]:
    """Whoever holds Redis tells engines again and again that there is something new: a scrape may fail."""
    stop = threading.Event()

    def forge() -> None:
        with installation.secure_redis.connect_writer() as redis:
            while not stop.wait(0.5):
                redis.publish(keys.bundle(gateway_key("shop", "shop")), b"MGW?")

    thread = threading.Thread(target=forge)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


@contextmanager
def ending_certificate(installation: Installation) -> Iterator[None]:
    names = ("vault.example", "vault.example")
    installation.use_certificate(installation.ca.leaf(*names, ends=timedelta(days=2)))
    yield
    installation.use_certificate(installation.ca.leaf(*names))


@contextmanager
def broken_node(installation: Installation) -> Iterator[None]:
    """The primary plugin's configuration is no JSON any more."""
    conflist = installation.node / "etc/cni/net.d/10-net.conflist"
    good = conflist.read_bytes()
    conflist.write_bytes(good[:30])
    yield
    conflist.write_bytes(good)


@contextmanager
def stopped_reconciler(installation: Installation) -> Iterator[None]:
    installation.reconciler.end(signal.SIGTERM)
    yield
    installation.reconciler.start()


@contextmanager
def stopped_redis(installation: Installation) -> Iterator[None]:
    installation.secure_redis.stop()
    yield
    installation.secure_redis.start()


@contextmanager
def killed_webhook(installation: Installation) -> Iterator[None]:
    installation.webhook.end(signal.SIGKILL)
    yield
    installation.webhook.start()


def serves(port: int) -> bool:
    try:
        return httpx.get(f"http://127.0.0.1:{port}/products", timeout=5).status_code == 200
    except httpx.TransportError:
        return False


@contextmanager
def unread_log(installation: Installation) -> Iterator[None]:
    """An engine whose stdout is a pipe that nobody reads."""
    installation.write("second-pod.yaml", POD.format(name="shop-1", app="shop"))
    pipe = installation.manifests.parent / "engine-shop-1.log"
    os.mkfifo(pipe)
    reading = os.open(pipe, os.O_RDWR)
    port = free_port()
    try:
        with installation.another_engine("shop-1", port):
            eventually(lambda: serves(port), "the engine to serve")
            eventually(lambda: installation.unscraped() == [], "its first sample", 60)
            with Load(port) as load:
                yield
            assert load.result.failures == []
    finally:
        os.close(reading)
        (installation.manifests / "second-pod.yaml").unlink()


FAULTS: dict[str, Fault] = {
    "MicrogatewayPodUnprotected": no_redirect,
    "MicrogatewayPodWithoutEngine": no_engine,
    "MicrogatewayEngineOutOfSync": frozen_engine,
    "MicrogatewayEngineWithoutConfiguration": lambda installation: installation.another_engine("nobody-0"),
    "MicrogatewayEngineDown": killed_engine,
    "MicrogatewayConfigurationInError": broken_resource,
    "MicrogatewayBundleRejected": forged_bundle,
    "MicrogatewayCertificateEndsSoon": ending_certificate,
    "MicrogatewayBlocksJump": lambda installation: installation.traffic(attacks=20),
    "MicrogatewayNodeNotReady": broken_node,
    "MicrogatewayNoLeader": stopped_reconciler,
    "MicrogatewayRedisAway": stopped_redis,
    "MicrogatewayAdmissionFails": killed_webhook,
    "MicrogatewayLogLinesDropped": unread_log,
}


def test_every_alert_has_a_fault() -> None:
    groups = yaml.safe_load(ALERTS.read_text())["spec"]["groups"]
    assert {rule["alert"] for group in groups for rule in group["rules"]} == set(FAULTS)


@pytest.mark.parametrize("alert", FAULTS)
def test_the_fault_raises_its_alert_and_its_end_ends_it(alert: str, installation: Installation) -> None:
    """A jump of blocks needs the time before it, which its alert looks back to."""
    prometheus = installation.prometheus
    eventually(lambda: alert not in prometheus.firing(), f"{alert} to be quiet before its fault", 90)
    with FAULTS[alert](installation):
        eventually(lambda: alert in prometheus.firing(), f"{alert} to fire", 90)
    eventually(lambda: alert not in prometheus.firing(), f"{alert} to end", 90)
    eventually(lambda: installation.unscraped() == [], "every target to be scraped again", 60)

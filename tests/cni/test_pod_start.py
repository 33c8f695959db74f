"""A pod's start as node and pod see it: the plugin's ADD, then netcheck in the pod, then an engine.

runtime ─► ADD (process) ─► rules ─► netcheck (process in the namespace) ─► engine on 13378
"""

from __future__ import annotations

import contextlib
import json
import os
import socket
import struct
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from services.cni.tests.conftest import Network, original_destination

from microgateway_cni.apply import apply
from microgateway_cni.netns import NamespaceAt
from microgateway_cni.observe import differences
from microgateway_cni.redirect import Redirect, install

pytestmark = pytest.mark.root

ENGINE, APPLICATION = 13378, 8080
INJECTED = {"sidecar.microgateway.airlock.com/status": "{}"}


def add(network: Network, annotations: dict[str, str], command: str = "ADD") -> int:
    """The plugin's exit code, with no agent and no API server: the runtime's annotations decide."""
    configuration = {
        "cniVersion": "1.0.0",
        "name": "net",
        "type": "microgateway-cni",
        "logFilePath": "",
        "agentSocket": "/nowhere/agent.sock",
        "kubernetes": {"kubeconfig": "/nowhere/kubeconfig"},
        "prevResult": {"cniVersion": "1.0.0"},
        "runtimeConfig": {"io.kubernetes.cri.pod-annotations": annotations},
    }
    environment = {
        "PATH": os.defpath,
        "CNI_COMMAND": command,
        "CNI_CONTAINERID": "c0ffee",
        "CNI_NETNS": str(network.pod.path),
        "CNI_IFNAME": "eth0",
        "CNI_ARGS": "K8S_POD_NAMESPACE=default;K8S_POD_NAME=shop",
    }
    done = subprocess.run(
        [sys.executable, "-m", "microgateway_cni.plugin.main"],
        input=json.dumps(configuration),
        text=True,
        capture_output=True,
        env=environment,
        timeout=120,
        check=False,
    )
    return done.returncode


def netcheck(network: Network, tmp_path: Path) -> int:
    """Its exit code, in the namespace of the pod."""
    done = subprocess.run(
        [
            *("ip", "netns", "exec", network.pod.name, sys.executable, "-m", "microgateway_netcheck.main"),
            *("--timeout", "0.5", "--termination-log", str(tmp_path / "none")),
        ],
        capture_output=True,
        timeout=120,
        check=False,
    )
    return done.returncode


def test_an_injected_pod_passes_netcheck_and_serves_through_its_engine(
    network: Network, tmp_path: Path
) -> None:
    assert add(network, INJECTED) == 0
    assert netcheck(network, tmp_path) == 0
    servers = network.serve(ENGINE, APPLICATION)
    for address in network.pod_addresses:
        network.dial(network.client, address, APPLICATION)
        connection, _ = servers[ENGINE].accept()
        with connection:
            assert original_destination(connection) == (address, APPLICATION)
    assert add(network, INJECTED, "CHECK") == 0


def test_a_pod_that_lost_the_race_is_stopped_by_netcheck_until_it_is_repaired(
    network: Network, tmp_path: Path
) -> None:
    assert add(network, {}) == 0
    assert netcheck(network, tmp_path) == 10
    apply(install(Redirect()), NamespaceAt(network.pod.path))  # as the agent's repair does
    assert netcheck(network, tmp_path) == 0


def test_every_rule_that_goes_missing_is_noticed_by_netcheck_or_check(
    network: Network, tmp_path: Path
) -> None:
    """netcheck sees the rules for loopback; CHECK, and the agent, every one."""
    noticed: dict[str, int] = {}
    where = NamespaceAt(network.pod.path)
    for index in range(8):
        apply(install(Redirect()), where)
        listed = network.pod.command("nft", "-j", "list", "table", "inet", "microgateway").stdout
        rule = [each["rule"] for each in json.loads(listed)["nftables"] if "rule" in each][index]
        chain, handle = rule["chain"], str(rule["handle"])
        network.pod.command("nft", "delete", "rule", "inet", "microgateway", chain, "handle", handle)
        assert len(differences(Redirect(), where)) == 1
        noticed[rule["comment"]] = netcheck(network, tmp_path) if chain == "output" else 0
    assert {comment: code for comment, code in noticed.items() if code} == {
        "netcheck over IPv4": 10,
        "netcheck over IPv6": 11,
    }
    assert len(noticed) == 8


@contextlib.contextmanager
def accepting(listener: socket.socket, counts: dict[str, int], name: str) -> Iterator[None]:
    """Counts connections until the client says that it has made its last."""
    ending = threading.Event()
    listener.settimeout(0.2)

    def accept() -> None:
        while True:
            try:
                listener.accept()[0].close()
                counts[name] += 1
            except TimeoutError:
                if ending.is_set():
                    return

    thread = threading.Thread(target=accept)
    thread.start()
    try:
        yield
    finally:
        ending.set()
        thread.join()


@pytest.mark.slow
def test_of_20000_short_connections_none_gets_around_the_engine(network: Network) -> None:
    assert add(network, INJECTED) == 0
    servers = network.serve(ENGINE, APPLICATION)
    counts = {"engine": 0, "application": 0}
    reset = struct.pack("ii", 1, 0)

    def dial() -> int:
        made = 0
        for number in range(20_000):
            family = socket.AF_INET6 if number % 2 else socket.AF_INET
            with socket.socket(family) as connection:
                connection.settimeout(5)
                connection.connect((network.pod_addresses[number % 2], APPLICATION))
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, reset)
                made += connection.recv(1) == b""  # the engine has accepted and closed
        return made

    with accepting(servers[ENGINE], counts, "engine"), accepting(servers[APPLICATION], counts, "application"):
        assert network.client.run(dial) == 20_000
    assert counts == {"engine": 20_000, "application": 0}
    assert differences(Redirect(), NamespaceAt(network.pod.path)) == []

"""The agent as a process: a temporary node root, an API server, pods in real namespaces."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from services.cni.tests.api_server import NODE, ApiServer, pod_object
from services.cni.tests.conftest import Network

from microgateway_cli.processes import free_port
from microgateway_cni.agent.taint import KEY

PRIMARY = b'{ "cniVersion": "1.0.0", "name": "net",\n  "plugins": [ {"type": "bridge"} ] }'
DAEMONSET = "/apis/apps/v1/namespaces/kube-system/daemonsets/microgateway-cni"


def eventually(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


@dataclass
class Agent:
    process: subprocess.Popen[str]
    root: Path
    port: int

    @property
    def net(self) -> Path:
        return self.root / "etc/cni/net.d"

    @property
    def conflist(self) -> Path:
        return self.net / "10-net.conflist"

    def get(self, path: str) -> tuple[int, str]:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=5)
        try:
            connection.request("GET", path)
            response = connection.getresponse()
            return response.status, response.read().decode()
        except OSError as error:
            return 0, str(error)
        finally:
            connection.close()

    def is_ready(self) -> bool:
        return self.get("/readyz")[0] == 200

    def stop(self) -> int:
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(15)


@pytest.fixture
def start(tmp_path: Path, api: ApiServer) -> Iterator[Callable[..., Agent]]:
    root = tmp_path / "node"
    (root / "etc/cni/net.d").mkdir(parents=True)
    (root / "etc/cni/net.d/10-net.conflist").write_bytes(PRIMARY)
    (root / "proc").mkdir()
    (tmp_path / "executable").write_text("#!/bin/sh\n")
    account = tmp_path / "account"
    account.mkdir()
    (account / "token").write_text(api.token)
    (account / "ca.crt").write_text("")
    with contextlib.ExitStack() as stack:

        def started(*arguments: str) -> Agent:
            port = free_port()
            command = [
                *(sys.executable, "-c", _OVER_HTTP, "run", "--node", NODE, "--node-root", str(root)),
                *("--executable", str(tmp_path / "executable"), "--proc", str(root / "proc")),
                *("--service-account", str(account), "--port", str(port), *arguments),
            ]
            url = urlsplit(api.url)
            environment = {
                **os.environ,
                "KUBERNETES_SERVICE_HOST": "127.0.0.1",
                "KUBERNETES_SERVICE_PORT": str(url.port),
            }
            log = stack.enter_context((tmp_path / "agent.log").open("a"))
            process = subprocess.Popen(command, env=environment, stdout=log, stderr=log, text=True)
            stack.callback(process.wait)
            stack.callback(process.kill)
            return Agent(process, root, port)

        yield started


#: The API server of these tests speaks no TLS; all else is the command itself.
_OVER_HTTP = """
import sys
from microgateway_cni.agent import main
in_cluster = main.in_cluster
def over_http(*arguments):
    access = in_cluster(*arguments)
    return access._replace(url=access.url._replace(scheme="http"))
main.in_cluster = over_http
sys.exit(main.main())
"""


def ask(agent: Agent, **question: str) -> Any:
    with socket.socket(socket.AF_UNIX) as connection:
        connection.connect(str(agent.root / "run/microgateway-cni/agent.sock"))
        connection.sendall(json.dumps(question).encode() + b"\n")
        return json.loads(connection.makefile().readline())


def types(agent: Agent) -> list[str]:
    try:
        return [plugin["type"] for plugin in json.loads(agent.conflist.read_bytes())["plugins"]]
    except ValueError:
        return []


@pytest.mark.root
def test_a_node_is_set_up_kept_so_and_given_back(start: Callable[..., Agent], api: ApiServer) -> None:
    api.put(pod_object())
    agent = start()
    eventually(agent.is_ready)
    assert types(agent) == ["bridge", "microgateway-cni"]
    assert ask(agent, namespace="default", name="shop", uid="uid-of-shop")["pod"]["uid"] == "uid-of-shop"

    agent.conflist.write_bytes(PRIMARY.replace(b"bridge", b"calico"))
    eventually(lambda: types(agent) == ["calico", "microgateway-cni"])
    (agent.root / "opt/cni/bin/microgateway-cni").unlink()
    eventually((agent.root / "opt/cni/bin/microgateway-cni").exists)
    agent.conflist.write_bytes(PRIMARY[:30])
    eventually(lambda: "10-net.conflist" in agent.get("/readyz")[1])
    agent.conflist.write_bytes(PRIMARY)
    eventually(agent.is_ready)
    assert "microgateway_cni_ready 1\n" in agent.get("/metrics")[1]

    assert agent.stop() == 0
    assert agent.conflist.read_bytes() == PRIMARY
    assert sorted(path.name for path in agent.net.iterdir()) == ["10-net.conflist"]
    assert list((agent.root / "opt/cni/bin").iterdir()) == []
    assert list((agent.root / "run/microgateway-cni").iterdir()) == []


@pytest.mark.root
def test_the_node_is_given_back_only_when_the_daemonset_goes(
    start: Callable[..., Agent], api: ApiServer
) -> None:
    api.objects[DAEMONSET] = {"metadata": {}}
    agent = start("--daemonset", "kube-system/microgateway-cni")
    eventually(agent.is_ready)
    assert agent.stop() == 0
    assert types(agent) == ["bridge", "microgateway-cni"]
    api.objects[DAEMONSET] = {"metadata": {"deletionTimestamp": "now"}}
    agent = start("--daemonset", "kube-system/microgateway-cni")
    eventually(agent.is_ready)
    assert agent.stop() == 0
    assert agent.conflist.read_bytes() == PRIMARY


@pytest.mark.root
def test_a_daemonset_that_goes_after_its_pod_is_waited_for(
    start: Callable[..., Agent], api: ApiServer
) -> None:
    api.objects[DAEMONSET] = {"metadata": {}}
    agent = start("--daemonset", "kube-system/microgateway-cni")
    eventually(agent.is_ready)
    timer = threading.Timer(1.0, lambda: api.objects.pop(DAEMONSET))
    timer.start()
    assert agent.stop() == 0
    assert agent.conflist.read_bytes() == PRIMARY
    timer.join()


@pytest.mark.root
def test_an_agent_that_has_lost_its_rights_gives_the_node_back(
    start: Callable[..., Agent], api: ApiServer
) -> None:
    api.objects[DAEMONSET] = {"metadata": {}}
    agent = start("--daemonset", "kube-system/microgateway-cni")
    eventually(agent.is_ready)
    api.token = "of another account"
    assert agent.stop() == 0
    assert agent.conflist.read_bytes() == PRIMARY


@pytest.mark.root
def test_what_an_agent_that_was_killed_left_is_uninstalled(
    start: Callable[..., Agent], tmp_path: Path
) -> None:
    agent = start()
    eventually(agent.is_ready)
    agent.process.kill()
    agent.process.wait()
    command = [
        sys.executable,
        "-m",
        "microgateway_cni.agent.main",
        "uninstall",
        "--node-root",
        str(agent.root),
    ]
    environment = {key: value for key, value in os.environ.items() if not key.startswith("KUBERNETES")}
    subprocess.run(command, check=True, env=environment, capture_output=True, timeout=120)
    assert agent.conflist.read_bytes() == PRIMARY
    assert sorted(path.name for path in agent.net.iterdir()) == ["10-net.conflist"]


@pytest.mark.root
def test_a_pod_that_started_before_the_agent_is_repaired_and_the_taint_goes(
    start: Callable[..., Agent], api: ApiServer, network: Network, tmp_path: Path
) -> None:
    process = tmp_path / "node/proc/4711"
    (process / "ns").mkdir(parents=True)
    (process / "cgroup").write_text("0::/kubepods/poduid-of-shop/4f1d\n")
    (process / "ns" / "net").symlink_to(network.pod.path)
    api.objects[f"/api/v1/nodes/{NODE}"] = {"metadata": {}, "spec": {"taints": [{"key": KEY}]}}
    api.put(pod_object(netcheck_exit=10))
    agent = start("--remove-taint")
    eventually(lambda: "redirect to :13378" in network.pod.command("nft", "list", "ruleset").stdout)
    eventually(lambda: {"POST", "PATCH"} == {method for method, _, _ in api.calls})
    assert 'microgateway_cni_repairs_total{result="success",type="reprogram"} 1\n' in agent.get("/metrics")[1]


def test_without_an_api_servers_address_it_does_not_start(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "microgateway_cni.agent.main", "run"]
    environment = {key: value for key, value in os.environ.items() if not key.startswith("KUBERNETES")}
    done = subprocess.run(command, check=False, env=environment, capture_output=True, text=True, timeout=120)
    assert done.returncode == 1
    assert "KUBERNETES_SERVICE_HOST" in json.loads(done.stdout)["message"]

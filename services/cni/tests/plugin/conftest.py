"""The plugin, run as a container runtime runs it: environment, stdin, stdout, stderr, exit code."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from services.cni.tests.api_server import ApiServer

from microgateway_cni.agent.answers import Answers
from microgateway_cni.agent.metrics import Metrics
from microgateway_cni.agent.node_pods import NodePods
from microgateway_cni.kube.access import to_kubeconfig

COMMAND = [sys.executable, "-m", "microgateway_cni.plugin.main"]
PREVIOUS = {
    "cniVersion": "1.0.0",
    "interfaces": [{"name": "eth0", "sandbox": "/run/netns/pod"}],
    "ips": [{"address": "10.1.2.3/24", "interface": 0}],
    "dns": {},
    "unknownToUs": [1, 2.5, "ü"],
}


@dataclass(frozen=True)
class Ended:
    """answer: stdout as JSON, None where it is empty."""

    code: int
    answer: Any
    stderr: str

    @property
    def lines(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.stderr.splitlines()]

    @property
    def message(self) -> str:
        return str(self.lines[-1]["message"])


@dataclass
class Plugin:
    configuration: dict[str, Any]
    socket: Path
    pods: NodePods
    metrics: Metrics = field(default_factory=Metrics)
    command: list[str] = field(default_factory=lambda: COMMAND)

    def environment(
        self, command: str, netns: Path | str, pod: str = "default/shop", uid: str = ""
    ) -> dict[str, str]:
        namespace, name = pod.split("/")
        return {
            "PATH": os.defpath,
            "CNI_COMMAND": command,
            "CNI_CONTAINERID": "c0ffee",
            "CNI_NETNS": str(netns),
            "CNI_IFNAME": "eth0",
            "CNI_PATH": "/usr/lib/cni",
            "CNI_ARGS": f"IgnoreUnknown=1;K8S_POD_NAMESPACE={namespace};K8S_POD_NAME={name};"
            f"K8S_POD_UID={uid or f'uid-of-{name}'}",
        }

    def start(
        self, command: str, netns: Path | str, pod: str = "default/shop", uid: str = "", **fields: object
    ) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            self.command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=self.environment(command, netns, pod, uid),
        )
        assert process.stdin is not None
        process.stdin.write(json.dumps({**self.configuration, **fields}))
        process.stdin.close()
        process.stdin = None
        return process

    def run(
        self, command: str, netns: Path | str, pod: str = "default/shop", uid: str = "", **fields: object
    ) -> Ended:
        return self.end(self.start(command, netns, pod, uid, **fields))

    def end(self, process: subprocess.Popen[str]) -> Ended:
        out, err = process.communicate(timeout=120)
        return Ended(process.returncode, json.loads(out) if out else None, err)

    def raw(self, stdin: bytes, environment: Mapping[str, str]) -> Ended:
        done = subprocess.run(
            self.command,
            input=stdin,
            capture_output=True,
            timeout=120,
            env={"PATH": os.defpath, **environment},
            check=False,
        )
        return Ended(done.returncode, json.loads(done.stdout) if done.stdout else None, done.stderr.decode())


@pytest.fixture
def lonely_plugin(tmp_path: Path, api: ApiServer) -> Plugin:
    """Without an agent; the kubeconfig is in place."""
    kubeconfig = tmp_path / "kubeconfig"
    access = api.access()
    kubeconfig.write_bytes(to_kubeconfig(access, Path(access.token_file)))
    socket = tmp_path / "run" / "agent.sock"
    configuration = {
        "cniVersion": "1.0.0",
        "name": "net",
        "type": "microgateway-cni",
        "logFilePath": str(tmp_path / "plugin.log"),
        "agentSocket": str(socket),
        "kubernetes": {"kubeconfig": str(kubeconfig)},
        "prevResult": PREVIOUS,
    }
    return Plugin(configuration, socket, NodePods())


@pytest.fixture
def plugin(lonely_plugin: Plugin, api: ApiServer) -> Iterator[Plugin]:
    """With the agent's socket service, which knows what the test puts into `pods` or the API server."""
    answers = Answers(lonely_plugin.socket, lonely_plugin.pods, api.client(), lonely_plugin.metrics)
    thread = threading.Thread(target=lambda: answers.serve_forever(poll_interval=0.02))
    thread.start()
    yield lonely_plugin
    answers.shutdown()
    answers.server_close()
    thread.join()

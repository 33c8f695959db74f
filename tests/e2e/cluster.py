"""The one-node cluster of scripts/cluster, and kubectl in it."""

from __future__ import annotations

import json
import os
import subprocess
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from microgateway_cni.agent.sandboxes import find_namespaces
from microgateway_cni.netns import NamespaceAt

ROOT = Path(__file__).resolve().parents[2]
SCRIPTS = ROOT / "scripts"

Object = dict[str, Any]


def default_state() -> Path:
    """As scripts/cluster/lib.sh has it."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return Path(os.environ.get("CLUSTER_STATE") or cache / "microgateway" / "cluster")


def run(*command: str | Path, seconds: float = 120, stdin: str = "") -> str:
    """Its standard output. A failure shows what it wrote to both."""
    done = subprocess.run(
        [str(word) for word in command],
        input=stdin,
        capture_output=True,
        text=True,
        timeout=seconds,
        check=False,
        cwd=ROOT,
    )
    assert done.returncode == 0, f"{command[:4]}: exit code {done.returncode}\n{done.stdout}{done.stderr}"
    return done.stdout


@dataclass(frozen=True)
class Cluster:
    """state: the folder with everything the cluster has on this machine."""

    state: Path

    @property
    def network_configurations(self) -> Path:
        return self.state / "cni" / "net.d"

    @property
    def plugins(self) -> Path:
        return self.state / "cni" / "bin"

    @property
    def kubeconfig(self) -> Path:
        return self.state / "kubeconfig"

    def kubectl(self, *arguments: str, seconds: float = 60, stdin: str = "") -> str:
        return run("kubectl", f"--kubeconfig={self.kubeconfig}", *arguments, seconds=seconds, stdin=stdin)

    def apply(self, objects: Iterable[Object]) -> None:
        # --validate: this API server drops rules in CEL, which newer ones enforce, without a word.
        self.kubectl("apply", "--validate=false", "--filename=-", stdin=yaml.safe_dump_all(objects))

    def delete(self, objects: Iterable[Object], seconds: float = 240) -> None:
        """Until they are gone; a namespace with pods that still end is looked at every 15 s or more."""
        listed = yaml.safe_dump_all(objects)
        options = ("--ignore-not-found", f"--timeout={seconds:.0f}s", "--filename=-")
        self.kubectl("delete", *options, stdin=listed, seconds=seconds + 10)

    def get(self, kind: str, name: str, namespace: str) -> Object:
        found: Object = json.loads(
            self.kubectl("get", kind, name, f"--namespace={namespace}", "--output=json")
        )
        return found

    def pods(self, namespace: str, app: str) -> list[Object]:
        """Those that are not ending."""
        listed = json.loads(
            self.kubectl("get", "pods", f"--namespace={namespace}", f"--selector=app={app}", "--output=json")
        )
        return [pod for pod in listed["items"] if "deletionTimestamp" not in pod["metadata"]]

    def all_pods(self) -> list[Object]:
        listed = json.loads(self.kubectl("get", "pods", "--all-namespaces", "--output=json"))
        return [pod for pod in listed["items"] if "deletionTimestamp" not in pod["metadata"]]

    def logs(self, namespace: str, pod: str, container: str) -> list[Object]:
        """Its lines that are JSON objects."""
        text = self.kubectl("logs", pod, f"--namespace={namespace}", f"--container={container}")
        return [json.loads(line) for line in text.splitlines() if line.startswith("{")]

    def roll_out(self, kind: str, name: str, namespace: str, seconds: float = 120) -> None:
        """Until every pod of it is ready."""
        options = (f"--namespace={namespace}", f"--timeout={seconds:.0f}s")
        self.kubectl("rollout", "status", f"{kind}/{name}", *options, seconds=seconds + 10)

    def network_namespace(self, pod: Object) -> NamespaceAt:
        return find_namespaces([pod["metadata"]["uid"]])[pod["metadata"]["uid"]]


def eventually(what: str, check: Callable[[], object], seconds: float) -> None:
    """Until the check gives something true; while it fails, its last failure is the reason."""
    deadline = time.monotonic() + seconds
    reason = "it gave nothing"
    while time.monotonic() < deadline:
        try:
            if check():
                return
        except (AssertionError, LookupError, OSError, ValueError, subprocess.TimeoutExpired) as error:
            reason = str(error)
        time.sleep(0.3)
    raise AssertionError(f"{what}: expected within {seconds:g} s; {reason}")


def container_state(pod: Object, name: str) -> Mapping[str, Any]:
    """The status of a container, an init container or not."""
    status = pod["status"]
    listed = [*status.get("initContainerStatuses", []), *status.get("containerStatuses", [])]
    found: Mapping[str, Any] = next(each for each in listed if each["name"] == name)
    return found


def is_ready(pod: Object) -> bool:
    conditions = pod["status"].get("conditions", [])
    return any(each["type"] == "Ready" and each["status"] == "True" for each in conditions)

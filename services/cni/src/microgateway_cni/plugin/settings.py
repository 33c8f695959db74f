"""Our part of the network configuration, `{"type": "microgateway-cni", …}`.

    {
      "type": "microgateway-cni",
      "logLevel": "info",
      "logFilePath": "/var/log/microgateway-cni.log",
      "agentSocket": "/run/microgateway-cni/agent.sock",
      "kubernetes": {
        "kubeconfig": "/etc/cni/net.d/microgateway-cni.d/kubeconfig",
        "excludeNamespaces": ["kube-system"],
        "ownPods": {"namespace": "kube-system", "namePrefix": "microgateway-cni-"}
      }
    }

A field that is wrong counts as its default and is reported, because a pod that is not ours must start even
when this file is broken.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

TYPE = "microgateway-cni"
LEVELS = ("debug", "info", "error", "off")


class OwnPods(NamedTuple):
    """The agent's DaemonSet, which no state of the node may keep from starting."""

    namespace: str = "kube-system"
    name_prefix: str = "microgateway-cni-"


class Settings(NamedTuple):
    """log_file: empty for none. problems: one sentence a field that is not as expected."""

    log_level: str = "info"
    log_file: str = "/var/log/microgateway-cni.log"
    agent_socket: Path = Path("/run/microgateway-cni/agent.sock")
    kubeconfig: Path = Path("/etc/cni/net.d/microgateway-cni.d/kubeconfig")
    exclude_namespaces: frozenset[str] = frozenset({"kube-system"})
    own_pods: OwnPods = OwnPods()
    problems: tuple[str, ...] = ()


class _Reader:
    """Reads fields of an object and collects what is wrong with them."""

    def __init__(self) -> None:
        self.problems: list[str] = []

    def text(self, raw: Mapping[str, Any], name: str, default: str) -> str:
        value = raw.get(name, default)
        if isinstance(value, str):
            return value
        self._wrong(name, "text", value, default)
        return default

    def texts(self, raw: Mapping[str, Any], name: str, default: frozenset[str]) -> frozenset[str]:
        value = raw.get(name)
        if value is None:
            return default
        if isinstance(value, list) and all(isinstance(item, str) for item in value):
            return frozenset(value)
        self._wrong(name, "a list of texts", value, default)
        return default

    def fields(self, raw: Mapping[str, Any], name: str) -> Mapping[str, Any]:
        value = raw.get(name) or {}
        if isinstance(value, dict):
            return value
        self._wrong(name, "an object", value, {})
        return {}

    def _wrong(self, name: str, expected: str, got: object, default: object) -> None:
        self.problems.append(f"{name}: expected {expected}, got {got!r}; taking {default!r}")


def read(configuration: Mapping[str, Any]) -> Settings:
    """configuration: what the runtime gives the plugin on stdin. Never fails, see `problems`."""
    default, read = Settings(), _Reader()
    kubernetes = read.fields(configuration, "kubernetes")
    own = read.fields(kubernetes, "ownPods")
    level = read.text(configuration, "logLevel", default.log_level)
    if level not in LEVELS:
        read.problems.append(f"logLevel: expected one of {', '.join(LEVELS)}, got {level!r}; taking 'info'")
        level = default.log_level
    return Settings(
        log_level=level,
        log_file=read.text(configuration, "logFilePath", default.log_file),
        agent_socket=Path(read.text(configuration, "agentSocket", str(default.agent_socket))),
        kubeconfig=Path(read.text(kubernetes, "kubeconfig", str(default.kubeconfig))),
        exclude_namespaces=read.texts(kubernetes, "excludeNamespaces", default.exclude_namespaces),
        own_pods=OwnPods(
            read.text(own, "namespace", default.own_pods.namespace),
            read.text(own, "namePrefix", default.own_pods.name_prefix),
        ),
        problems=tuple(read.problems),
    )

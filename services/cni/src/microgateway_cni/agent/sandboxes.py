"""Pod → its network namespace, found by a process of the pod: its control group names the pod's UID.

    /proc/4711/cgroup    …/kubepods/burstable/podUID/CONTAINER                    (cgroupfs)
                         …/kubepods-burstable-podU_I_D.slice/cri-CONTAINER.scope  (systemd)
    /proc/4711/ns/net    the namespace; the same for all containers of the pod

A pod that waits for its init container still has its sandbox's process.
"""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Iterable
from pathlib import Path

from microgateway_cni.netns import NamespaceAt

_log = logging.getLogger(__name__)


def find_namespaces(uids: Iterable[str], proc: Path = Path("/proc")) -> dict[str, NamespaceAt]:
    """By UID; those without a process are left out. proc: the node's, as pods' processes are not in ours.

    Never the node's own namespace: a pod there would take the node's traffic with it.
    """
    spellings = {
        spelling: uid for uid in uids if uid for spelling in (f"pod{uid}", f"pod{uid.replace('-', '_')}")
    }
    forbidden = _node_namespaces(proc)
    found: dict[str, NamespaceAt] = {}
    for process in proc.iterdir():
        if not process.name.isdecimal():
            continue
        try:
            groups = (process / "cgroup").read_text(encoding="utf-8", errors="replace")
            for uid in {spellings[part] for part in _pod_parts(groups) if part in spellings} - found.keys():
                namespace = process / "ns" / "net"
                if _identity(namespace) not in forbidden:
                    found[uid] = NamespaceAt(namespace)
        except PermissionError as error:
            _log.warning("a pod's network namespace is out of reach (needs SYS_PTRACE): %s", error)
        except OSError:  # it ended while we looked
            continue
    return found


def _node_namespaces(proc: Path) -> set[tuple[int, int]]:
    """The node's, by its first process, and ours, which is the same in a DaemonSet on the host's network.

    Without SYS_PTRACE the first process's cannot be read; then no pod's can either.
    """
    found = {_identity(Path("/proc/self/ns/net"))}
    with contextlib.suppress(OSError):
        found.add(_identity(proc / "1" / "ns" / "net"))
    return found


def _pod_parts(groups: str) -> Iterable[str]:
    """The parts of a process's control groups that may name a pod."""
    for line in groups.splitlines():
        for part in line.rpartition(":")[2].split("/"):
            name = part.removesuffix(".slice")
            yield name[name.rfind("pod") :] if "pod" in name else name


def _identity(namespace: Path) -> tuple[int, int]:
    status = namespace.stat()
    return status.st_dev, status.st_ino

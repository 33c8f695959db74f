"""The command `microgateway-cni-agent`: sets up the node and looks after its pods.

    run        until SIGTERM or SIGINT; then restores the node if the DaemonSet is going, and leaves it set up
               otherwise, as after an upgrade the next agent takes over and pods start meanwhile
    uninstall  restores the node, for where no agent ended in time

exit codes  0  ended as told
            1  could not start, or could not restore; the log says why
            2  wrong arguments
"""

from __future__ import annotations

import argparse
import json
import logging
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from microgateway_cni.kube.access import Access, AccessError, in_cluster
from microgateway_cni.kube.client import Client, Denied, KubeError, NotFound
from microgateway_cni.observe import missing_programs
from microgateway_cni.plugin.settings import LEVELS, TYPE

from .answers import Answers
from .events import Events
from .health import Health
from .install.inotify import Watcher
from .install.installer import Chained, Installer, Manual, NodePaths, NotInstalled, Standalone
from .install.installer import Mode as InstallMode
from .metrics import Metrics
from .node_pods import NodePods
from .repair import Mode as RepairMode
from .repair import Repair
from .taint import remove_taint
from .watch import PodWatch, watching_client

_log = logging.getLogger(__name__)

_SOCKET = Path("/run/microgateway-cni/agent.sock")
#: Also without a change: a token that was replaced where inotify does not see it, a lost watch.
_RECHECK_SECONDS = 30.0
#: From our end to that of the DaemonSet; an upgrade waits as long for nothing, still answering the plugin.
_GOING_SECONDS = 5.0
#: A primary plugin often writes its file in steps; then we wait a moment and see the last.
_SETTLE_SECONDS = 0.05


def main(arguments: Sequence[str] | None = None) -> int:
    """arguments: without the program's name; None takes the process's own. Returns the exit code."""
    options = _parser().parse_args(arguments)
    _set_up_logging(options.log_level)
    try:
        access = in_cluster(os.environ, options.service_account)
    except AccessError as error:
        if options.command == "run":
            _log.error("%s", error)
            return 1
        # To uninstall nobody needs to be asked.
        access = Access(urlsplit("https://unknown"), authority="", token_file="")
    installer = _installer(options, access)
    if options.command == "uninstall":
        return _restore(installer)
    return _run(options, access, installer)


def _run(options: argparse.Namespace, access: Access, installer: Installer) -> int:
    client, pods, metrics = Client(access), NodePods(), Metrics()
    stop, wake, installed = threading.Event(), os.pipe(), _Installation(installer, metrics)

    def unready() -> list[str]:
        unsynced = [] if pods.synced.is_set() else ["the pods of this node are not known yet"]
        missing = [f"expected the program {program} beside the agent" for program in missing_programs()]
        return [*installed.problems, *unsynced, *missing]

    def end(number: int, _frame: object) -> None:
        _log.info("stopping: %s", signal.Signals(number).name)
        stop.set()
        os.write(wake[1], b"x")

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, end)
    try:
        # The plugin waits 4 s for an answer, then asks the API server itself.
        answering = Client(access, seconds=3.0)
        answers = Answers(installer.paths.here(_SOCKET), pods, answering, metrics)
        health = Health(options.host, options.port, unready, metrics)
    except OSError as error:
        _log.error("cannot serve: %s", error)
        return 1
    watch = PodWatch(watching_client(client), options.node, pods, metrics)
    repair = Repair(
        client,
        pods,
        Events(client, options.node),
        metrics,
        options.repair_mode,
        frozenset(options.exclude_namespaces),
        proc=options.proc,
        look_seconds=options.look_seconds,
    )
    _start("answers", answers.serve_forever)
    _start("health", health.serve_forever)
    _start("watch", lambda: watch.run(stop))
    _start("repair", lambda: repair.run(stop))
    if options.remove_taint:
        _start("taint", lambda: _remove_taint(client, options.node, unready, stop))
    installed.keep(stop, wake[0])
    if _is_going_soon(client, options.daemonset):
        return _restore(installer)
    _log.info("the node stays set up for the next agent")
    return 0


class _Installation:
    """Keeps the node set up; `problems` says why it is not."""

    def __init__(self, installer: Installer, metrics: Metrics) -> None:
        self.problems = ["the node is not set up yet"]
        self._installer = installer
        self._metrics = metrics

    def keep(self, stop: threading.Event, wake: int) -> None:
        """Until stopped. wake: a descriptor that becomes readable then."""
        while not stop.is_set():
            # A new watcher each time, before looking: directories come and go, too.
            with Watcher(self._installer.watched()) as watcher:
                # What was just made may be in directories that this watcher lacks.
                if not self._ensure():
                    watcher.wait(_RECHECK_SECONDS, wake)
            stop.wait(_SETTLE_SECONDS)

    def _ensure(self) -> bool:
        """Whether anything had to be done."""
        try:
            done = self._installer.ensure()
        except NotInstalled as error:
            if self.problems != [str(error)]:
                _log.error("the node is not set up: %s", error)
            self.problems = [str(error)]
            self._metrics.count("microgateway_cni_install_failures_total")
            return False
        if done or self.problems:
            _log.info("the node is set up: %s", ", ".join(done) or "all was in place")
        if done:
            self._metrics.count("microgateway_cni_installs_total")
        self.problems = []
        return bool(done)


def _is_going_soon(client: Client, daemonset: str) -> bool:
    """Who deletes our namespace deletes our pod and the DaemonSet in any order, so one look is not enough."""
    deadline = time.monotonic() + _GOING_SECONDS
    while not (is_going := _is_going(client, daemonset)) and time.monotonic() < deadline:
        time.sleep(0.5)
    return is_going


def _is_going(client: Client, daemonset: str) -> bool:
    """Whether the node is to be given back: the DaemonSet is deleted, or there never was one.

    401 or 403 means yes: who deletes all of an installation at once deletes our rights before us. An API
    server that does not answer means no: a plugin without agent blocks nobody, but a chain without plugin
    leaves pods unprotected.
    """
    if not daemonset:
        return True
    namespace, _, name = daemonset.partition("/")
    try:
        found = client.get(f"/apis/apps/v1/namespaces/{namespace}/daemonsets/{name}")
    except NotFound:
        return True
    except Denied as error:
        _log.info("we have lost our rights, so the installation is being removed: %s", error)
        return True
    except (KubeError, OSError) as error:
        _log.warning("the DaemonSet cannot be looked at: %s", error)
        return False
    return "deletionTimestamp" in found.get("metadata", {})


def _remove_taint(client: Client, node: str, unready: Callable[[], list[str]], stop: threading.Event) -> None:
    while not stop.wait(1.0):
        if unready():
            continue
        try:
            if remove_taint(client, node):
                _log.info("the node's taint is removed")
            return
        except (KubeError, OSError) as error:
            _log.warning("the node's taint stays for now: %s", error)


def _restore(installer: Installer) -> int:
    try:
        installer.restore()
        installer.paths.here(_SOCKET).unlink(missing_ok=True)
    except OSError as error:
        _log.error("the node is not as it was: %s", error)
        return 1
    _log.info("the node is as it was")
    return 0


def _start(name: str, target: Callable[[], None]) -> None:
    threading.Thread(target=target, name=name, daemon=True).start()


def _installer(options: argparse.Namespace, access: Access) -> Installer:
    paths = NodePaths(options.node_root, options.cni_net_dir, options.cni_bin_dir)
    modes: dict[str, InstallMode] = {
        "chained": Chained(options.cni_file),
        "standalone": Standalone(options.cni_file) if options.cni_file else Standalone(),
        "manual": Manual(),
    }
    namespace, _, name = options.daemonset.partition("/")
    own = {"ownPods": {"namespace": namespace, "namePrefix": f"{name}-"}} if options.daemonset else {}
    entry: dict[str, Any] = {
        "type": TYPE,
        "logLevel": options.plugin_log_level,
        "agentSocket": str(_SOCKET),
        # containerd and CRI-O then pass the pod's annotations, which tells an injected pod without asking.
        "capabilities": {"io.kubernetes.cri.pod-annotations": True},
        "kubernetes": {
            "kubeconfig": str(paths.own_directory / "kubeconfig"),
            "excludeNamespaces": sorted(options.exclude_namespaces),
            **own,
        },
    }
    return Installer(modes[options.install_mode], paths, options.executable, access, entry)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="microgateway-cni-agent", description="Set up this node's CNI plugin and look after its pods."
    )
    add = parser.add_argument
    add("command", choices=["run", "uninstall"])
    add("--node", default=os.environ.get("NODE_NAME", ""), help="this node's name (default: $NODE_NAME)")
    add(
        "--executable",
        type=Path,
        default=Path("/opt/microgateway-cni"),
        help="plugin to install (%(default)s)",
    )
    add("--install-mode", choices=["chained", "standalone", "manual"], default="chained")
    add("--cni-file", default="", metavar="NAME", help="chained: into this file instead of the first")
    add(
        "--node-root", type=Path, default=Path("/host"), help="where the node's directories are (%(default)s)"
    )
    add("--cni-net-dir", type=Path, default=Path("/etc/cni/net.d"), help="on the node (%(default)s)")
    add("--cni-bin-dir", type=Path, default=Path("/opt/cni/bin"), help="on the node (%(default)s)")
    add("--proc", type=Path, default=Path("/host/proc"), help="the node's processes (%(default)s)")
    add("--exclude-namespaces", nargs="*", default=["kube-system"], metavar="NAMESPACE")
    add("--repair-mode", type=RepairMode, choices=list(RepairMode), default=RepairMode.REPROGRAM)
    add("--look-seconds", type=float, default=60.0, help="compare rules this often (%(default)s)")
    add("--daemonset", default="", metavar="NAMESPACE/NAME", help="restore the node only when it goes")
    add("--remove-taint", action="store_true", help="remove the node's cni-not-ready taint when ready")
    add("--host", default="127.0.0.1", help="of /readyz and /metrics (%(default)s)")
    add("--port", type=int, default=19010, help="of /readyz and /metrics (%(default)s)")
    add("--log-level", choices=["debug", "info", "error"], default="info")
    add("--plugin-log-level", choices=LEVELS, default="info")
    add(
        "--service-account",
        type=Path,
        default=Path("/var/run/secrets/kubernetes.io/serviceaccount"),
        help="directory of token and ca.crt (%(default)s)",
    )
    return parser


class _EcsFormatter(logging.Formatter):
    """One ECS 8.5 JSON object a record."""

    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, Any] = {
            "@timestamp": time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(record.created))
            + f".{int(record.msecs):03d}Z",
            "log": {"level": record.levelname.lower(), "logger": record.name},
            "message": record.getMessage(),
            "ecs": {"version": "8.5"},
            "event": {"kind": "event", "module": "cni", "dataset": "microgateway.application"},
            "service": {"name": "cni-agent"},
            "process": {"pid": os.getpid(), "thread": {"name": record.threadName}},
        }
        if record.exc_info:
            line["error"] = {"stack_trace": self.formatException(record.exc_info)}
        return json.dumps(line)


def _set_up_logging(level: str) -> None:
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(_EcsFormatter())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())


if __name__ == "__main__":
    sys.exit(main())

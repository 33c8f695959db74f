"""Microgateway as it is deployed: manifests → reconciler → Redis → engine, each a process of its own.

The engine has the subject's CPU; Redis and the reconciler share the other one with the load.
"""

from __future__ import annotations

import compileall
import contextlib
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from bench import Void
from bench.cases import Request
from bench.processes import accepts, await_true, free_address, last_lines, running
from bench.verify import ask
from microgateway_cli.redis_server import RedisServer
from microgateway_common.settings import Address, RedisUrl
from microgateway_inspection.rules import load_rules

from . import MICROGATEWAY, Peer

_ROOT = Path(__file__).resolve().parents[2]

MANIFESTS = _ROOT / "bench" / "manifests"
POD = "bench/bench"

#: Seconds until a process must do what it is for.
PATIENCE = 60.0

NOTHING: Mapping[str, str] = {}


@dataclass(frozen=True, slots=True)
class ControlPlane:
    """manifests: the watched folder."""

    redis: RedisUrl
    manifests: Path


@dataclass(frozen=True, slots=True)
class Engine:
    """start: seconds from starting the process until it said it was ready."""

    peer: Peer
    start: float


@contextlib.contextmanager
def control_plane(
    folder: Path, cpu: int, configuration: str = "defaults", more: Mapping[str, str] = NOTHING
) -> Iterator[ControlPlane]:
    """With the manifests of bench/manifests/<configuration>, copied, and more: texts by the name of the file.
    The Redis server runs where this process may run."""
    manifests = folder / "manifests"
    shutil.copytree(MANIFESTS / configuration, manifests)
    for name, text in more.items():
        (manifests / name).write_text(text)
    metrics = free_address()
    with RedisServer() as redis:
        command = [
            program("microgateway-reconciler"),
            *("--manifests", str(manifests)),
            *("--redis", redis.url),
            *("--trust", "unsigned"),
            *("--metrics-listen", str(metrics)),
        ]
        with running("reconciler", command, cpu, folder / "reconciler.log") as process:
            await_true("metrics", process, lambda: accepts(metrics), PATIENCE)
            yield ControlPlane(redis.url, manifests)


@dataclass(frozen=True, slots=True)
class Warmed:
    """rules: that are in the cache. seconds: it took."""

    rules: int
    seconds: float


def warm(cache: Path, log: Path) -> Warmed:
    """Compile the deny rules into the cache, and modules, as an image build does. Raises Void."""
    for members in ("libs", "services"):
        compileall.compile_dir(_ROOT / members, quiet=2)
    started = time.perf_counter()
    with log.open("ab") as output:
        found = subprocess.run(
            [program("microgateway-engine"), *("--cache-dir", str(cache)), "warm"],
            stdout=output,
            stderr=subprocess.STDOUT,
            timeout=PATIENCE,
            check=False,
        )
    if found.returncode != 0:
        raise Void(f"microgateway-engine warm: exit code {found.returncode}\n{last_lines(log)}")
    seconds = time.perf_counter() - started
    return Warmed(len(load_rules()), seconds)


@contextlib.contextmanager
def engine(
    folder: Path, cpu: int, upstream: Address, control: ControlPlane, cache: Path, port: int = 8080
) -> Iterator[Engine]:
    """A ready engine without a last good configuration of its own: it asks Redis, as in a new pod.

    port: of the application whose configuration applies.
    """
    listen, probe = free_address(), free_address()
    command = [
        program("microgateway-engine"),
        *("--listen", str(listen)),
        *("--upstream", str(upstream)),
        *("--application-port", str(port)),
        *("--workers", "1"),
        *("--pod", POD),
        *("--redis", control.redis),
        *("--trust", "unsigned"),
        *("--state-dir", str(folder / "state")),
        *("--cache-dir", str(cache)),
        *("--probe-listen", str(probe)),
        *("--metrics-listen", str(free_address())),
        *("--admin-listen", str(free_address())),
    ]
    access_log = folder / "access.log"
    (folder / "state").mkdir()
    started = time.perf_counter()
    with running(MICROGATEWAY, command, cpu, access_log) as process:
        await_true("a ready engine", process, lambda: is_ready(probe), PATIENCE)
        ready = time.perf_counter() - started
        peer = Peer(MICROGATEWAY, process, listen, access_log, attack_status=400, alarms=())
        yield Engine(peer, ready)


def is_ready(probe: Address) -> bool:
    try:
        return ask(probe, Request("GET", "/ready", {"Host": str(probe)})).status == 200
    except OSError:
        return False


def program(name: str) -> str:
    """A console script of the environment we run in. Raises Void."""
    path = Path(sys.executable).parent / name
    if not path.exists():
        raise Void(f"{name}: expected at {path}; `make setup` installs it")
    return str(path)

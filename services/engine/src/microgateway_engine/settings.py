"""Flags and environment of the engine. A flag wins over its variable, `--state-dir` over
`MICROGATEWAY_STATE_DIR`."""

from __future__ import annotations

import argparse
import math
import os
from pathlib import Path

from msgspec import Struct

from microgateway_common.bus.connection import RedisAccess
from microgateway_common.names import UNKNOWN_UID, PodKey, PodUid, pod_key
from microgateway_common.settings import (
    DEFAULT_REDIS_URL,
    Address,
    address,
    from_environment,
    log_level,
    redis_url,
)

from . import __version__
from .config.bus import BootstrapFolder, FixedAccess, Source
from .probes import definitions
from .probes.definitions import Probes
from .telemetry.block_reports import RATE
from .telemetry.tracing.settings import TracingOff, TracingOn, tracing
from .workers import cpus

#: Where the redirect sends a pod's inbound connections.
INBOUND_PORT = 13378

#: Of workers, and of reported blocks a second.
MAX_WORKERS = 64
MAX_BLOCK_EVENTS = 1000

#: Characters of a name that is masked or not (OperatorConfig `sidecar.masking`), and what it may have besides
#: letters and digits.
MAX_NAME = 64
_PUNCTUATION = str.maketrans("", "", ".-_")


class ExplicitMode(Struct, frozen=True):
    """Listen here and send everything there. port: of the application to apply, None to find it."""

    listen: Address
    upstream: Address
    port: int | None


class TransparentMode(Struct, frozen=True):
    """Listen for redirected connections; their original destination is the application."""

    listen: tuple[Address, ...]


class Settings(Struct, frozen=True):
    """state_dir, cache_dir: None keeps nothing on disk. drain_seconds: see Server.drain.
    probes: the application's, which are tried at probe_host. workers: processes that serve.
    block_events: reported a second, at most. masked_words, unmasked_names: see masking.configure."""

    mode: ExplicitMode | TransparentMode
    pod: PodKey
    uid: PodUid
    bus: Source
    state_dir: Path | None
    cache_dir: Path | None
    probe_listen: Address
    metrics_listen: Address
    admin_listen: Address
    probes: Probes
    probe_host: str
    workers: int
    block_events: float
    log_level: str
    drain_seconds: float
    tracing: TracingOff | TracingOn
    masked_words: tuple[str, ...]
    unmasked_names: tuple[str, ...]


class WarmUp(Struct, frozen=True):
    """Only fill the cache, as an image build does."""

    cache_dir: Path


def parse(arguments: list[str]) -> Settings | WarmUp:
    """Settings from flags and environment. Exits with 2 and a message when they make no sense."""
    parser = argparse.ArgumentParser(prog="microgateway-engine", description="The data plane of one pod.")
    commands = parser.add_subparsers(dest="command", metavar="[warm]")
    commands.add_parser("warm", help="compile the deny rules into the cache directory and exit")
    parser.add_argument(
        "--listen", type=address, metavar="HOST:PORT", help="explicit mode: where clients connect"
    )
    parser.add_argument(
        "--upstream", type=address, metavar="HOST:PORT", help="explicit mode: the application"
    )
    parser.add_argument(
        "--application-port",
        type=_port,
        metavar="PORT",
        help="explicit mode: containerPort whose configuration applies"
        " (default: that of --upstream, else the only one)",
    )
    parser.add_argument("--pod", default=_pod(), metavar="NAMESPACE/NAME", help="whose engine this is")
    parser.add_argument(
        "--redis", type=redis_url, default=from_environment("REDIS", DEFAULT_REDIS_URL), metavar="URL"
    )
    parser.add_argument(
        "--bootstrap-dir",
        type=Path,
        default=_path("BOOTSTRAP_DIR"),
        help="keys and access to Redis, in place of --redis; read again when it changes",
    )
    parser.add_argument(
        "--trust",
        default=from_environment("TRUST", ""),
        metavar="unsigned",
        help="without --bootstrap-dir: whoever may write to Redis configures this engine (local development)",
    )
    parser.add_argument(
        "--state-dir", type=Path, default=_path("STATE_DIR"), help="keeps the last good configuration"
    )
    parser.add_argument(
        "--cache-dir", type=Path, default=_path("CACHE_DIR"), help="keeps compiled deny rules"
    )
    parser.add_argument("--probe-listen", type=address, default=_address("PROBE_LISTEN", "[::]:19001"))
    parser.add_argument("--metrics-listen", type=address, default=_address("METRICS_LISTEN", "[::]:19002"))
    parser.add_argument("--admin-listen", type=address, default=_address("ADMIN_LISTEN", "127.0.0.1:19000"))
    parser.add_argument(
        "--app-probes",
        type=_probes,
        default=from_environment("APP_PROBES", "{}"),
        metavar="JSON",
        help="the application's own probes, by the path at which the kubelet asks for them",
    )
    parser.add_argument(
        "--pod-ip",
        default=os.environ.get("POD_IP", ""),
        metavar="HOST",
        help="where the application is probed (default: the host of --upstream, else loopback)",
    )
    parser.add_argument(
        "--workers",
        type=_workers,
        default=from_environment("WORKERS", "auto"),
        metavar="NUMBER|auto",
        help="processes that share the traffic (auto: one for each CPU that the limit allows)",
    )
    parser.add_argument(
        "--block-events",
        type=_rate,
        default=from_environment("BLOCK_EVENTS", f"{RATE:g}"),
        metavar="NUMBER",
        help="blocks and log-only hits reported a second, at most; 0 for none (default: %(default)s)",
    )
    parser.add_argument(
        "--mask",
        type=_names,
        default=from_environment("MASK", ""),
        metavar="WORD,…",
        help="values of what has one of these in its name are hidden in logs, besides those of secrets",
    )
    parser.add_argument(
        "--unmask",
        type=_names,
        default=from_environment("UNMASK", ""),
        metavar="NAME,…",
        help="what has one of these names is shown, though it sounds like a secret",
    )
    parser.add_argument("--log-level", type=log_level, default=from_environment("LOG_LEVEL", "info"))
    parser.add_argument("--drain-seconds", type=_seconds, default=from_environment("DRAIN_SECONDS", "20"))
    given = parser.parse_args(arguments)
    if given.command == "warm":
        if given.cache_dir is None:
            parser.error("warm needs --cache-dir or MICROGATEWAY_CACHE_DIR")
        return WarmUp(given.cache_dir)
    namespace, _, name = given.pod.partition("/")
    if not namespace or not name or "/" in name:
        parser.error(f"--pod (or POD_NAMESPACE and POD_NAME): expected NAMESPACE/NAME, got {given.pod!r}")
    mode = _mode(parser, given)
    uid = PodUid(os.environ.get("POD_UID", UNKNOWN_UID))
    try:
        traced = tracing(os.environ, _resource(namespace, name, uid))
    except ValueError as error:
        parser.error(str(error))
    return Settings(
        mode=mode,
        pod=pod_key(namespace, name),
        uid=uid,
        bus=_bus(parser, given),
        state_dir=given.state_dir,
        cache_dir=given.cache_dir,
        probe_listen=given.probe_listen,
        metrics_listen=given.metrics_listen,
        admin_listen=given.admin_listen,
        probes=given.app_probes,
        probe_host=given.pod_ip or _application_host(mode),
        workers=given.workers,
        block_events=given.block_events,
        log_level=given.log_level,
        drain_seconds=given.drain_seconds,
        tracing=traced,
        masked_words=given.mask,
        unmasked_names=given.unmask,
    )


def _resource(namespace: str, pod: str, uid: str) -> dict[str, str]:
    """What spans come from (OpenTelemetry semantic conventions, "Resource")."""
    found = {
        "service.name": "microgateway-engine",
        "service.version": __version__,
        "k8s.namespace.name": namespace,
        "k8s.pod.name": pod,
        "k8s.pod.uid": uid,
    }
    return {name: value for name, value in found.items() if value}


def _bus(parser: argparse.ArgumentParser, given: argparse.Namespace) -> Source:
    if given.trust not in ("", "unsigned"):
        parser.error(f"--trust: expected unsigned, got {given.trust!r}")
    if given.trust and given.bootstrap_dir is not None:
        parser.error("expected --bootstrap-dir or --trust unsigned, got both")
    if given.bootstrap_dir is not None:
        return BootstrapFolder(given.bootstrap_dir)
    if not given.trust:
        parser.error("expected --bootstrap-dir, or --trust unsigned for local development, got neither")
    return FixedAccess(RedisAccess(given.redis))


def _mode(parser: argparse.ArgumentParser, given: argparse.Namespace) -> ExplicitMode | TransparentMode:
    if given.upstream is not None:
        if given.listen is None:
            parser.error("--upstream needs --listen as well")
        return ExplicitMode(given.listen, given.upstream, given.application_port)
    if given.listen is not None:
        parser.error("--listen needs --upstream as well; without both the redirect decides")
    return TransparentMode((Address("0.0.0.0", INBOUND_PORT), Address("::", INBOUND_PORT)))  # noqa: S104 - a pod's port


def _application_host(mode: ExplicitMode | TransparentMode) -> str:
    return mode.upstream.host if isinstance(mode, ExplicitMode) else "127.0.0.1"


def _probes(text: str) -> Probes:
    try:
        return definitions.decode(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"expected probes as the webhook writes them: {error}") from error


def _workers(text: str) -> int:
    if text == "auto":
        return cpus.workers()
    if not text.isascii() or not text.isdigit() or not 0 < int(text) <= MAX_WORKERS:
        raise argparse.ArgumentTypeError(f"expected auto or a number from 1 to {MAX_WORKERS}, got {text!r}")
    return int(text)


def _port(text: str) -> int:
    if not text.isascii() or not text.isdigit() or not 0 < int(text) < 65536:
        raise argparse.ArgumentTypeError(f"expected a port from 1 to 65535, got {text!r}")
    return int(text)


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = -1.0
    if not 0 <= seconds < math.inf:
        raise argparse.ArgumentTypeError(f"expected seconds, 0 or more, got {text!r}")
    return seconds


def _names(text: str) -> tuple[str, ...]:
    names = tuple(each.strip() for each in text.split(",") if each.strip())
    for name in names:
        if len(name) > MAX_NAME or not name.translate(_PUNCTUATION).isalnum():
            raise argparse.ArgumentTypeError(
                f"expected at most {MAX_NAME} letters, digits, '.', '-' and '_' between commas, got {name!r}"
            )
    return names


def _rate(text: str) -> float:
    try:
        rate = float(text)
    except ValueError:
        rate = -1.0
    if not 0 <= rate <= MAX_BLOCK_EVENTS:
        raise argparse.ArgumentTypeError(f"expected a number from 0 to {MAX_BLOCK_EVENTS}, got {text!r}")
    return rate


def _pod() -> str:
    return f"{os.environ.get('POD_NAMESPACE', '')}/{os.environ.get('POD_NAME', '')}"


def _path(name: str) -> Path | None:
    value = from_environment(name)
    return None if value is None else Path(value)


def _address(name: str, default: str) -> str:
    # A string default passes through the argument's type, so that a bad variable is refused alike.
    return from_environment(name, default) or default

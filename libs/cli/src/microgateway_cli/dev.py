"""`microgateway dev`: Redis, reconciler, engine and config-api as real processes on this machine.

    manifests (watched) ─► reconciler ─► Redis ─► engine ─► application (yours, or a demo)
                                           └────► config-api

The engine needs a pod: the one that a gateway owns in the manifests, else one made from the gateway's
podSelector. Everything listens on the loopback unless told otherwise and ends with this process.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import signal
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

import httpx
import yaml

from microgateway_common.names import GatewayKey, PodKey, pod_key, split_key
from microgateway_common.settings import Address, address
from microgateway_compiler.compile.gateway import Compiled
from microgateway_compiler.pipeline import Pipeline
from microgateway_compiler.selection import INJECT_LABEL

from .manifests import NoManifestsError, all_problems, read_manifests
from .processes import Child, free_port
from .readable import readable
from .redis_server import RedisServer, RedisServerError

#: Seconds a service may take to finish what it does.
PATIENCE = 10.0

#: Seconds between questions whether the engine serves.
POLL = 0.02


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("manifests", type=Path, metavar="MANIFESTS", help="a folder (or file) of manifests")
    parser.add_argument(
        "--listen", type=address, metavar="HOST:PORT", help="where clients connect (free port)"
    )
    parser.add_argument("--upstream", type=address, metavar="HOST:PORT", help="the application (a demo one)")
    parser.add_argument(
        "--config-api", type=address, metavar="HOST:PORT", help="where it answers everybody (free port)"
    )
    parser.add_argument("--metrics", type=address, metavar="HOST:PORT", help="of the engine (free port)")
    parser.add_argument("--gateway", metavar="NAMESPACE/NAME", help="whose engine to run (the first)")
    parser.add_argument("--json", action="store_true", help="log lines as the services write them")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """0 after SIGINT or SIGTERM, 1 when something did not start or ended. Raises NoManifestsError."""
    pipeline = read_manifests([arguments.manifests])
    for problem in all_problems(pipeline):
        print(f"{problem.severity}: {problem}", flush=True)
    protected = _choose(pipeline, arguments.gateway)
    return asyncio.run(_dev(arguments, protected))


@dataclass(frozen=True, slots=True)
class Protected:
    """The pod whose engine runs. manifest: of a pod made for it, None when the manifests have it.
    port: of the gateway's first application; None when it is not known yet."""

    gateway: GatewayKey
    pod: PodKey
    port: int | None
    manifest: str | None


def _choose(pipeline: Pipeline, wanted: str | None) -> Protected:
    gateways = sorted(pipeline.outcomes)
    if wanted is not None and wanted not in gateways:
        raise NoManifestsError(f"expected the gateway {wanted}, got {', '.join(gateways) or 'none'}")
    if not gateways:
        raise NoManifestsError("expected a SidecarGateway in the manifests, got none that can be read")
    gateway = GatewayKey(wanted) if wanted is not None else gateways[0]
    outcome = pipeline.outcomes[gateway]
    port: int | None = None
    if isinstance(outcome.configuration, Compiled):
        port = outcome.configuration.config.applications[0].port
    if outcome.pods:
        return Protected(gateway, outcome.pods[0], port, None)
    namespace, name = split_key(gateway)
    selector = pipeline.selector(gateway)
    metadata = {
        "name": f"{name}-dev",
        "namespace": namespace,
        "labels": {**(selector.labels if selector is not None else {}), INJECT_LABEL: "true"},
    }
    manifest = yaml.safe_dump({"apiVersion": "v1", "kind": "Pod", "metadata": metadata})
    return Protected(gateway, pod_key(namespace, f"{name}-dev"), port, manifest)


async def _dev(arguments: argparse.Namespace, protected: Protected) -> int:
    stopped = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stopped.set)
    with tempfile.TemporaryDirectory(prefix="microgateway-dev-") as scratch:
        try:
            with RedisServer() as redis:
                return await Chain(arguments, protected, Path(scratch), redis.url).run(stopped)
        except (RedisServerError, OSError) as error:
            print(f"microgateway: {error}", file=sys.stderr)
            return 1


class Chain:
    """The processes, in the order in which they depend on each other."""

    def __init__(
        self, arguments: argparse.Namespace, protected: Protected, scratch: Path, redis: str
    ) -> None:
        self._arguments = arguments
        self._protected = protected
        self._scratch = scratch
        # The Redis is ours and on the loopback: nobody else writes to it.
        self._environment = {"MICROGATEWAY_REDIS": redis, "MICROGATEWAY_TRUST": "unsigned"}
        self._children: list[Child] = []
        self._readers: list[asyncio.Task[None]] = []
        self._ended: asyncio.Queue[Child] = asyncio.Queue()
        self.listen = arguments.listen or _local()
        self.config_api = arguments.config_api or _local()
        self.metrics = arguments.metrics or _local()
        self._probe = _local()

    async def run(self, stopped: asyncio.Event) -> int:
        """Until stopped, or until one of the processes ends."""
        try:
            await self._start()
            ready = asyncio.create_task(self._announce())
            until = asyncio.create_task(stopped.wait())
            ended = asyncio.create_task(self._ended.get())
            await asyncio.wait([until, ended], return_when=asyncio.FIRST_COMPLETED)
            ready.cancel()
            if until.done():
                return 0
            child = ended.result()
            print(
                f"microgateway: {child.name} ended with code {await child.wait()}; stopping", file=sys.stderr
            )
            return 1
        finally:
            for child in reversed(self._children):
                await child.stop(PATIENCE)
            for reader in self._readers:
                await reader

    async def _start(self) -> None:
        arguments, protected = self._arguments, self._protected
        self.upstream: Address = arguments.upstream or _local()
        manifests = [arguments.manifests.resolve()]
        if protected.manifest is not None:
            made = self._scratch / "pod"
            made.mkdir()
            (made / "pod.yaml").write_text(protected.manifest)
            manifests.append(made)
        if arguments.upstream is None:
            await self._child(
                "demo", "-m", "microgateway_cli.demo_application", "--listen", str(self.upstream)
            )
        await self._child(
            "reconciler", "-c", _MAIN.format("microgateway_reconciler"),
            *[part for path in manifests for part in ("--manifests", str(path))],
            "--metrics-listen", str(_local()),
        )  # fmt: skip
        await self._child(
            "engine", "-c", _MAIN.format("microgateway_engine"),
            "--pod", protected.pod, "--listen", str(self.listen), "--upstream", str(self.upstream),
            *(() if protected.port is None else ("--application-port", str(protected.port))),
            "--state-dir", str(self._scratch / "state"), "--cache-dir", str(_cache_dir()),
            "--probe-listen", str(self._probe), "--metrics-listen", str(self.metrics),
            "--admin-listen", str(_local()), "--drain-seconds", "2",
        )  # fmt: skip
        await self._child(
            "config-api", "-c", _MAIN.format("microgateway_config_api"),
            "--listen", str(self.config_api), "--access", "local", "--cache-dir", str(_cache_dir()),
        )  # fmt: skip

    async def _child(self, name: str, *command: str) -> None:
        child = await Child.start(name, [sys.executable, *command], self._environment)
        self._children.append(child)
        self._readers.append(asyncio.create_task(self._show(child)))

    async def _show(self, child: Child) -> None:
        async for line in child.lines():
            print(line if self._arguments.json else readable(child.name, line), flush=True)
        await self._ended.put(child)

    async def _announce(self) -> None:
        """Say so once the engine serves its first configuration."""
        async with httpx.AsyncClient() as client:
            while True:
                try:
                    if (await client.get(f"http://{self._probe}/ready")).status_code == httpx.codes.OK:
                        break
                except httpx.TransportError:
                    pass  # it has not started yet
                await asyncio.sleep(POLL)
        print(f"config-api http://{self.config_api}, metrics http://{self.metrics}/metrics")
        print(f"ready http://{self.listen} -> http://{self.upstream}", flush=True)


#: Runs a service's console script in the interpreter that runs us.
_MAIN = "from {}.main import main; main()"


def _local() -> Address:
    return Address("127.0.0.1", free_port())


def _cache_dir() -> Path:
    """Compiled deny rules; kept, so that the next start is faster."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "microgateway"

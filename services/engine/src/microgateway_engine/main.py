"""The engine's process, or the first of several."""

from __future__ import annotations

import asyncio
import gc
import logging
import resource
import signal
import sys
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

import msgspec
import uvloop

from microgateway_common import logs, wire
from microgateway_common.settings import Address
from microgateway_inspection import masking
from microgateway_inspection.rule_set import RuleSet

from . import __version__, admin, allocator
from .admin import AdminServer, Answer
from .config.block_outbox import BlockOutbox
from .config.bus import Bus
from .config.disk import LastGood, OnThread
from .config.store import ConfigStore
from .probes import page as probes
from .probes.prober import Prober
from .settings import ExplicitMode, Settings, WarmUp, parse
from .telemetry import prometheus
from .telemetry.block_reports import Allowance, BlockReports
from .telemetry.exposition.page import render
from .telemetry.metrics import Metrics
from .telemetry.processes import one_process
from .telemetry.sink import LineSink, Turns
from .telemetry.tracing.start import tracer_of
from .traffic.destination import Destinations, Explicit, Transparent
from .traffic.listener import check_free
from .traffic.server import Server
from .workers.fleet import Fleet
from .workers.nursery import Nursery
from .workers.store import FleetStore
from .workers.worker import Worker

logger = logging.getLogger(__name__)


def main() -> None:
    """As the command line says. Exits with 1 when an address is taken."""
    allocator.settle()
    settings = parse(sys.argv[1:])
    if isinstance(settings, WarmUp):
        rules = RuleSet.load(settings.cache_dir)
        print(f"{len(rules.rules)} deny rules compiled into {settings.cache_dir}")
        return
    masking.configure(settings.masked_words, settings.unmasked_names)
    _allow_many_connections()
    if settings.workers == 1:
        _run(settings, lambda sink: run(settings, sink), LineSink(sys.stdout.fileno()))
        return
    rules = RuleSet.load(settings.cache_dir)
    _spare_the_collector()
    turns = Turns()
    addresses, destinations = _mode(settings)
    worker = Worker(
        addresses,
        destinations,
        rules,
        turns,
        pod=settings.pod,
        block_events=settings.block_events,
        log_level=settings.log_level,
        drain_seconds=settings.drain_seconds,
        make_tracer=tracer_of(settings.tracing, __version__),
    )
    nursery = Nursery.fork(worker.run)  # before there are threads
    sink = LineSink(sys.stdout.fileno(), turns=turns)
    _run(settings, lambda sink: supervise(settings, rules, nursery, sink), sink)


def _run(settings: Settings, engine: Callable[[LineSink], Coroutine[Any, Any, None]], sink: LineSink) -> None:
    try:
        logs.set_up("microgateway-engine", settings.log_level, sink)
        uvloop.run(engine(sink))
    except* OSError as failures:
        for error in failures.exceptions:
            logger.critical("cannot start: %s", error)
        sys.exit(1)
    finally:
        sink.close()


async def run(settings: Settings, sink: LineSink) -> None:
    """Serve until SIGTERM or SIGINT, then drain. Raises OSError when an address is taken."""
    rules = RuleSet.load(settings.cache_dir)
    stopped = _until_signalled()
    disk = OnThread(LastGood(settings.state_dir))
    store = ConfigStore(settings.pod, rules, wire.TrustNobody(), disk, __version__, settings.uid)
    metrics = Metrics(sink, tracer_of(settings.tracing, __version__)())
    outbox = BlockOutbox(settings.pod, metrics, Allowance(settings.block_events))
    bus = Bus(settings.bus, settings.pod, store, outbox)
    addresses, destinations = _mode(settings)
    server = Server(addresses, destinations, metrics, sink)
    server.on_threats = BlockReports(
        settings.pod, metrics, outbox.put, Allowance(settings.block_events)
    ).report
    store.on_runtime = server.serve
    store.on_news = bus.acknowledge

    bus.prepare()
    store.restore()  # before Redis, which may be away
    _spare_the_collector()

    def show() -> Answer:
        counters = metrics.counters()
        return _metrics(render(__version__, store, counters, one_process(), draining=server.draining))

    ports = await _open_ports(
        settings,
        alive=lambda: True,
        ready=lambda: _ready(server.draining, bool(server.listening)),
        metrics=show,
        store=store,
    )
    logger.info("engine of pod %s started, version %s", settings.pod, __version__)
    async with asyncio.TaskGroup() as tasks:
        background = [tasks.create_task(each) for each in (server.listen(), server.sweep(), bus.run())]
        await stopped.wait()
        logger.info("stopping: finishing requests for at most %g s", settings.drain_seconds)
        await server.drain(settings.drain_seconds)
        metrics.close()
        for task in background:
            task.cancel()
    _close(ports, disk)


async def supervise(settings: Settings, rules: RuleSet, nursery: Nursery, sink: LineSink) -> None:
    """As `run`, with workers that serve."""
    stopped = _until_signalled()
    await _all_free(_mode(settings)[0], settings.drain_seconds + 1)
    disk = OnThread(LastGood(settings.state_dir))
    fleet = Fleet(nursery, settings.workers)
    store = FleetStore(settings.pod, rules, wire.TrustNobody(), disk, __version__, fleet, settings.uid)
    metrics = Metrics(sink)
    outbox = BlockOutbox(settings.pod, metrics, Allowance(settings.block_events))
    bus = Bus(settings.bus, settings.pod, store, outbox)
    fleet.on_block = outbox.put
    store.on_news = bus.acknowledge
    bus.prepare()
    store.restore()

    async def show() -> Answer:
        counters = await fleet.counters()
        counters.add(metrics.counters())
        processes = await fleet.processes()
        return _metrics(render(__version__, store, counters, processes, draining=stopped.is_set()))

    ports = await _open_ports(
        settings,
        alive=lambda: fleet.alive,
        ready=lambda: _ready(stopped.is_set(), fleet.listening),
        metrics=show,
        store=store,
    )
    logger.info(
        "engine of pod %s started with %d workers, version %s", settings.pod, settings.workers, __version__
    )
    async with asyncio.TaskGroup() as tasks:
        background = [tasks.create_task(each) for each in (fleet.run(), store.run(), bus.run())]
        await stopped.wait()
        logger.info("stopping: finishing requests for at most %g s", settings.drain_seconds)
        await fleet.drain(settings.drain_seconds)
        for task in background:
            task.cancel()
    _close(ports, disk)


async def _all_free(addresses: tuple[Address, ...], seconds: float) -> None:
    """Wait for workers of a supervisor that was killed: they finish their requests first. Raises OSError."""
    loop = asyncio.get_running_loop()
    deadline = loop.time() + seconds
    while True:
        try:
            for address in addresses:
                check_free(address)
        except OSError:
            if loop.time() > deadline:
                raise
            await asyncio.sleep(0.1)
        else:
            return


def _allow_many_connections() -> None:
    """Container runtimes set a low soft limit for the sake of old programs; the hard one is meant."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def _until_signalled() -> asyncio.Event:
    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopped.set)
    return stopped


def _spare_the_collector() -> None:
    """Requests leave no cycles behind, so the collector finds nothing in what they allocate: it need not
    look often, and never at modules and rules. Workers share the pages of these while nobody writes there."""
    gc.freeze()
    gc.set_threshold(50_000, 20, 20)


def _mode(settings: Settings) -> tuple[tuple[Address, ...], Destinations]:
    mode = settings.mode
    if isinstance(mode, ExplicitMode):
        return (mode.listen,), Explicit(mode.upstream, mode.port)
    return mode.listen, Transparent(mode.listen[0].port)


async def _open_ports(
    settings: Settings,
    *,
    alive: Callable[[], bool],
    ready: Callable[[], Answer],
    metrics: Callable[[], Answer | Awaitable[Answer]],
    store: ConfigStore,
) -> list[AdminServer]:
    health: admin.Pages = {
        "/livez": lambda _: _alive(alive()),
        "/ready": lambda _: ready(),
        **probes.pages(Prober(settings.probes, settings.probe_host)),
    }
    return [
        await AdminServer.open(settings.probe_listen, health),
        await AdminServer.open(settings.metrics_listen, {"/metrics": lambda _: metrics()}),
        await AdminServer.open(settings.admin_listen, {"/configuration": lambda _: _configuration(store)}),
    ]


def _close(ports: list[AdminServer], disk: OnThread) -> None:
    for port in ports:
        port.close()
    disk.close()
    logger.info("stopped")


def _alive(alive: bool) -> Answer:
    return Answer(200, b"alive\n") if alive else Answer(503, b"no worker runs\n")


def _ready(draining: bool, listening: bool) -> Answer:
    if draining:
        return Answer(503, b"draining\n")
    if not listening:
        return Answer(503, b"no configuration yet\n")
    return Answer(200, b"ready\n")


def _metrics(text: bytes) -> Answer:
    return Answer(200, text, prometheus.CONTENT_TYPE)


def _configuration(store: ConfigStore) -> Answer:
    body = msgspec.json.format(msgspec.json.encode(store.acknowledgement())) + b"\n"
    return Answer(200, body, b"application/json")

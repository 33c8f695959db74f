"""Interleaved rounds of all loads: each case against each peer, in an order that changes."""

from __future__ import annotations

import os
import random
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from bench import Void
from bench.accounting import cpu_seconds, cpu_use
from bench.cases import BROWSER, Request
from bench.dataplane.doors import Door, Front, Protocol
from bench.dataplane.h2load import H2load, Steady, Target
from bench.dataplane.handshakes import handshakes
from bench.dataplane.results import Latency, Opened, Throughput
from bench.load import Generator
from bench.measure import SEED
from bench.processes import Cpus
from bench.verify import await_log
from microgateway_common.settings import Address

SMALL, DOWNLOAD, UPLOAD = "GET", "1 MiB download", "1 MiB upload"

#: What is measured as fast as the peer answers.
CASES = (
    *((SMALL, protocol) for protocol in Protocol),
    (DOWNLOAD, Protocol.HTTP1),
    (DOWNLOAD, Protocol.HTTP2),
    (DOWNLOAD, Protocol.TLS_HTTP2),
    (UPLOAD, Protocol.HTTP1),
    (UPLOAD, Protocol.HTTP2),
)

#: A look at each kind.
FEW_CASES = (
    (SMALL, Protocol.HTTP1),
    (SMALL, Protocol.TLS_HTTP2),
    (DOWNLOAD, Protocol.HTTP2),
    (UPLOAD, Protocol.HTTP1),
)

#: What is measured at fixed rates, requests per second: far below what any peer can, and divisors of 1,000.
STEADY_CASES = (Protocol.HTTP1, Protocol.TLS_HTTP2)
RATES = (500, 1000)

CONNECTIONS, HANDSHAKES = "new connections", "new TLS handshakes"


@dataclass(frozen=True, slots=True)
class Rounds:
    """warm_up: seconds. cases: as fast as the peer answers. rates: see RATES."""

    rounds: int
    seconds: int
    warm_up: float
    cases: tuple[tuple[str, Protocol], ...] = CASES
    rates: tuple[int, ...] = RATES


@dataclass(frozen=True, slots=True)
class Loads:
    """alone: the application. upload: a file of a MiB. folder: for output of openssl."""

    fronts: Sequence[Front]
    alone: Address
    upload: Path
    plan: Rounds
    cpus: Cpus
    h2load: H2load
    wrk: Generator
    folder: Path
    progress: Callable[[str], None]

    def throughput(self) -> tuple[Throughput, ...]:
        """Raises Void when a request fails or leaves no access line."""
        found: list[Throughput] = []
        for number, fronts in self._rounds():
            for case, protocol in self.plan.cases:
                for front in fronts():
                    found.append(self._throughput(number, case, protocol, front))
                    self.progress(_line(found[-1]))
        return tuple(found)

    def latency(self) -> tuple[Latency, ...]:
        """Raises Void."""
        found: list[Latency] = []
        for number, fronts in self._rounds():
            for wanted in self.plan.rates:
                alone = self._steady("application", self.alone, Protocol.HTTP1, "/small", wanted)
                for protocol in STEADY_CASES:
                    for front in fronts():
                        door = front.doors[protocol]
                        path = f"{front.path}/small"
                        load = self._steady(front.name, door.address, protocol, path, wanted)
                        _settle(front, door, load.requests)
                        rate = load.requests / load.seconds
                        found.append(
                            Latency(
                                *(number, protocol.value, front.name, wanted, rate),
                                *(load.p50, load.p99, alone.p50, alone.p99),
                            )
                        )
                        self.progress(
                            f"round {number}  {protocol.value:<13} {front.name:<28} at {rate:6,.0f}/s"
                            f"  p50 {load.p50:6.2f} ms  p99 {load.p99:6.2f} ms"
                        )
        return tuple(found)

    def opened(self) -> tuple[Opened, ...]:
        """Raises Void."""
        found: list[Opened] = []
        for number, fronts in self._rounds():
            for case in (CONNECTIONS, HANDSHAKES):
                for front in fronts():
                    found.append(self._opened(number, case, front))
                    self.progress(
                        f"round {number}  {case:<18} {front.name:<28} {found[-1].rate:8,.0f}/s"
                        f"  CPU {found[-1].cpu:7.1f} µs  busy {found[-1].busy:4.0%}"
                    )
        return tuple(found)

    def _rounds(self) -> Sequence[tuple[int, Callable[[], list[Front]]]]:
        shuffled = random.Random(SEED)
        peers = list(self.fronts)
        return [
            (number, lambda: shuffled.sample(peers, len(peers))) for number in range(1, self.plan.rounds + 1)
        ]

    def _throughput(self, number: int, case: str, protocol: Protocol, front: Front) -> Throughput:
        door = front.doors[protocol]
        target = self.target(front, case)
        plan = self.plan
        # h2load does not say when its warm-up ends: CPU time is that of both, over all access lines.
        os.truncate(door.access_log, 0)
        core, used, began = cpu_use(self.cpus.subject), cpu_seconds(door.process.pid), time.perf_counter()
        load = self.h2load.flat_out(front.name, door.address, protocol, target, plan.seconds, plan.warm_up)
        took = time.perf_counter() - began
        used = cpu_seconds(door.process.pid) - used
        after = cpu_use(self.cpus.subject)
        requests = _settle(front, door, load.requests)
        disturbed = max(0.0, after.programs - core.programs - used) + after.stolen - core.stolen
        return Throughput(
            round=number,
            case=case,
            protocol=protocol.value,
            peer=front.name,
            rate=load.requests / load.seconds,
            p50=load.p50,
            p99=load.p99,
            cpu=used / requests * 1e6,
            busy=used / took,
            disturbed=disturbed / took,
        )

    def target(self, front: Front, case: str) -> Target:
        match case:
            case "1 MiB download":
                return Target(f"{front.path}/large", large=True)
            case "1 MiB upload":
                return Target(f"{front.path}/upload", self.upload, large=True)
            case _:
                return Target(f"{front.path}/small")

    def _steady(self, subject: str, address: Address, protocol: Protocol, path: str, wanted: int) -> Steady:
        return self.h2load.at_rate(subject, address, protocol, Target(path), wanted, self.plan.seconds)

    def _opened(self, number: int, case: str, front: Front) -> Opened:
        door = front.doors[Protocol.HTTP1 if case == CONNECTIONS else Protocol.TLS_HTTP1]
        used, began = cpu_seconds(door.process.pid), time.perf_counter()
        if case == CONNECTIONS:
            request = Request("GET", f"{front.path}/small", BROWSER | {"Connection": "close"})
            load = self.wrk.run(front.name, door.address, request, self.plan.seconds)
            if load.failed or not load.requests:
                raise Void(f"{front.name}, {case}: expected no failure, got {load.failed} in {load.requests}")
            count = load.requests
        else:
            count = handshakes(front.name, door.address, self.plan.seconds, self.cpus.rest, self.folder)
        took = time.perf_counter() - began
        used = cpu_seconds(door.process.pid) - used
        os.truncate(door.access_log, 0)
        return Opened(number, case, front.name, count / took, used / count * 1e6, used / took)


def _settle(front: Front, door: Door, requests: int) -> int:
    """How many lines there are once there is one for each request; the log is empty then. Raises Void."""
    lines = await_log(front.name, door.access_log, requests)
    os.truncate(door.access_log, 0)
    return lines


def _line(sample: Throughput) -> str:
    return (
        f"round {sample.round}  {sample.case:<14} {sample.protocol:<13} {sample.peer:<28}"
        f" {sample.rate:>8,.0f} requests/s  p50 {sample.p50:6.2f} ms  p99 {sample.p99:6.2f} ms"
        f"  CPU {sample.cpu:8.1f} µs  busy {sample.busy:4.0%}"
    )

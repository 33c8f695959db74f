"""Interleaved rounds: each case against each peer, in an order that changes, so that drift of the
machine hits all of them alike."""

from __future__ import annotations

import os
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from bench import Void
from bench.accounting import cpu_seconds, cpu_use, memory
from bench.cases import Case
from bench.load import Generator
from bench.peers import Peer
from bench.processes import Cpus
from bench.verify import await_lines

#: Fixed, so that two runs go through the same orders.
SEED = 20240514


@dataclass(frozen=True, slots=True)
class Plan:
    """rounds: how often everything is measured. seconds, warm_up: of load, each."""

    rounds: int
    seconds: int
    warm_up: int


@dataclass(frozen=True, slots=True)
class Sample:
    """One peer under one load.

    rate: requests per second. p50, p99: milliseconds. cpu: the peer's microseconds of CPU a request.
    busy, others, stolen: shares of the peer's CPU that went to the peer, to other programs, to other
    machines of the hypervisor. rss, pss: MiB after the load.
    """

    round: int
    case: str
    peer: str
    rate: float
    p50: float
    p99: float
    cpu: float
    busy: float
    others: float
    stolen: float
    rss: float
    pss: float


def measure(
    peers: Sequence[Peer],
    cases: Sequence[Case],
    plan: Plan,
    cpus: Cpus,
    generator: Generator,
    progress: Callable[[str], None],
) -> list[Sample]:
    """Raises Void when a request fails or leaves no access line."""
    shuffled = random.Random(SEED)
    samples: list[Sample] = []
    for number in range(1, plan.rounds + 1):
        for case in cases:
            for peer in shuffled.sample(peers, len(peers)):
                sample = _sample(number, case, peer, plan, cpus, generator)
                samples.append(sample)
                progress(_line(sample, plan))
    return samples


def _sample(number: int, case: Case, peer: Peer, plan: Plan, cpus: Cpus, generator: Generator) -> Sample:
    if case.at_once > 1:  # verifying has warmed up for what takes so long
        generator.run(peer.name, peer.address, case.normal, plan.warm_up, case.at_once)
    seconds = max(plan.seconds, case.seconds)
    os.truncate(peer.access_log, 0)  # opened for appending by all
    core, used = cpu_use(cpus.subject), cpu_seconds(peer.process.pid)
    load = generator.run(peer.name, peer.address, case.normal, seconds, case.at_once)
    if load.failed or not load.requests:
        raise Void(
            f"{peer.name}, {case.name}: expected no failure, got {load.failed} in {load.requests} requests"
        )
    used = cpu_seconds(peer.process.pid) - used
    core_after = cpu_use(cpus.subject)
    held = memory(peer.process.pid)
    await_lines(peer, load.requests)
    os.truncate(peer.access_log, 0)
    return Sample(
        round=number,
        case=case.name,
        peer=peer.name,
        rate=load.requests / load.seconds,
        p50=load.p50,
        p99=load.p99,
        cpu=used / load.requests * 1e6,
        busy=used / load.seconds,
        others=max(0.0, core_after.programs - core.programs - used) / load.seconds,
        stolen=(core_after.stolen - core.stolen) / load.seconds,
        rss=held.rss,
        pss=held.pss,
    )


def _line(sample: Sample, plan: Plan) -> str:
    return (
        f"round {sample.round}/{plan.rounds}  {sample.case:<12} {sample.peer:<20}"
        f" {sample.rate:>9,.{0 if sample.rate >= 100 else 2}f} requests/s"
        f"  p50 {sample.p50:6.2f} ms  p99 {sample.p99:6.2f} ms"
        f"  CPU {sample.cpu:7.1f} µs"
        f"  busy {sample.busy:4.0%}  others {sample.others:3.0%}  {sample.rss:5.1f} MiB"
    )

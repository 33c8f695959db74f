"""What the data plane part found."""

from __future__ import annotations

from dataclasses import dataclass

from bench.dataplane.doors import NGINX, ON
from bench.summary import spread


@dataclass(frozen=True, slots=True)
class Throughput:
    """rate: requests per second, as fast as the peer answers. p50, p99: milliseconds. cpu: the peer's
    microseconds a request. busy: share of its CPU that went to it. disturbed: that went elsewhere."""

    round: int
    case: str
    protocol: str
    peer: str
    rate: float
    p50: float
    p99: float
    cpu: float
    busy: float
    disturbed: float


@dataclass(frozen=True, slots=True)
class Latency:
    """At a fixed rate. wanted, rate: requests per second. alone: of the application without any proxy at
    that time. Milliseconds."""

    round: int
    protocol: str
    peer: str
    wanted: int
    rate: float
    p50: float
    p99: float
    alone_p50: float
    alone_p99: float


@dataclass(frozen=True, slots=True)
class Opened:
    """Connections opened for one request or handshake. rate: per second. cpu: the peer's µs for each."""

    round: int
    case: str
    peer: str
    rate: float
    cpu: float
    busy: float


@dataclass(frozen=True, slots=True)
class Idle:
    """each: KiB of RSS for each open connection that has had one request."""

    case: str
    peer: str
    connections: int
    each: float


@dataclass(frozen=True, slots=True)
class DataPlane:
    """rounds, seconds: of each load."""

    rounds: int
    seconds: int
    throughput: tuple[Throughput, ...]
    latency: tuple[Latency, ...]
    opened: tuple[Opened, ...]
    idle: tuple[Idle, ...]

    def against(self, case: str, protocol: str, peer: str, ours: str = ON) -> float:
        """The smaller of two medians over the rounds: requests per second of ours as a multiple of the
        peer's, and the same by CPU time a request."""
        found = {
            each.peer: [
                one
                for one in self.throughput
                if (one.case, one.protocol, one.peer) == (case, protocol, each.peer)
            ]
            for each in self.throughput
        }
        pairs = list(zip(found[ours], found[peer], strict=True))
        by_rate = spread(one.rate / other.rate for one, other in pairs)
        by_cpu = spread(other.cpu / one.cpu for one, other in pairs)
        return min(by_rate.median, by_cpu.median)

    def reached(self) -> list[tuple[str, str, float]]:
        """For the budget table: what, unit, and the number, of Microgateway with inspection on."""
        rows = [
            (f"{case}, {protocol}, against {NGINX}", "x", self.against(case, protocol, NGINX))
            for case, protocol in dict.fromkeys((each.case, each.protocol) for each in self.throughput)
        ]
        for protocol, wanted in dict.fromkeys((each.protocol, each.wanted) for each in self.latency):
            ours = [
                each
                for each in self.latency
                if (each.protocol, each.wanted, each.peer) == (protocol, wanted, ON)
            ]
            what = f"added latency, {protocol}, {wanted:,} requests/s"
            rows += [
                (f"{what}, p50", " ms", spread(each.p50 - each.alone_p50 for each in ours).median),
                (f"{what}, p99", " ms", spread(each.p99 - each.alone_p99 for each in ours).median),
            ]
        for case in dict.fromkeys(each.case for each in self.opened):
            mine = [each.rate for each in self.opened if (each.case, each.peer) == (case, ON)]
            rows.append((f"{case} a second", "", spread(mine).median))
        rows += [(f"{each.case}", " KiB", each.each) for each in self.idle if each.peer == ON]
        return rows

"""What the data plane part found, as Markdown. Medians over the rounds; peers beside each other."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

from bench.dataplane.doors import HAPROXY, NGINX, ON
from bench.dataplane.results import DataPlane, Idle, Latency, Opened, Throughput
from bench.markdown import table
from bench.summary import spread

Found = TypeVar("Found", Throughput, Latency, Opened)


def as_markdown(found: DataPlane) -> str:
    """A paragraph and tables."""
    return "\n\n".join(
        (
            f"As a plain proxy, rounds: {found.rounds}, seconds of load each: {found.seconds}.",
            _throughput(found),
            _latency(found.latency),
            _opened(found.opened),
            _idle(found.idle),
        )
    )


def _throughput(found: DataPlane) -> str:
    lines = []
    for case, protocol, peer in dict.fromkeys(
        (each.case, each.protocol, each.peer) for each in _sorted(found.throughput)
    ):
        rows = [
            each
            for each in found.throughput
            if (each.case, each.protocol, each.peer) == (case, protocol, peer)
        ]
        ratios = [
            f"{found.against(case, protocol, other, peer):.2f}x" if peer not in (NGINX, HAPROXY) else ""
            for other in (NGINX, HAPROXY)
        ]
        lines.append(
            (
                *(case, protocol, peer, _median(rows, lambda each: each.rate, ",.0f")),
                *(_median(rows, lambda each: each.p50, ".2f"), _median(rows, lambda each: each.p99, ".2f")),
                _median(rows, lambda each: each.cpu, ",.1f"),
                f"{min(spread(each.busy for each in rows).median, 1.0):.0%}",
                f"{max(each.disturbed for each in rows):.0%}",
                *ratios,
            )
        )
    numbers = "requests/s, p50 ms, p99 ms, CPU µs a request, busy, disturbed, against nginx, against haproxy"
    return table("case, protocol, peer", numbers.split(", "), lines)


def _latency(found: Sequence[Latency]) -> str:
    lines = []
    for protocol, wanted, peer in sorted({(each.protocol, each.wanted, each.peer) for each in found}):
        rows = [each for each in found if (each.protocol, each.wanted, each.peer) == (protocol, wanted, peer)]
        lines.append(
            (
                *(protocol, peer, f"{wanted:,}", _median(rows, lambda each: each.rate, ",.0f")),
                *(_median(rows, lambda each: each.p50, ".2f"), _median(rows, lambda each: each.p99, ".2f")),
                _median(rows, lambda each: each.p50 - each.alone_p50, ".2f"),
                _median(rows, lambda each: each.p99 - each.alone_p99, ".2f"),
            )
        )
    numbers = ["requests/s wanted", "sent", "p50 ms", "p99 ms", "added p50 ms", "added p99 ms"]
    return table("protocol, peer", numbers, lines)


def _opened(found: Sequence[Opened]) -> str:
    lines = []
    for case, peer in sorted({(each.case, each.peer) for each in found}):
        rows = [each for each in found if (each.case, each.peer) == (case, peer)]
        lines.append(
            (
                *(case, peer, _median(rows, lambda each: each.rate, ",.0f")),
                *(_median(rows, lambda each: each.cpu, ",.1f"),),
                f"{min(spread(each.busy for each in rows).median, 1.0):.0%}",
            )
        )
    return table("case, peer", ["a second", "CPU µs each", "busy"], lines)


def _idle(found: Sequence[Idle]) -> str:
    lines = [(each.case, _engine(each.peer), f"{each.connections:,}", f"{each.each:.1f}") for each in found]
    return table("case, peer", ["connections", "KiB each"], lines)


def _engine(peer: str) -> str:
    """Inspection makes no difference to who does nothing."""
    return "Microgateway" if peer == ON else peer


def _sorted(found: Sequence[Throughput]) -> list[Throughput]:
    order = {case: at for at, case in enumerate(dict.fromkeys((each.case, each.protocol) for each in found))}
    return sorted(found, key=lambda each: (order[each.case, each.protocol], each.peer))


def _median(rows: Sequence[Found], value: Callable[[Found], float], form: str) -> str:
    return format(spread(value(each) for each in rows).median, form)

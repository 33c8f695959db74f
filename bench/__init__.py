"""Compares the engine with its peers on one core, and times what people wait for.

cases       the requests, and attacks in the shape of each
peers       the proxies under test, and the application behind them
verify      refuses to measure a peer that does not do the same work
load        one run of wrk
measure     interleaved rounds
reload      saved → applied, and reloads under load
summary     medians, spreads, ratios
dataplane   as a plain proxy beside nginx and haproxy: HTTP/2, TLS, bodies, latency, idle connections
cluster     on a real Kubernetes API server: applied → acknowledged, and many gateways
telemetry   what the access line, the metrics and the tracing of a request cost
stages      where the processor time of a request goes inside the engine, without sockets
results     everything one run found
budgets     what we want, compared with it
tables      both as Markdown
report      the results file and README.md
machine     what it ran on
processes   starts, pins and ends processes
accounting  CPU time and memory of processes, from /proc
"""

from __future__ import annotations

from dataclasses import dataclass


class Void(RuntimeError):  # noqa: N818 - the word for a measurement that does not count
    """The comparison would not mean what it says; the message says why."""


@dataclass(frozen=True, slots=True)
class LeftOut:
    """In place of what a part of the comparison would have found."""

    reason: str


@dataclass(frozen=True, slots=True)
class VoidPart(LeftOut):
    """The part ran, and does not count."""

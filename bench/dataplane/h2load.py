"""One run of h2load: HTTP/1.1 and HTTP/2, cleartext and TLS, as fast as peers answer or at a fixed rate."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from bench import Void
from bench.cases import BROWSER
from bench.dataplane.doors import Protocol
from bench.processes import last_lines, running
from bench.summary import quantile
from microgateway_common.settings import Address

#: Seconds beyond its duration after which a run counts as hung.
PATIENCE = 15.0

#: Connections of a fixed rate, each of which sends one request at a time.
STEADY = 32

_COUNTS = re.compile(r"^requests: .* (\d+) failed, (\d+) errored, (\d+) timeout$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Steady:
    """requests: answered with 200. seconds: between the first and the last of them, at least.
    p50, p99: milliseconds."""

    requests: int
    seconds: float
    p50: float
    p99: float


@dataclass(frozen=True, slots=True)
class Target:
    """upload: a file to post; None asks with GET. large: whether bodies are of a MiB."""

    path: str
    upload: Path | None = None
    large: bool = False


@dataclass(frozen=True, slots=True)
class H2load:
    """With one thread. folder: for its output."""

    cpu: int
    folder: Path

    def flat_out(
        self, subject: str, address: Address, protocol: Protocol, target: Target, seconds: int, warm_up: float
    ) -> Steady:
        """Each client sends its next request when it has the answer. Raises Void."""
        clients, streams = _concurrency(protocol, target)
        options = [
            *("-c", str(clients)),
            *("-m", str(streams)),
            *("-D", str(seconds)),
            f"--warm-up-time={warm_up * 1e3:.0f}ms",
        ]
        return self._run(subject, address, protocol, target, options, seconds, seconds + warm_up)

    def at_rate(
        self, subject: str, address: Address, protocol: Protocol, target: Target, rate: int, seconds: int
    ) -> Steady:
        """rate: requests a second, a divisor of 1,000. Raises Void.

        Clients start one after the other, so that their requests come evenly and not in bursts of 32.
        """
        options = [
            *("-c", str(STEADY)),
            *("-m", "1"),
            *("-r", "1"),
            f"--rate-period={1000 // rate}ms",
            f"--rps={rate / STEADY:g}",
            *("-n", str(rate * seconds)),
        ]
        return self._run(subject, address, protocol, target, options, 0, seconds)

    def _run(
        self,
        subject: str,
        address: Address,
        protocol: Protocol,
        target: Target,
        options: Sequence[str],
        counted: float,
        seconds: float,
    ) -> Steady:
        rows, output = self.folder / "h2load.rows", self.folder / "h2load.log"
        rows.unlink(missing_ok=True)
        output.write_bytes(b"")
        scheme = "https" if protocol.tls else "http"
        command = [
            "h2load",
            *("-t", "1"),
            *options,
            *(["--h1"] if protocol.http1 else []),
            *(f"--header={name}: {value}" for name, value in _headers(target).items()),
            *([f"--data={target.upload}"] if target.upload else []),
            f"--log-file={rows}",
            f"{scheme}://{address}{target.path}",
        ]
        with running("h2load", command, self.cpu, output) as process:
            try:
                code = process.process.wait(seconds + PATIENCE)
            except subprocess.TimeoutExpired:
                raise Void(f"h2load against {subject}: hung\n{last_lines(output)}") from None
        failures = _COUNTS.search(output.read_text(errors="replace"))
        if code != 0 or failures is None or not rows.exists():
            raise Void(f"h2load against {subject}: exit code {code}\n{last_lines(output)}")
        if any(int(each) for each in failures.groups()):
            raise Void(f"{subject}, {protocol.value}: expected no failure, got\n{last_lines(output)}")
        return steady(subject, rows.read_text(), counted)


def steady(subject: str, rows: str, counted: float) -> Steady:
    """rows: of h2load's log: start in µs since the epoch, status, µs until the response's end.
    counted: seconds that h2load counted; 0 takes them from the rows. Raises Void.

    Requests under way when the time is up have a status of 0 or -1, and do not count.
    """
    starts: list[int] = []
    latencies: list[float] = []
    for row in rows.splitlines():
        start, status, took = (int(each) for each in row.split("\t"))
        if status == 200:
            starts.append(start)
            latencies.append(took / 1e3)
        elif status > 0:
            raise Void(f"{subject}: expected 200 for each request, got {status}")
    if len(starts) < 2:
        raise Void(f"{subject}: expected answers, got {len(starts)}")
    seconds = counted or (max(starts) - min(starts)) / 1e6
    return Steady(len(starts), seconds, quantile(latencies, 0.5), quantile(latencies, 0.99))


def _concurrency(protocol: Protocol, target: Target) -> tuple[int, int]:
    """Connections, and streams of each: 32 requests at a time, 8 of large bodies."""
    if protocol.http1:
        return (8 if target.large else 32), 1
    return (2 if target.large else 8), 4


def _headers(target: Target) -> dict[str, str]:
    """Of a browser. Connection is not for HTTP/2; Host would not become its :authority."""
    left_out = {"Host", "Connection"}
    sent = {name: value for name, value in BROWSER.items() if name not in left_out}
    return sent | ({"Content-Type": "application/octet-stream"} if target.upload else {})

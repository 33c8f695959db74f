"""A fixed request over kept-alive connections, as fast as the peer answers: by wrk, or one after the other
where a request may take longer than the load."""

from __future__ import annotations

import contextlib
import http.client
import json
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

from bench import Void
from bench.cases import Request
from bench.processes import last_lines, running
from bench.verify import LONGEST, send
from microgateway_common.settings import Address

#: Seconds beyond its duration after which a run counts as hung.
PATIENCE = 15.0

#: Seconds after which wrk counts a request as unanswered: a slow peer is slow, not broken.
TIMEOUT = 10

OK = 200

_RESULT = "bench-result "

# No function `request`: wrk then formats the request once and never enters Lua while it measures.
_SCRIPT = """\
wrk.method = {method}
wrk.body = {body}
{headers}
function done(summary, latency, requests)
  local errors = summary.errors
  io.write(string.format(
    '{result}{{"requests":%d,"microseconds":%d,"failed":%d,"p50":%d,"p99":%d}}\\n',
    summary.requests, summary.duration,
    errors.status + errors.connect + errors.read + errors.write + errors.timeout,
    latency:percentile(50), latency:percentile(99)))
end
"""


@dataclass(frozen=True, slots=True)
class Load:
    """What wrk counted. requests: answered, with whatever status. failed: refused, cut off, or unanswered.
    seconds: the run took. p50, p99: milliseconds of latency."""

    requests: int
    failed: int
    seconds: float
    p50: float
    p99: float


@dataclass(frozen=True, slots=True)
class Generator:
    """wrk with one thread. scripts: a folder for its scripts and output."""

    cpu: int
    connections: int
    scripts: Path

    def run(
        self, subject: str, address: Address, request: Request, seconds: int, at_once: int = 1000
    ) -> Load:
        """at_once: requests at a time, if that is fewer than there are connections.

        Raises Void when wrk itself fails.
        """
        if at_once == 1:
            return one_after_the_other(address, request, seconds)
        script, output = self.scripts / "request.lua", self.scripts / "wrk.log"
        script.write_text(lua(request))
        output.write_bytes(b"")
        command = [
            "wrk",
            *("--threads", "1"),
            *("--connections", str(min(self.connections, at_once))),
            *("--duration", f"{seconds}s"),
            *("--timeout", f"{TIMEOUT}s"),
            *("--script", str(script)),
            f"http://{address}{request.target}",
        ]
        with running("wrk", command, self.cpu, output) as wrk:
            try:
                code = wrk.process.wait(seconds + PATIENCE)
            except subprocess.TimeoutExpired:
                raise Void(f"wrk against {subject}: hung\n{last_lines(output)}") from None
        found = [line for line in output.read_text().splitlines() if line.startswith(_RESULT)]
        if code != 0 or len(found) != 1:
            raise Void(f"wrk against {subject}: exit code {code}\n{last_lines(output)}")
        return _load(json.loads(found[0].removeprefix(_RESULT)))


def one_after_the_other(address: Address, request: Request, seconds: float) -> Load:
    """One connection; at least one request, and then more until that many seconds have passed."""
    connection = http.client.HTTPConnection(*address, timeout=LONGEST)
    times: list[float] = []
    failed = 0
    started = time.perf_counter()
    with contextlib.closing(connection):
        while not times or time.perf_counter() - started < seconds:
            sent = time.perf_counter()
            try:
                failed += send(connection, request).status != OK
            except (OSError, http.client.HTTPException):
                connection.close()
                failed += 1
            times.append(time.perf_counter() - sent)
    taken = time.perf_counter() - started
    times.sort()
    return Load(len(times), failed, taken, times[len(times) // 2] * 1e3, times[len(times) * 99 // 100] * 1e3)


def _load(counted: dict[str, int]) -> Load:
    return Load(
        requests=counted["requests"],
        failed=counted["failed"],
        seconds=counted["microseconds"] / 1e6,
        p50=counted["p50"] / 1e3,
        p99=counted["p99"] / 1e3,
    )


def lua(request: Request) -> str:
    """The script that makes wrk send this request."""
    headers = "\n".join(f"wrk.headers[{_text(n)}] = {_text(v)}" for n, v in request.headers.items())
    body = _text(request.body.decode()) if request.body else "nil"
    return _SCRIPT.format(method=_text(request.method), body=body, headers=headers, result=_RESULT)


def _text(value: str) -> str:
    """A string of Lua 5.1, whose decimal escapes stand for any byte."""
    plain = {ord(each) for each in '\\"\n\r'}
    return (
        '"'
        + "".join(
            chr(byte) if 32 <= byte < 127 and byte not in plain else f"\\{byte:03d}"
            for byte in value.encode()
        )
        + '"'
    )

"""`python -m bench.stages`: where the processor time of one request goes inside the engine, without sockets.

The requests of the comparison, under the documented defaults. *whole* takes them through the real server, its
connections and its pool; only transports are memory, and lines go nowhere. The stages are parts of it, called
alone; *relay* is what they do not explain of the whole: connections, relay, pool, turns. The kernel's part of
a request is not in it.

The least of many short rounds counts: what else runs on the machine only ever adds.
"""

from __future__ import annotations

import argparse
import asyncio
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from bench.cases import Case, Request, cases
from bench.markdown import table
from bench.peers.nginx import BODY
from microgateway_cli.manifests import read_manifests
from microgateway_common.names import Digest, Generation
from microgateway_common.settings import Address
from microgateway_common.wire import Header
from microgateway_compiler.compile.gateway import Compiled
from microgateway_engine.config.runtime import ApplicationRuntime, Runtime, build
from microgateway_engine.http1.heads import write_request_head, write_response_head
from microgateway_engine.http1.reader import NEED_DATA, MessageReader, RequestReader, ResponseReader
from microgateway_engine.telemetry.counters import PortCounters
from microgateway_engine.telemetry.metrics import Metrics
from microgateway_engine.telemetry.sink import LineSink
from microgateway_engine.traffic.actions import Forward
from microgateway_engine.traffic.destination import Explicit
from microgateway_engine.traffic.exchange import Exchange, Peer
from microgateway_engine.traffic.server import Server
from microgateway_inspection.rule_set import RuleSet

ROOT: Final = Path(__file__).resolve().parent.parent
PORT: Final = 8080

#: Clients whose requests come in one turn of the loop, as under load.
CLIENTS: Final = 32

#: Bytes of a body above which the kernel and the scan are all that counts; those have measures of their own.
LARGE: Final = 64 * 1024

#: Calls between two looks at the clock.
BATCH: Final = 100

ANSWER: Final = (
    b"HTTP/1.1 200 OK\r\nServer: nginx/1.22.1\r\nDate: Sat, 28 Nov 2026 07:55:27 GMT\r\n"
    b"Content-Type: application/json\r\nContent-Length: %d\r\nConnection: keep-alive\r\n\r\n%b"
    % (len(BODY), BODY)
)


@dataclass(frozen=True, slots=True)
class Stages:
    """Microseconds of processor time a request. stages: by name."""

    case: str
    stages: Mapping[str, float]
    whole: float

    @property
    def relay(self) -> float:
        return self.whole - sum(self.stages.values())


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="python -m bench.stages", description=(__doc__ or "").split("\n")[0]
    )
    parser.add_argument("--rounds", type=int, default=60, metavar="N", help="of each stage (default: 60)")
    print(as_markdown(measure(parser.parse_args().rounds)))
    return 0


def as_markdown(found: list[Stages]) -> str:
    names = list(found[0].stages)
    lines = [
        [each.case, *(f"{each.stages[name]:.1f}" for name in names), f"{each.relay:.1f}", f"{each.whole:.1f}"]
        for each in found
    ]
    return table("µs a request", [*names, "relay", "whole"], lines)


def measure(rounds: int) -> list[Stages]:
    runtime = configured()
    with asyncio.Runner(loop_factory=Loop) as runner:
        wholes = runner.run(_wholes(runtime, rounds))
    application = runtime.applications[PORT]
    return [
        Stages(case.name, _stages(application, case.normal, rounds), whole)
        for case, whole in zip(ordinary(), wholes, strict=True)
    ]


def ordinary() -> list[Case]:
    """The cases whose requests are small."""
    return [case for case in cases() if len(case.normal.body) <= LARGE]


def configured() -> Runtime:
    """The documented defaults, ready."""
    (outcome,) = read_manifests([ROOT / "bench/manifests/defaults"]).outcomes.values()
    assert isinstance(outcome.configuration, Compiled)
    config = outcome.configuration.config
    return build(Header(config.gateway, Generation(1), Digest("")), config, RuleSet.load(ROOT / "build"))


def on_wire(request: Request) -> bytes:
    headers = dict(request.headers)
    if request.body:
        headers["Content-Length"] = str(len(request.body))
    lines = [
        f"{request.method} {request.target} HTTP/1.1",
        *(f"{name}: {text}" for name, text in headers.items()),
    ]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + request.body


# The stages.


def _stages(application: ApplicationRuntime, request: Request, rounds: int) -> dict[str, float]:
    sent, peer = on_wire(request), Peer("192.0.2.7", 50000, "10.0.0.5", PORT)
    requests, responses = RequestReader(application.max_head), ResponseReader()
    (head, *_), (answer, *_) = _events(requests, sent), _events(responses, ANSWER)
    counters = PortCounters()

    def begun() -> tuple[Exchange, Forward]:
        exchange = Exchange(application, peer, head)
        action = exchange.begin()
        if request.body:
            exchange.request_data(request.body)
            action = exchange.request_end()
        assert isinstance(action, Forward)
        return exchange, action

    def ended() -> tuple[Exchange, Forward, list[tuple[bytes, bytes]]]:
        exchange, forward = begun()
        fields = exchange.response_head(answer)
        exchange.response_data(BODY)
        exchange.response_end()
        return exchange, forward, fields

    exchange, forward, fields = ended()
    protection = exchange.protection
    assert protection is not None
    inspected, body = exchange._request, request.body or None

    def inspect() -> None:
        if body is not None:
            protection.policy.plan_body(inspected)
        protection.policy.inspect(inspected, body)

    def write() -> None:
        write_request_head(forward.method, forward.target, forward.authority, forward.headers, b"")
        write_response_head(answer.status, answer.reason, fields, b"")

    inspecting = _least(inspect, rounds)
    return {
        "parse": _least(lambda: (_events(requests, sent), _events(responses, ANSWER)), rounds),
        "inspect": inspecting,
        "exchange": _least(ended, rounds) - inspecting,
        "write": _least(write, rounds),
        "log": _least(lambda: application.access_log(exchange), rounds),
        "count": _least(lambda: counters.count(exchange), rounds),
    }


def _events(reader: MessageReader[Any], data: bytes) -> list[Any]:
    reader.feed(data)
    events: list[Any] = []
    while (event := reader.next_event()) is not NEED_DATA:
        events.append(event)
    return events


def _least(call: Callable[[], object], rounds: int) -> float:
    """Microseconds of one call."""
    return min(_times(call, rounds)) / BATCH * 1e6


def _times(call: Callable[[], object], rounds: int) -> Iterator[float]:
    for _ in range(rounds):
        started = time.process_time()
        for _ in range(BATCH):
            call()
        yield time.process_time() - started


# The whole, through the server.


class Memory(asyncio.Transport):
    """A transport that keeps what is written to it. protocol: who is told what comes."""

    def __init__(self, protocol: asyncio.Protocol) -> None:
        super().__init__({"peername": ("192.0.2.7", 50000), "sockname": ("10.0.0.5", PORT)})
        self.protocol = protocol
        self.written = b""
        protocol.connection_made(self)

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.written += data

    def is_closing(self) -> bool:
        return False

    def set_protocol(self, protocol: asyncio.BaseProtocol) -> None:
        assert isinstance(protocol, asyncio.Protocol)
        self.protocol = protocol

    def pause_reading(self) -> None:
        """Nothing comes but what is handed over."""

    def resume_reading(self) -> None: ...

    def abort(self) -> None: ...


class Loop(asyncio.SelectorEventLoop):
    """A loop whose connections are memory."""

    def __init__(self) -> None:
        super().__init__()
        self.opened: list[Memory] = []

    async def create_connection(  # type: ignore[override]
        self, protocol_factory: Callable[[], asyncio.Protocol], *_: object, **__: object
    ) -> tuple[Memory, asyncio.Protocol]:
        transport = Memory(protocol_factory())
        self.opened.append(transport)
        return transport, transport.protocol


class _Nowhere(LineSink):
    """Takes lines and forgets them."""

    def __init__(self) -> None:
        self.written = 0

    def write_line(self, line: bytes) -> None:  # noqa: ARG002
        self.written += 1


async def _wholes(runtime: Runtime, rounds: int) -> list[float]:
    """By case, microseconds."""
    loop = asyncio.get_running_loop()
    assert isinstance(loop, Loop)
    sink = _Nowhere()
    server = Server((), Explicit(Address("10.0.0.5", PORT), PORT), Metrics(sink), sink)
    server.serve(runtime)
    clients = [Memory(server.doorway()) for _ in range(CLIENTS)]
    found = []
    for case in ordinary():
        sent = on_wire(case.normal)
        await _turn(loop, clients, sent)  # opens connections to the application
        times = []
        for _ in range(rounds):
            before, started = sink.written, time.process_time()
            for _ in range(BATCH // CLIENTS + 1):
                await _turn(loop, clients, sent)
            times.append((time.process_time() - started) / (sink.written - before))
        found.append(min(times) * 1e6)
    return found


async def _turn(loop: Loop, clients: list[Memory], sent: bytes) -> None:
    """A request of each client, and the response to each. Raises AssertionError when there is none."""
    for client in clients:
        client.written = b""
        client.protocol.data_received(sent)
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    for application in loop.opened:
        assert application.written
        application.written = b""
        application.protocol.data_received(ANSWER)
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    for client in clients:
        assert client.written.endswith(BODY)


if __name__ == "__main__":
    raise SystemExit(main())

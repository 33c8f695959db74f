"""Starts the peers, verifies that each does what it is measured for, and measures them."""

from __future__ import annotations

import contextlib
import http.client
import os
import resource
from collections.abc import Callable, Sequence
from pathlib import Path
from urllib.parse import quote

from bench import Void
from bench.cases import ATTACKS, BROWSER, Request
from bench.dataplane import peers
from bench.dataplane.certificates import self_signed
from bench.dataplane.doors import OFF, Front, Protocol
from bench.dataplane.h2load import H2load
from bench.dataplane.idle import CASES as IDLE_CASES
from bench.dataplane.idle import idle, unverified
from bench.dataplane.loads import Loads, Rounds
from bench.dataplane.results import DataPlane
from bench.load import Generator
from bench.peers.nginx import BODY
from bench.processes import Cpus
from bench.verify import Answer, send

PROGRAMS = ("nginx", "haproxy", "h2load", "wrk", "openssl", "redis-server")

#: File descriptors that peers may need.
FILES = 20_000


def dataplane(
    plan: Rounds,
    connections: int,
    idle_connections: int,
    cpus: Cpus,
    cache: Path,
    folder: Callable[[str], Path],
    progress: Callable[[str], None],
) -> DataPlane:
    """connections: of wrk. cache: with compiled deny rules. folder: makes one. Raises Void."""
    _allow_files(2 * idle_connections)
    progress("data plane: starting the application, nginx, haproxy and Microgateway")
    with contextlib.ExitStack() as stack:
        enter = stack.enter_context
        upstream = enter(peers.application(folder("data-application"), cpus.rest))
        shown = self_signed(folder("certificate"))
        fronts = (
            enter(peers.plain_nginx(folder("data-nginx"), cpus.subject, upstream, shown)),
            enter(peers.haproxy(folder("data-haproxy"), cpus.subject, upstream, shown)),
            *enter(peers.both_engines(folder("data-engines"), cpus, upstream, shown, cache)),
        )
        output = folder("data-load")
        upload = output / "upload.bin"
        upload.write_bytes(bytes(range(256)) * (peers.LARGE // 256))
        h2load = H2load(cpus.rest, output)
        wrk = Generator(cpus.rest, connections, output)
        loads = Loads(fronts, upstream, upload, plan, cpus, h2load, wrk, output, progress)
        # First, for memory that is freed later would be used again; once for each process, not for each path.
        unused = [
            idle(front, protocol, idle_connections)
            for protocol in IDLE_CASES
            for front in fronts
            if front.name != OFF
        ]
        for each in unused:
            progress(f"{each.case:<34} {each.peer:<28} {each.each:6.1f} KiB")
        verify(fronts, upload)
        progress("data plane verified: bodies arrive whole, only inspection refuses attacks")
        for front in fronts:
            for door in front.doors.values():
                os.truncate(door.access_log, 0)
        return DataPlane(
            rounds=plan.rounds,
            seconds=plan.seconds,
            throughput=loads.throughput(),
            latency=loads.latency(),
            opened=loads.opened(),
            idle=tuple(unused),
        )


def seconds(plan: Rounds) -> float:
    """That loads may take altogether."""
    flat_out = len(plan.cases) * 4 * (plan.seconds + plan.warm_up + 2)
    return plan.rounds * (flat_out + 28 * (plan.seconds + 2))


def _allow_files(wanted: int) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    allowed = FILES if hard == resource.RLIM_INFINITY else min(hard, FILES)
    if allowed < wanted:
        raise Void(f"open files: expected a limit of {wanted} or more, got {allowed}")
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, allowed), hard))


def verify(fronts: Sequence[Front], upload: Path) -> None:
    """Over HTTP/1.1; over HTTP/2, h2load sees that each answer is 200. Raises Void."""
    attack = f"/small?q={quote(ATTACKS[0])}"
    for front in fronts:
        for protocol in (Protocol.HTTP1, Protocol.TLS_HTTP1):
            small = _answer(front, protocol, "/small")
            _expect(front, protocol, "small", 200, small, BODY)
            large = _answer(front, protocol, "/large")
            _expect(front, protocol, "large", 200, large, upload.read_bytes())
            uploaded = _answer(front, protocol, "/upload", upload.read_bytes())
            _expect(front, protocol, "upload", 200, uploaded, BODY)
            attacked = _answer(front, protocol, attack)
            if attacked.status != front.attack_status:
                _expect(front, protocol, "attack", front.attack_status, attacked, b"")


def _expect(front: Front, protocol: Protocol, what: str, status: int, answer: Answer, body: bytes) -> None:
    if answer.status != status or answer.body != body:
        raise Void(
            f"{front.name}, {protocol.value}, {what}: expected {status} and {len(body):,} bytes,"
            f" got {answer.status} and {len(answer.body):,} bytes: {answer.body[:100]!r}"
        )


def _answer(front: Front, protocol: Protocol, path: str, body: bytes = b"") -> Answer:
    address = front.doors[protocol].address
    connection = (
        http.client.HTTPSConnection(*address, timeout=10.0, context=unverified())
        if protocol.tls
        else http.client.HTTPConnection(*address, timeout=10.0)
    )
    method, headers = ("POST", {"Content-Type": "application/octet-stream"}) if body else ("GET", {})
    try:
        return send(connection, Request(method, front.path + path, BROWSER | headers, body))
    except (OSError, http.client.HTTPException) as error:
        raise Void(f"{front.name}, {protocol.value}, {path}: expected an answer, got {error!r}") from error
    finally:
        connection.close()

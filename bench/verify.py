"""Before anything is measured: every peer does the work it is measured for."""

from __future__ import annotations

import http.client
import time
from dataclasses import dataclass
from pathlib import Path

from bench import Void
from bench.cases import ATTACKS, Case, Request
from bench.peers import Peer
from bench.peers.nginx import BODY
from bench.processes import last_lines
from microgateway_common.settings import Address

#: Seconds that one request may take: ModSecurity needs ten and more for a text of 1 MiB.
LONGEST = 120.0

#: Seconds for a peer to write the lines it gathered.
FLUSHING = 3.0


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    headers: dict[str, str]
    body: bytes


def ask(address: Address, request: Request) -> Answer:
    """One request over a connection of its own. Raises OSError or HTTPException."""
    connection = http.client.HTTPConnection(*address, timeout=LONGEST)
    try:
        return send(connection, request)
    finally:
        connection.close()


def send(connection: http.client.HTTPConnection, request: Request) -> Answer:
    """The request with exactly its headers, Content-Length added where there is a body."""
    connection.putrequest(request.method, request.target, skip_host=True, skip_accept_encoding=True)
    for name, value in request.headers.items():
        connection.putheader(name, value)
    if request.body:
        connection.putheader("Content-Length", str(len(request.body)))
    connection.endheaders(request.body or None)
    response = connection.getresponse()
    return Answer(
        response.status, {name.lower(): value for name, value in response.getheaders()}, response.read()
    )


def verify(peer: Peer, case: Case) -> None:
    """The normal request reaches the application, attacks get what they should, all are logged.

    Raises Void.
    """
    before = count_lines(peer.access_log)
    alarms = [count_lines(log) for log in peer.alarms]
    answer = _ask(peer, case, "normal request", case.normal)
    if answer.status != 200 or answer.body != BODY:
        raise Void(_unexpected(peer, case, "normal request", "200 and the application's body", answer))
    await_lines(peer, before + 1)
    for log, lines in zip(peer.alarms, alarms, strict=True):
        if count_lines(log) != lines:
            raise Void(f"{peer.name}, {case.name}, normal request: expected no alarm, got\n{last_lines(log)}")
    for attack, request in zip(ATTACKS, case.attacks, strict=True):
        answer = _ask(peer, case, attack, request)
        if answer.status != peer.attack_status:
            raise Void(_unexpected(peer, case, attack, str(peer.attack_status), answer))
    await_lines(peer, before + 1 + len(ATTACKS))


def await_lines(peer: Peer, expected: int) -> None:
    """Return once the access log has that many lines. Raises Void."""
    await_log(peer.name, peer.access_log, expected)


def await_log(name: str, log: Path, expected: int) -> int:
    """How many lines the access log has, once it has as many as expected. Raises Void."""
    deadline = time.monotonic() + FLUSHING
    while (found := count_lines(log)) < expected:
        if time.monotonic() > deadline:
            raise Void(
                f"{name}: expected a line in the access log for each of {expected} requests, got {found}"
            )
        time.sleep(0.05)
    return found


def count_lines(log: Path) -> int:
    with log.open("rb") as file:
        return sum(chunk.count(b"\n") for chunk in iter(lambda: file.read(1 << 20), b""))


def _ask(peer: Peer, case: Case, kind: str, request: Request) -> Answer:
    try:
        return ask(peer.address, request)
    except (OSError, http.client.HTTPException) as error:
        raise Void(f"{peer.name}, {case.name}, {kind}: expected an answer, got {error!r}") from error


def _unexpected(peer: Peer, case: Case, kind: str, expected: str, answer: Answer) -> str:
    return (
        f"{peer.name}, {case.name}, {kind}: expected {expected},"
        f" got {answer.status} with {answer.body[:200]!r}"
    )

"""Memory of connections that have had one request and now do nothing."""

from __future__ import annotations

import contextlib
import socket
import ssl
import time

from bench import Void
from bench.accounting import memory
from bench.cases import HOST
from bench.dataplane.doors import Door, Front, Protocol
from bench.dataplane.results import Idle

#: Requests that let a peer allocate what it needs once.
FIRST = 100

#: Seconds of nothing before memory is taken.
SETTLING = 0.5

CASES = {
    Protocol.HTTP1: "memory of an idle connection",
    Protocol.TLS_HTTP1: "memory of an idle TLS connection",
}


def idle(front: Front, protocol: Protocol, connections: int) -> Idle:
    """Raises Void when a connection is refused or not answered."""
    door = front.doors[protocol]
    for _ in range(FIRST):
        _one_request(front, door, protocol).close()
    before = memory(door.process.pid).rss
    with contextlib.ExitStack() as stack:
        for _ in range(connections):
            stack.enter_context(_one_request(front, door, protocol))
        time.sleep(SETTLING)
        after = memory(door.process.pid).rss
    return Idle(CASES[protocol], front.name, connections, (after - before) * 1024 / connections)


def unverified() -> ssl.SSLContext:
    """The certificate is one of this run."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


_TLS = unverified()


def _one_request(front: Front, door: Door, protocol: Protocol) -> socket.socket:
    try:
        client = socket.create_connection(door.address, timeout=10.0)
        if protocol.tls:
            client = _TLS.wrap_socket(client, server_hostname=HOST)
        client.sendall(f"GET {front.path}/small HTTP/1.1\r\nHost: {HOST}\r\n\r\n".encode())
        answer = client.recv(4096)
    except OSError as error:
        raise Void(f"{front.name}, {protocol.value}: expected an answer, got {error!r}") from error
    if not answer.startswith(b"HTTP/1.1 200"):
        raise Void(f"{front.name}, {protocol.value}: expected 200, got {answer[:80]!r}")
    return client

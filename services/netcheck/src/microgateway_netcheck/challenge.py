"""One family's check: a connection to the check port must arrive at us, on the inbound port.

    bind the inbound port ─ taken ─► PortTaken
            │
    connect to the check port ─ refused, no answer ─► NotRedirected
            │ connected
    accept our own connection ─ it is not there ─► AnsweredElsewhere
            │ same peer address, original destination is the check port
    send a random token through it ─ another comes out ─► AnsweredElsewhere
            │
        Redirected

No thread is needed: the kernel completes the handshake with a listening socket before it accepts.
"""

from __future__ import annotations

import errno
import os
import socket
import struct
import time
from dataclasses import dataclass

from .families import Family

#: Close with a reset, so that no TIME_WAIT keeps the port from the engine, which needs it next.
_RESET_ON_CLOSE = struct.pack("ii", 1, 0)

_TOKEN_BYTES = 32


@dataclass(frozen=True, slots=True)
class Ports:
    """inbound: where the redirect leads, the engine's. check: on loopback, redirected to it."""

    inbound: int
    check: int


@dataclass(frozen=True, slots=True)
class Redirected:
    """The redirect works."""


@dataclass(frozen=True, slots=True)
class NotOnLoopback:
    """There is nothing to check: the loopback interface has no address of this family."""


@dataclass(frozen=True, slots=True)
class NotRedirected:
    reason: str


@dataclass(frozen=True, slots=True)
class PortTaken:
    """Another process listens on the inbound port."""


@dataclass(frozen=True, slots=True)
class AnsweredElsewhere:
    """The check port was reached, but not by way of the redirect to us."""


Finding = Redirected | NotOnLoopback | NotRedirected | PortTaken | AnsweredElsewhere


def check(family: Family, ports: Ports, seconds: float) -> Finding:
    """seconds: how long to wait for the connection, and again for its arrival.

    Raises OSError for what no finding describes, such as a lack of file descriptors.
    """
    if not family.is_on_loopback():
        return NotOnLoopback()
    with family.open() as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((family.loopback, ports.inbound))
            listener.listen()
        except OSError as error:
            if error.errno == errno.EADDRINUSE:
                return PortTaken()
            raise
        return _connect(family, listener, ports, seconds)


def _connect(family: Family, listener: socket.socket, ports: Ports, seconds: float) -> Finding:
    target = f"{family.loopback} port {ports.check}"
    with family.open() as client:
        client.settimeout(seconds)
        try:
            client.connect((family.loopback, ports.check))
        except TimeoutError:
            return NotRedirected(f"{target} did not answer within {seconds:.1f} s")
        except OSError as error:
            return NotRedirected(f"{target}: {error.strerror}")
        arrived = _accept(listener, client.getsockname(), seconds)
        if arrived is None:
            return AnsweredElsewhere()
        with arrived:
            original = family.original_port(arrived)
            if original != ports.check:
                return NotRedirected(f"expected the original destination port {ports.check}, got {original}")
            token = os.urandom(_TOKEN_BYTES)
            arrived.sendall(token)
            return Redirected() if _receive(client) == token else AnsweredElsewhere()


def _accept(listener: socket.socket, peer: object, seconds: float) -> socket.socket | None:
    """Our own connection among those that reached the port; None when it has not come in time."""
    deadline = time.monotonic() + seconds
    while (left := deadline - time.monotonic()) > 0:
        listener.settimeout(left)
        try:
            connection, address = listener.accept()
        except TimeoutError:
            return None
        connection.settimeout(seconds)
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
        if address == peer:
            return connection
        connection.close()
    return None


def _receive(client: socket.socket) -> bytes:
    """Up to a token's length; less when the connection ends or stays silent."""
    received = b""
    try:
        while len(received) < _TOKEN_BYTES and (chunk := client.recv(_TOKEN_BYTES - len(received))):
            received += chunk
    except (TimeoutError, ConnectionError):
        pass
    return received

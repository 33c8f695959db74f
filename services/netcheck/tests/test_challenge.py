"""One family's check without a redirect; with one, see test_main.py."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from microgateway_cli.processes import free_port
from microgateway_netcheck.challenge import AnsweredElsewhere, NotRedirected, Ports, PortTaken, check
from microgateway_netcheck.families import Family


@pytest.fixture
def sockets() -> Iterator[ExitStack]:
    with ExitStack() as stack:
        yield stack


def listening_port(sockets: ExitStack) -> int:
    return int(sockets.enter_context(socket.create_server(("127.0.0.1", 0))).getsockname()[1])


def test_a_refused_connection_is_not_redirected() -> None:
    ports = Ports(free_port(), free_port())
    assert check(Family.IPV4, ports, 0.2) == NotRedirected(
        f"127.0.0.1 port {ports.check}: Connection refused"
    )


def test_a_port_that_is_listened_on_is_taken(sockets: ExitStack) -> None:
    assert check(Family.IPV4, Ports(listening_port(sockets), free_port()), 0.2) == PortTaken()


def test_a_server_on_the_check_port_is_not_us(sockets: ExitStack) -> None:
    assert check(Family.IPV4, Ports(free_port(), listening_port(sockets)), 0.2) == AnsweredElsewhere()

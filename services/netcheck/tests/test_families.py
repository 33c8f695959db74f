from __future__ import annotations

import socket

from microgateway_netcheck.families import Family


def test_ipv4_is_on_loopback() -> None:
    assert Family.IPV4.is_on_loopback()
    assert Family.IPV4.loopback == "127.0.0.1"


def test_a_connection_that_was_not_translated_has_its_own_port_or_none_as_the_original() -> None:
    """Connection tracking, where it is on, knows every connection; where it is off, none."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = server.getsockname()
        with socket.create_connection(address, 2):
            connection, _ = server.accept()
            with connection:
                assert Family.IPV4.original_port(connection) in (None, address[1])

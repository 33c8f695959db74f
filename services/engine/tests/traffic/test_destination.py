"""Which application a connection is for."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import socket
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from typing import Any

import pytest

from microgateway_common.settings import Address
from microgateway_engine.traffic.destination import (
    Destination,
    Explicit,
    Refused,
    Transparent,
    original_destination,
)

TARGET = Address("127.0.0.1", 3000)


class Accepted(asyncio.Transport):
    """A transport that has a socket and nothing else."""

    def __init__(self, connection: socket.socket) -> None:
        super().__init__({"socket": connection})


@pytest.fixture(params=[socket.AF_INET, socket.AF_INET6], ids=["IPv4", "IPv6"])
def accepted(request: pytest.FixtureRequest) -> Iterator[Accepted]:
    """A connection that nobody redirected."""
    host = "127.0.0.1" if request.param is socket.AF_INET else "::1"
    with (
        socket.create_server((host, 0), family=request.param) as listener,
        socket.create_connection(listener.getsockname()[:2]),
    ):
        connection, _ = listener.accept()
        with connection:
            yield Accepted(connection)


@pytest.mark.parametrize(
    ("target_port", "port", "configured", "expected"),
    [
        (3000, None, {3000, 8080}, 3000),
        (3000, 8080, {3000, 8080}, 8080),
        (3000, 8080, {8080}, 8080),
        (3000, 9090, {3000}, 3000),
        (3000, None, {8080}, 8080),
        (3000, None, {8080, 9090}, None),
        (3000, 9090, {8080}, None),
        (3000, None, set(), None),
    ],
)
def test_explicit(
    target_port: int, port: int | None, configured: set[int], expected: int | None, accepted: Accepted
) -> None:
    target = Address("127.0.0.1", target_port)
    found = Explicit(target, port).of(accepted, frozenset(configured))
    if expected is None:
        assert isinstance(found, Refused)
        assert f"127.0.0.1:{target_port}" in found.reason
        assert str(sorted(configured)) in found.reason
    else:
        assert found == Destination(target, expected)


def test_a_connection_that_was_not_redirected_is_refused(accepted: Accepted) -> None:
    listen_port = accepted.get_extra_info("socket").getsockname()[1]
    found = Transparent(listen_port).of(accepted, frozenset({8080, listen_port}))
    assert found == Refused("the connection was not redirected")


def test_a_connection_that_is_gone_has_no_original_destination() -> None:
    connection = socket.socket()
    connection.close()
    assert original_destination(connection) is None


#: Runs inside the namespace: connects to a redirected port and tells what the listener makes of it.
_INSIDE = """
    import asyncio, json, socket, sys
    from microgateway_engine.traffic.destination import Transparent, original_destination

    class Accepted(asyncio.Transport):
        pass

    found = {}
    for family, host in ((socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1")):
        with socket.create_server((host, 13378), family=family) as listener:
            for port in (8080, 9090, 13378):
                with socket.create_connection((host, port), timeout=5):
                    connection, _ = listener.accept()
                    with connection:
                        transport = Accepted({"socket": connection})
                        destination = Transparent(13378).of(transport, frozenset({8080}))
                        found[f"{host} {port}"] = [
                            list(original_destination(connection) or ()), type(destination).__name__,
                            getattr(destination, "reason", ""), getattr(destination, "port", 0),
                        ]
    json.dump(found, sys.stdout)
"""

_REDIRECT = """
    table inet inbound {
        chain output {
            type nat hook output priority -100; policy accept;
            tcp dport { 8080, 9090 } redirect to :13378
        }
    }
"""


def _run(*command: str, text: str = "") -> str:
    done = subprocess.run(command, input=text, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, (command, done.stderr)
    return done.stdout


@pytest.fixture
def namespace() -> Iterator[str]:
    """A network namespace with a redirect."""
    if os.geteuid() != 0 or not shutil.which("ip") or not shutil.which("nft"):
        pytest.skip("needs root, ip and nft")
    name = f"mgw-test-{os.getpid()}"
    _run("ip", "netns", "add", name)
    try:
        _run("ip", "-n", name, "link", "set", "lo", "up")
        _run("ip", "netns", "exec", name, "nft", "-f", "-", text=textwrap.dedent(_REDIRECT))
        yield name
    finally:
        _run("ip", "netns", "delete", name)


@pytest.mark.root
def test_the_redirect_keeps_where_the_client_wanted_to_go(namespace: str) -> None:
    script = textwrap.dedent(_INSIDE)
    found: dict[str, Any] = json.loads(_run("ip", "netns", "exec", namespace, sys.executable, "-c", script))
    for host in ("127.0.0.1", "::1"):
        assert found[f"{host} 8080"] == [[host, 8080], "Destination", "", 8080]
        assert found[f"{host} 9090"] == [[host, 9090], "Refused", "no application on port 9090", 0]
        _, kind, reason, _ = found[f"{host} 13378"]
        assert (kind, reason) == ("Refused", "the connection was not redirected")

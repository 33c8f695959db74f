"""Real network namespaces: a pod and a client outside it, joined by a veth pair.

The test process opens its sockets inside a namespace (`Namespace.run`) and keeps using them from where it
is: a socket stays in the namespace it was made in.
"""

from __future__ import annotations

import contextlib
import ctypes
import itertools
import os
import shutil
import socket
import struct
import subprocess
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

import pytest

from .api_server import ApiServer, running

_Value = TypeVar("_Value")
_CLONE_NEWNET = 0x40000000
_libc = ctypes.CDLL(None, use_errno=True)
_numbers = itertools.count()


@dataclass(frozen=True)
class Namespace:
    name: str

    @property
    def path(self) -> Path:
        return Path("/run/netns") / self.name

    def command(self, *command: str) -> subprocess.CompletedProcess[str]:
        return run("ip", "netns", "exec", self.name, *command)

    def run(self, action: Callable[[], _Value]) -> _Value:
        """The action's result, run in a thread of its own that has moved into this namespace."""
        results: list[_Value] = []
        errors: list[OSError] = []

        def inside() -> None:
            try:
                with self.path.open() as file:
                    if _libc.setns(file.fileno(), _CLONE_NEWNET) != 0:
                        raise OSError(ctypes.get_errno(), "setns")
                results.append(action())
            except OSError as error:
                errors.append(error)

        thread = threading.Thread(target=inside)
        thread.start()
        thread.join()
        for error in errors:
            raise error
        return results[0]

    def listen(self, port: int) -> socket.socket:
        """Both families, any address; backlog only, as the tests accept one by one."""
        listener = self.run(
            lambda: socket.create_server(("::", port), family=socket.AF_INET6, dualstack_ipv6=True)
        )
        listener.settimeout(30)
        return listener

    def connect(self, address: str, port: int, seconds: float = 30) -> socket.socket:
        return self.run(lambda: socket.create_connection((address, port), seconds))


@dataclass(frozen=True)
class Network:
    pod: Namespace
    client: Namespace
    pod_addresses: tuple[str, str] = ("10.77.0.2", "fd77::2")
    open_sockets: contextlib.ExitStack = field(default_factory=contextlib.ExitStack)

    def serve(self, *ports: int) -> dict[int, socket.socket]:
        return {port: self.open_sockets.enter_context(self.pod.listen(port)) for port in ports}

    def dial(self, origin: Namespace, address: str, port: int, seconds: float = 30) -> socket.socket:
        return self.open_sockets.enter_context(origin.connect(address, port, seconds))


@pytest.fixture
def network() -> Iterator[Network]:
    """Without any rules. Skips where namespaces cannot be made."""
    if os.geteuid() != 0:
        pytest.skip("needs root, for network namespaces")
    for program in ("ip", "nft", "nsenter"):
        if shutil.which(program) is None:
            pytest.skip(f"needs the program {program}")
    number = f"{os.getpid():x}-{next(_numbers)}"
    pod, client = Namespace(f"mg-pod-{number}"), Namespace(f"mg-client-{number}")
    with contextlib.ExitStack() as stack:
        for namespace in (pod, client):
            run("ip", "netns", "add", namespace.name)
            stack.callback(run, "ip", "netns", "delete", namespace.name)
            run("ip", "-n", namespace.name, "link", "set", "lo", "up")
        run(
            *("ip", "-n", pod.name, "link", "add", "eth0", "type", "veth"),
            *("peer", "name", "eth0", "netns", client.name),
        )
        for namespace, host in ((pod, 2), (client, 1)):
            for address in (f"10.77.0.{host}/24", f"fd77::{host}/64"):
                # nodad: an address is usable at once, without duplicate address detection (1 s)
                nodad = ["nodad"] if ":" in address else []
                run("ip", "-n", namespace.name, "address", "add", address, "dev", "eth0", *nodad)
            run("ip", "-n", namespace.name, "link", "set", "eth0", "up")
        network = Network(pod, client)
        stack.enter_context(network.open_sockets)
        yield network


def run(*command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, check=True, capture_output=True, text=True, timeout=120)


def original_destination(connection: socket.socket) -> tuple[str, int]:
    """Address and port before the redirect; of an AF_INET6 socket, for a client of either family."""
    if connection.getpeername()[0].startswith("::ffff:"):
        raw = connection.getsockopt(socket.SOL_IP, 80, 16)
        return socket.inet_ntop(socket.AF_INET, raw[4:8]), struct.unpack_from("!H", raw, 2)[0]
    raw = connection.getsockopt(socket.IPPROTO_IPV6, 80, 28)
    return socket.inet_ntop(socket.AF_INET6, raw[8:24]), struct.unpack_from("!H", raw, 2)[0]


@pytest.fixture
def api(tmp_path: Path) -> Iterator[ApiServer]:
    with running(tmp_path) as server:
        yield server

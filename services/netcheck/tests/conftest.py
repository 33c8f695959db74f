"""A real network namespace, as a pod's: loopback is up, and rules are what the test puts there."""

from __future__ import annotations

import contextlib
import itertools
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

_numbers = itertools.count()

REDIRECT_IPV4 = "ip daddr 127.0.0.1 tcp dport 19003 redirect to :13378"
REDIRECT_IPV6 = "ip6 daddr ::1 tcp dport 19003 redirect to :13378"


@dataclass(frozen=True)
class Outcome:
    code: int
    line: dict[str, Any]
    termination: str


@dataclass(frozen=True)
class Pod:
    name: str
    termination_log: Path

    def rules(self, *rules: str) -> None:
        self.execute("nft", "add table inet test; flush table inet test")
        self.execute("nft", "add chain inet test output { type nat hook output priority -101; }")
        for rule in rules:
            self.execute("nft", f"add rule inet test output {rule}")

    def execute(self, *command: str) -> None:
        run("ip", "netns", "exec", self.name, *command)

    def netcheck(self, *arguments: str) -> Outcome:
        """Runs the command as the init container would, in a process of its own."""
        self.termination_log.write_text("what an earlier container left, which is longer\n" * 50)
        done = subprocess.run(
            [
                *("ip", "netns", "exec", self.name, sys.executable, "-m", "microgateway_netcheck.main"),
                *("--termination-log", str(self.termination_log), *arguments),
            ],
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert done.stderr == ""
        assert done.stdout.count("\n") == 1
        return Outcome(done.returncode, json.loads(done.stdout), self.termination_log.read_text())

    @contextlib.contextmanager
    def server(self, address: str, port: int) -> Iterator[None]:
        """Another process of the pod that listens there, such as the engine on `::`."""
        code = f"""
import socket, sys
family = socket.AF_INET6 if ":" in {address!r} else socket.AF_INET
dual = {address!r} == "::"
server = socket.create_server(({address!r}, {port}), family=family, dualstack_ipv6=dual)
print("listening", flush=True)
sys.stdin.read()
"""
        command = ["ip", "netns", "exec", self.name, sys.executable, "-c", code]
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout is not None
            assert process.stdout.readline() == "listening\n"
            try:
                yield
            finally:
                process.kill()


@pytest.fixture
def pod(tmp_path: Path) -> Iterator[Pod]:
    """Without rules. Skips where namespaces cannot be made."""
    if os.geteuid() != 0:
        pytest.skip("needs root, for network namespaces")
    for program in ("ip", "nft"):
        if shutil.which(program) is None:
            pytest.skip(f"needs the program {program}")
    name = f"mg-check-{os.getpid():x}-{next(_numbers)}"
    run("ip", "netns", "add", name)
    try:
        run("ip", "-n", name, "link", "set", "lo", "up")
        yield Pod(name, tmp_path / "termination-log")
    finally:
        run("ip", "netns", "delete", name)


def run(*command: str) -> None:
    subprocess.run(command, check=True, capture_output=True, timeout=120)

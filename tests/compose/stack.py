"""The containers of one compose project."""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Callable
from typing import Any

import httpx
from pytest_docker.plugin import DockerComposeExecutor, Services


class Stack:
    """compose: runs subcommands in the project. services: knows its published ports."""

    def __init__(self, compose: DockerComposeExecutor, services: Services, project: str) -> None:
        self._compose = compose
        self._services = services
        self.project = project

    def up(self) -> None:
        self.compose("up --detach --no-build")

    def down(self) -> None:
        self.compose("down --volumes")

    def compose(self, subcommand: str) -> str:
        """The output of a subcommand; fails with it when the exit code is not 0."""
        output: bytes = self._compose.execute(subcommand)
        return output.decode()

    def client(self, service: str, port: int) -> httpx.Client:
        """A client of the port that the service publishes."""
        return httpx.Client(
            base_url=f"http://127.0.0.1:{self._services.port_for(service, port)}", timeout=5, trust_env=False
        )

    def containers(self) -> dict[str, dict[str, Any]]:
        """What `docker inspect` says of each service's container, those that ended included."""
        identifiers = docker("ps", "--all", "--quiet", "--filter", self.label).split()
        inspected = json.loads(docker("inspect", *identifiers)) if identifiers else []
        return {each["Config"]["Labels"]["com.docker.compose.service"]: each for each in inspected}

    @property
    def label(self) -> str:
        return f"label=com.docker.compose.project={self.project}"

    def eventually(self, true: Callable[[], bool], seconds: float = 60) -> None:
        """Wait until it is true, or fail with the containers' last lines."""
        deadline = time.monotonic() + seconds
        while not _holds(true):
            if time.monotonic() > deadline:
                raise AssertionError(f"not within {seconds:g} s:\n{self.compose('logs --tail=20')}")
            time.sleep(0.05)


def _holds(true: Callable[[], bool]) -> bool:
    try:
        return true()
    except httpx.TransportError:
        return False


def docker(*arguments: str) -> str:
    """The output of a docker command; CalledProcessError when it fails."""
    return subprocess.run(["docker", *arguments], check=True, capture_output=True, text=True).stdout

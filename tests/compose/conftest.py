"""The compose file as a user runs it: images built, containers up, a folder of manifests of the test's own.

docker_daemon  the machine's, or one that runs while these tests do
images         every image of this repository, built once a run
stack          the whole file up, in a project of its own, with `manifests` mounted
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from pytest_docker.plugin import DockerComposeExecutor, Services

from .stack import Stack

ROOT = Path(__file__).resolve().parents[2]


def _works(*command: str) -> bool:
    try:
        return subprocess.run(command, capture_output=True, check=False, timeout=30).returncode == 0
    except FileNotFoundError:
        return False


def _script(*command: str) -> None:
    done = subprocess.run(
        [f"scripts/{command[0]}", *command[1:]],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    print(done.stdout)
    if done.returncode != 0:
        pytest.fail(f"{' '.join(command)} failed:\n{done.stdout[-4000:]}", pytrace=False)


@pytest.fixture(scope="session")
def docker_daemon() -> Iterator[None]:
    """One that answers: the machine's, or one for this run."""
    if _works("docker", "version"):
        yield
        return
    if os.geteuid() != 0:
        pytest.skip("needs a Docker daemon, or root to start one")
    _script("docker-daemon.sh")
    yield
    _script("docker-daemon.sh", "stop")


@pytest.fixture(scope="session")
def images(docker_daemon: None) -> None:
    _script("images.sh")


@pytest.fixture(scope="session")
def docker_compose_command(images: None) -> str:
    if _works("docker", "compose", "version"):
        return "docker compose"
    if not _works("docker-compose", "version"):
        if os.geteuid() != 0:
            pytest.skip("needs docker compose, or root to install docker-compose")
        _script("system-packages.sh", "docker-compose")
    return "docker-compose"


@pytest.fixture(scope="session")
def docker_compose_file() -> str:
    return str(ROOT / "docker-compose.yml")


@pytest.fixture(scope="session")
def docker_compose_project_name() -> str:
    return f"microgateway-test-{os.getpid()}"


@pytest.fixture(scope="session")
def docker_setup() -> list[str]:
    """Nothing: `stack` starts the containers, so that what fails halfway is taken down as well."""
    return []


@pytest.fixture(scope="session")
def manifests(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the example, which a test may change."""
    folder = tmp_path_factory.mktemp("compose") / "manifests"
    shutil.copytree(ROOT / "examples/shop", folder)
    folder.chmod(0o755)  # the reconciler is another user
    return folder


@pytest.fixture(scope="session")
def environment(manifests: Path) -> Iterator[None]:
    """What the compose file reads from the environment: free ports, and the test's manifests."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MANIFESTS", str(manifests))
        patch.setenv("APPLICATION_PORT", "")
        patch.setenv("CONFIG_API_PORT", "")
        yield


@pytest.fixture(scope="session")
def stack(
    environment: None,
    docker_compose_command: str,
    docker_compose_file: str,
    docker_compose_project_name: str,
    docker_services: Services,
) -> Stack:
    compose = DockerComposeExecutor(docker_compose_command, docker_compose_file, docker_compose_project_name)
    stack = Stack(compose, docker_services, docker_compose_project_name)
    stack.up()
    return stack

"""`docker compose up`: a request passes redirect and engine, and a saved manifest takes effect."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from scripts.compile_hot_path import COMPILED

from .stack import Stack, docker

pytestmark = [pytest.mark.docker, pytest.mark.slow]

RUNNING = {"redis", "reconciler", "config-api", "pod", "engine", "application"}
COMPLETED = {"redirect", "netcheck"}

#: Longer than the example's limit of 1 KiB a parameter value, shorter than 4 KiB.
LONG_VALUE = "a" * 2000

ATTACK = "' UNION SELECT password FROM users--"


@pytest.fixture
def application(stack: Stack) -> Iterator[httpx.Client]:
    """A client of the application's published port, once the engine lets requests through."""
    with stack.client("pod", 8080) as client:
        stack.eventually(lambda: client.get("/").status_code == 200)
        yield client


@pytest.fixture
def config_api(stack: Stack) -> Iterator[httpx.Client]:
    with stack.client("config-api", 8090) as client:
        yield client


def test_a_good_request_reaches_the_application_through_the_engine(application: httpx.Client) -> None:
    answer = application.get("/hello", headers={"X-Internal": "dropped", "X-Shop-Basket": "kept"})
    assert answer.status_code == 200
    headers = answer.json()["headers"]
    # header-rewrites.yaml adds one and lets only those through that the shop knows.
    assert headers["x-shop-client"]
    assert headers["x-shop-basket"] == "kept"
    assert "x-internal" not in headers


def test_an_attack_is_refused(application: httpx.Client) -> None:
    answer = application.get("/products", params={"q": ATTACK})
    assert answer.status_code == 400


def test_the_config_api_shows_the_gateway_active_and_its_engine_in_sync(
    stack: Stack, application: httpx.Client, config_api: httpx.Client
) -> None:
    stack.eventually(lambda: _in_sync(config_api))
    gateway = config_api.get("/api/v1/gateways/shop/shop").json()
    assert gateway["phase"] == "Active"
    assert gateway["up_to_date"]
    assert config_api.get("/api/v1/engines/shop/shop-0").json()["sync"]["state"] == "in_sync"


def test_a_saved_manifest_takes_effect(stack: Stack, application: httpx.Client, manifests: Path) -> None:
    assert application.get("/products", params={"q": LONG_VALUE}).status_code == 400
    _replace(manifests / "limits.yaml", "valueLength: 1Ki", "valueLength: 4Ki")
    stack.eventually(lambda: application.get("/products", params={"q": LONG_VALUE}).status_code == 200)


def test_a_manifest_with_a_mistake_is_explained_and_changes_nothing(
    stack: Stack, application: httpx.Client, config_api: httpx.Client, manifests: Path
) -> None:
    def problems() -> Any:
        return config_api.get("/api/v1/gateways/shop/shop").json()["problems"]

    limits = manifests / "limits.yaml"
    _replace(limits, "nestingDepth: 20", "nestingDepth: deep")
    stack.eventually(lambda: bool(problems()))
    assert "nestingDepth" in str(problems())
    assert application.get("/").status_code == 200
    assert application.get("/products", params={"q": ATTACK}).status_code == 400

    _replace(limits, "nestingDepth: deep", "nestingDepth: 20")
    stack.eventually(lambda: not problems())


def test_containers_of_the_pod_start_in_order(stack: Stack, application: httpx.Client) -> None:
    containers = stack.containers()
    assert {name: _ended(containers[name]) for name in COMPLETED} == dict.fromkeys(COMPLETED, 0)
    assert {name for name, each in containers.items() if each["State"]["Running"]} == RUNNING
    order = ["redirect", "netcheck", "engine", "application"]
    started = [containers[name]["State"]["StartedAt"] for name in order]
    assert started == sorted(started)


@pytest.mark.parametrize("service", sorted(RUNNING))
def test_a_container_has_no_privileges(stack: Stack, application: httpx.Client, service: str) -> None:
    identifier = stack.containers()[service]["Id"]
    status = dict(
        line.split(":\t", 1) for line in docker("exec", identifier, "cat", "/proc/1/status").splitlines()
    )
    assert set(status["Uid"].split()) == {"65532"}
    assert int(status["CapEff"], 16) == int(status["CapBnd"], 16) == 0
    assert status["NoNewPrivs"] == "1"
    for folder in ("/", "/opt", "/var/cache", "/home"):
        with pytest.raises(subprocess.CalledProcessError) as refused:
            docker("exec", identifier, "touch", f"{folder}/written")
        assert "Read-only file system" in refused.value.stderr


def test_the_hot_path_of_the_engine_is_compiled(stack: Stack, application: httpx.Client) -> None:
    modules = [f"{package}.{each.replace('/', '.')}" for package, them in COMPILED.items() for each in them]
    asked = f"import importlib; print(*(importlib.import_module(each).__file__ for each in {modules}))"
    files = docker("exec", stack.containers()["engine"]["Id"], "python3", "-c", asked).split()
    assert [file for file in files if not file.endswith(".so")] == []
    assert len(files) == len(modules)


def test_the_redirect_has_one_capability(stack: Stack, application: httpx.Client) -> None:
    settings = stack.containers()["redirect"]["HostConfig"]
    assert settings["CapDrop"] == ["ALL"]
    assert [each.removeprefix("CAP_") for each in settings["CapAdd"]] == ["NET_ADMIN"]
    assert settings["ReadonlyRootfs"]


def test_engine_and_reconciler_survive_the_loss_of_redis(
    stack: Stack, application: httpx.Client, config_api: httpx.Client
) -> None:
    stack.compose("stop redis")
    stack.compose("restart engine")
    # From here on the engine knows only what its volume kept.
    stack.eventually(lambda: application.get("/").status_code == 200)
    assert application.get("/products", params={"q": ATTACK}).status_code == 400

    stack.compose("start redis")
    # Redis comes back empty, and is told everything again.
    stack.eventually(lambda: _in_sync(config_api))


def test_down_leaves_nothing(stack: Stack) -> None:
    assert stack.containers()
    stack.down()
    assert stack.containers() == {}
    assert docker("network", "ls", "--quiet", "--filter", stack.label) == ""
    assert docker("volume", "ls", "--quiet", "--filter", stack.label) == ""


def _in_sync(config_api: httpx.Client) -> bool:
    answer = config_api.get("/api/v1/gateways/shop/shop")
    expected = [{"namespace": "shop", "name": "shop-0", "in_sync": True}]
    return answer.status_code == 200 and answer.json()["pods"] == expected


def _replace(manifest: Path, old: str, new: str) -> None:
    text = manifest.read_text()
    assert old in text
    manifest.write_text(text.replace(old, new))


def _ended(container: dict[str, Any]) -> int | None:
    state = container["State"]
    return state["ExitCode"] if state["Status"] == "exited" else None

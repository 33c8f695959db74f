"""The pod's network as in a cluster: redirect, netcheck, then the engine in transparent mode, for a client
outside of the pod's namespace."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest
from chain import BIN, ROOT, Service, eventually
from redis import Redis

from microgateway_cli.redis_server import RedisServer

pytestmark = [
    pytest.mark.root,
    pytest.mark.skipif(os.geteuid() != 0, reason="network namespaces need root"),
    pytest.mark.skipif(shutil.which("nft") is None, reason="nft is not installed (Debian package nftables)"),
    pytest.mark.skipif(shutil.which("ip") is None, reason="ip is not installed (Debian package iproute2)"),
]

DEMO = (sys.executable, "-m", "microgateway_cli.demo_application", "--listen")

NAMESPACE = f"mgw-pod-{os.getpid()}"
POD, OUTSIDE = "10.231.77.2", "10.231.77.1"
POD6, OUTSIDE6 = "fd31:77::2", "fd31:77::1"


def run(*command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)


def in_pod(*command: str) -> list[str]:
    return ["ip", "netns", "exec", NAMESPACE, *command]


@pytest.fixture
def pod_network() -> Iterator[None]:
    """A namespace with an address of each family, joined to the machine by a veth pair."""
    inside, outside = f"mgwi{os.getpid() % 100000}", f"mgwo{os.getpid() % 100000}"
    commands = [
        f"ip netns add {NAMESPACE}",
        f"ip link add {outside} type veth peer name {inside} netns {NAMESPACE}",
        f"ip addr add {OUTSIDE}/30 dev {outside}",
        f"ip -6 addr add {OUTSIDE6}/126 dev {outside} nodad",
        f"ip link set {outside} up",
        f"ip -n {NAMESPACE} link set lo up",
        f"ip -n {NAMESPACE} addr add {POD}/30 dev {inside}",
        f"ip -n {NAMESPACE} -6 addr add {POD6}/126 dev {inside} nodad",
        f"ip -n {NAMESPACE} link set {inside} up",
    ]
    try:
        for command in commands:
            done = run(*command.split())
            assert done.returncode == 0, f"{command}: {done.stderr}"
        yield
    finally:
        run("ip", "netns", "del", NAMESPACE)
        run("ip", "link", "del", outside)


@pytest.mark.usefixtures("pod_network")
def test_inbound_traffic_of_both_families_passes_the_engine(tmp_path: Path) -> None:
    done = run(*in_pod(str(BIN / "microgateway-netcheck")))
    assert done.returncode == 10, done.stdout
    assert run(*in_pod(str(BIN / "microgateway-redirect"), "--exclude-inbound-ports", "9090")).returncode == 0
    done = run(*in_pod(str(BIN / "microgateway-netcheck")))
    assert done.returncode == 0, done.stdout

    # Redis is reached over a Unix socket, since the namespace has a network of its own; reconciler and
    # Redis stay outside.
    with RedisServer() as redis:
        bundle = _bundle_on_disk(tmp_path, redis)
        engine = Service(
            "engine",
            in_pod(
                str(BIN / "microgateway-engine"), "--pod", "shop/shop-0", "--state-dir", str(bundle),
                "--cache-dir", str(ROOT / "build"), "--redis", "redis://127.0.0.1:1", "--trust", "unsigned",
            ),
            tmp_path / "engine.log", {},
        )  # fmt: skip
        applications = [
            Service(
                f"application {port}",
                in_pod(*DEMO, f"{POD}:{port}"),
                tmp_path / f"application-{port}.log", {},
            )
            for port in (8080, 9090)
        ]  # fmt: skip
        application6 = Service(
            "application over IPv6",
            in_pod(*DEMO, f"[{POD6}]:8080"),
            tmp_path / "application6.log", {},
        )  # fmt: skip
        services = [engine, *applications, application6]
        for service in services:
            service.start()
        try:
            eventually(
                lambda: run("curl", "-sf", f"http://{POD}:19001/ready").stdout == "ready\n", "the engine"
            )
            for address in (POD, f"[{POD6}]"):
                answer = eventually(partial(_good_answer, f"http://{address}:8080/echo"), "an answer")
                assert "x-forwarded-for" in answer
                attack = f"http://{address}:8080/?q=%27%20UNION%20SELECT%20a%20FROM%20b--"
                assert (_answer(attack) or "").startswith("400 ")
            direct = eventually(partial(_good_answer, f"http://{POD}:9090/echo"), "the excluded port")
            assert "x-forwarded-for" not in direct
            assert _answer(f"http://{POD}:7070/") is None  # a port of no application is refused
            lines = [event for event in engine.events() if event.get("event", {}).get("type") == ["access"]]
            assert {line["source"]["ip"] for line in lines} == {OUTSIDE, OUTSIDE6}
            assert {line["destination"]["port"] for line in lines} == {8080}
        finally:
            for service in services:
                service.close()


def _answer(url: str) -> str | None:
    done = run("curl", "-s", "-g", "--max-time", "5", "-w", "\n%{http_code}", url)
    body, _, status = done.stdout.rpartition("\n")
    return None if done.returncode else f"{status} {body}"


def _good_answer(url: str) -> str | None:
    answer = _answer(url)
    return answer if answer is not None and answer.startswith("200 ") else None


def _bundle_on_disk(scratch: Path, redis: RedisServer) -> Path:
    """The shop's configuration as an engine of an earlier run left it."""
    state = scratch / "state"
    state.mkdir()
    reconciler = Service(
        "reconciler",
        [str(BIN / "microgateway-reconciler"), "--manifests", str(ROOT / "examples/shop"),
         "--metrics-listen", "127.0.0.1:0"],
        scratch / "reconciler.log", {"MICROGATEWAY_REDIS": redis.url, "MICROGATEWAY_TRUST": "unsigned"},
    )  # fmt: skip
    reconciler.start()
    try:
        with Redis.from_url(redis.url) as client:
            data = eventually(lambda: client.hget("mgw:shop:bundle:shop", "data"), "the bundle")
        assert isinstance(data, bytes)
        (state / "last-good.bundle").write_bytes(data)
    finally:
        reconciler.close()
    return state

"""A pod as the node makes it: the plugin's ADD, then the real engine in transparent mode and an application.

client ── veth ──► pod's address:8080 ══ redirect ══► engine ──► the same address:8080, application
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from chain import BIN, ROOT, Service, eventually
from redis import Redis
from services.cni.tests.api_server import ApiServer, pod_object
from services.cni.tests.conftest import Namespace, Network
from services.cni.tests.plugin.conftest import Plugin

from microgateway_cli.redis_server import RedisServer
from microgateway_cni.pods import PREFIX

pytestmark = pytest.mark.root

APPLICATION, EXCLUDED = 8080, 9090
ATTACK = "/?q=%27%20UNION%20SELECT%20a%20FROM%20b--"
UNSIGNED = {"MICROGATEWAY_TRUST": "unsigned"}


@pytest.fixture(scope="module")
def configuration(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The shop's configuration, as an engine of an earlier run left it in its state folder."""
    folder = tmp_path_factory.mktemp("state")
    with RedisServer() as redis:
        reconciler = Service(
            "reconciler",
            [
                *(str(BIN / "microgateway-reconciler"), "--manifests", str(ROOT / "examples/shop")),
                *("--metrics-listen", "127.0.0.1:0"),
            ],
            folder / "reconciler.log",
            {"MICROGATEWAY_REDIS": redis.url, **UNSIGNED},
        )
        reconciler.start()
        try:
            with Redis.from_url(redis.url) as client:
                data = eventually(lambda: client.hget("mgw:shop:bundle:shop", "data"), "the bundle")
        finally:
            reconciler.close()
    assert isinstance(data, bytes)
    (folder / "last-good.bundle").write_bytes(data)
    return folder


@dataclass(frozen=True)
class Pod:
    """Redirected, with a ready engine. `at`: the pod's address of each family, as in a URL."""

    network: Network
    logs: Path
    engine: Service
    services: ExitStack = field(default_factory=ExitStack)
    at: tuple[str, ...] = ("10.77.0.2", "[fd77::2]")

    def listen(self, *addresses: str, namespace: Namespace | None = None) -> None:
        """The demo application, which echoes what it saw, on each address of the pod or another namespace."""
        where = namespace or self.network.pod
        for address in addresses:
            name = f"application {where.name} {address}"
            command = [*enter(where), sys.executable, "-m", "microgateway_cli.demo_application"]
            service = Service(name, [*command, "--listen", address], self.logs / "application.log", {})
            service.start()
            self.services.callback(service.close)
            eventually(partial(get, where, f"http://{address}/"), name)

    def accesses(self) -> list[dict[str, Any]]:
        """The engine's access lines."""
        lines = self.engine.events()
        return [line for line in lines if line.get("event", {}).get("type") == ["access"]]


def enter(namespace: Namespace) -> list[str]:
    return ["ip", "netns", "exec", namespace.name]


def get(origin: Namespace, url: str) -> tuple[int, str] | None:
    """Status and body; None where no connection comes to be, or no answer."""
    command = [*enter(origin), "curl", "-s", "-g", "--max-time", "10", "-w", "\n%{http_code}", url]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    body, _, status = done.stdout.rpartition("\n")
    return None if done.returncode else (int(status), body)


def headers(answer: tuple[int, str] | None) -> dict[str, str]:
    """That the application saw."""
    assert answer is not None
    assert answer[0] == 200, answer
    found: dict[str, str] = json.loads(answer[1])["headers"]
    return found


@pytest.fixture
def pod(
    installed_plugin: Plugin, api: ApiServer, network: Network, configuration: Path, tmp_path: Path
) -> Iterator[Pod]:
    api.put(pod_object(annotations={f"{PREFIX}excludeInboundPorts": str(EXCLUDED)}))
    assert installed_plugin.run("ADD", network.pod.path).code == 0
    state = tmp_path / "state"
    state.mkdir()
    (state / "last-good.bundle").write_bytes((configuration / "last-good.bundle").read_bytes())
    engine = Service(
        "engine",
        [
            *(*enter(network.pod), str(BIN / "microgateway-engine"), "--pod", "shop/shop-0"),
            *(
                "--state-dir",
                str(state),
                "--cache-dir",
                str(ROOT / "build"),
                "--redis",
                "redis://127.0.0.1:1",
            ),
        ],
        tmp_path / "engine.log",
        UNSIGNED,
    )
    engine.start()
    with ExitStack() as services:
        services.callback(engine.close)
        made = Pod(network, tmp_path, engine, services)
        # As the kubelet probes: from outside, past the redirect.
        ready = f"http://{made.at[0]}:19001/ready"
        eventually(lambda: get(network.client, ready) == (200, "ready\n"), "the engine is ready")
        yield made


def test_an_application_on_all_addresses_is_reached_over_both_families(pod: Pod) -> None:
    pod.listen(f"0.0.0.0:{APPLICATION}", f"{pod.at[1]}:{APPLICATION}")
    for address in pod.at:
        assert "x-forwarded-for" in headers(get(pod.network.client, f"http://{address}:{APPLICATION}/echo"))
        assert (get(pod.network.client, f"http://{address}:{APPLICATION}{ATTACK}") or (0,))[0] == 400
    eventually(lambda: len(pod.accesses()) == 2 * len(pod.at), "access lines")
    lines = pod.accesses()
    assert {line["destination"]["port"] for line in lines} == {APPLICATION}
    assert {line["source"]["ip"] for line in lines} == {"10.77.0.1", "fd77::1"}


def test_an_application_on_the_pods_address_alone_is_reached(pod: Pod) -> None:
    pod.listen(*(f"{address}:{APPLICATION}" for address in pod.at))
    for address in pod.at:
        assert "x-forwarded-for" in headers(get(pod.network.client, f"http://{address}:{APPLICATION}/echo"))


def test_an_application_on_loopback_alone_stays_there(pod: Pod) -> None:
    """It is not meant for others, and the engine does not change that."""
    pod.listen(f"127.0.0.1:{APPLICATION}", f"[::1]:{APPLICATION}")
    for address, loopback in zip(pod.at, ("127.0.0.1", "[::1]"), strict=True):
        answer = get(pod.network.client, f"http://{address}:{APPLICATION}/echo")
        assert answer is not None
        assert answer[0] in (502, 503)
        assert "x-forwarded-for" not in headers(get(pod.network.pod, f"http://{loopback}:{APPLICATION}/echo"))


def test_excluded_ports_and_the_pods_own_connections_are_untouched(pod: Pod) -> None:
    pod.listen(f"0.0.0.0:{APPLICATION}", f"0.0.0.0:{EXCLUDED}", f"{pod.at[1]}:{EXCLUDED}")
    pod.listen(f"10.77.0.1:{APPLICATION}", f"[fd77::1]:{APPLICATION}", namespace=pod.network.client)
    inside, outside = pod.network.pod, pod.network.client
    direct = [get(outside, f"http://{address}:{EXCLUDED}/echo") for address in pod.at]
    # To itself, by either address, and to a server outside that has the application's port.
    direct += [get(inside, f"http://{host}:{APPLICATION}/echo") for host in ("127.0.0.1", pod.at[0])]
    direct += [get(inside, f"http://{host}:{APPLICATION}/echo") for host in ("10.77.0.1", "[fd77::1]")]
    assert ["x-forwarded-for" in headers(answer) for answer in direct] == [False] * 6
    assert pod.accesses() == []


def test_a_port_of_no_application_is_refused_by_the_engine(pod: Pod) -> None:
    pod.listen("0.0.0.0:7070")
    assert get(pod.network.client, f"http://{pod.at[0]}:7070/echo") is None


@pytest.mark.slow
def test_of_many_short_connections_the_engine_logs_each(pod: Pod) -> None:
    pod.listen(f"0.0.0.0:{APPLICATION}")
    script = (
        "import http.client, json\n"
        "seen = 0\n"
        "for number in range(3000):\n"
        f"    connection = http.client.HTTPConnection('{pod.at[0]}', {APPLICATION}, timeout=10)\n"
        "    connection.request('GET', '/echo', headers={'Connection': 'close'})\n"
        "    seen += 'x-forwarded-for' in json.loads(connection.getresponse().read())['headers']\n"
        "    connection.close()\n"
        "print(seen)"
    )
    command = [*enter(pod.network.client), sys.executable, "-c", script]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)
    assert done.stdout == "3000\n"
    eventually(lambda: len(pod.accesses()) == 3000, "3000 access lines")

"""The process as it is deployed."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest

from microgateway_cli.processes import free_port
from microgateway_cli.redis_server import RedisServer

COMMAND = Path(sys.executable).parent / "microgateway-config-api"


@pytest.fixture
def port() -> int:
    return free_port()


@pytest.fixture
def process(redis_server: RedisServer, port: int) -> Iterator[subprocess.Popen[str]]:
    # A user without password, as the server's default one, accepts any: ACL of Redis, `nopass`.
    url = f"redis://:hunter2@127.0.0.1:{redis_server.port}/0"
    running = subprocess.Popen(
        [COMMAND, "--listen", f"127.0.0.1:{port}", "--redis", url], stdout=subprocess.PIPE, text=True
    )
    yield running
    running.kill()
    running.communicate()


def status(port: int) -> int:
    """Of /readyz; 0 while nobody listens."""
    try:
        return httpx.get(f"http://127.0.0.1:{port}/readyz", timeout=5).status_code
    except httpx.TransportError:
        return 0


def eventually(condition: Callable[[], bool], seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_it_follows_redis_and_leaves_quickly(
    process: subprocess.Popen[str], redis_server: RedisServer, port: int
) -> None:
    eventually(lambda: status(port) == 200)
    redis_server.stop()
    assert status(port) == 503
    redis_server.start()
    eventually(lambda: status(port) == 200)
    httpx.get(f"http://127.0.0.1:{port}/api/v1/gateways")

    begun = time.monotonic()
    process.send_signal(signal.SIGTERM)
    output, _ = process.communicate(timeout=20)
    assert (process.returncode, time.monotonic() - begun < 10) == (0, True)
    lines = [json.loads(line) for line in output.splitlines()]
    assert {line["service"]["name"] for line in lines} == {"microgateway-config-api"}
    messages = "\n".join(line["message"] for line in lines)
    assert "redis://:***@127.0.0.1" in messages
    assert "GET /api/v1/gateways" in messages
    assert "/readyz" not in messages
    assert "hunter2" not in output
    assert "color_message" not in output


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["--listen", "nowhere"], "expected HOST:PORT, got 'nowhere'"),
        (["--redis", "http://:hunter2@x"], "got scheme 'http'"),
        (
            ["--log-level", "loud"],
            "--log-level: expected one of trace, debug, info, warn, error, critical, off, got 'loud'",
        ),
    ],
)
def test_an_invalid_flag_is_explained(flags: list[str], message: str) -> None:
    ended = subprocess.run([COMMAND, *flags], capture_output=True, text=True, timeout=120, check=False)
    assert ended.returncode == 2
    assert message in ended.stderr
    assert "hunter2" not in ended.stderr

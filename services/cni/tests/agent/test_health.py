from __future__ import annotations

import http.client
import threading
from collections.abc import Iterator

import pytest

from microgateway_cni.agent.health import Health
from microgateway_cni.agent.metrics import Metrics

reasons: list[str] = []


@pytest.fixture
def health() -> Iterator[Health]:
    with Health("127.0.0.1", 0, lambda: reasons, Metrics()) as server:
        thread = threading.Thread(target=lambda: server.serve_forever(poll_interval=0.02))
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def get(health: Health, path: str) -> tuple[int, str]:
    connection = http.client.HTTPConnection("127.0.0.1", health.server_port, timeout=5)
    connection.request("GET", path)
    response = connection.getresponse()
    text = response.read().decode()
    connection.close()
    return response.status, text


def test_readiness_says_why_not(health: Health, monkeypatch: pytest.MonkeyPatch) -> None:
    assert get(health, "/readyz") == (200, "ready\n")
    assert "microgateway_cni_ready 1\n" in get(health, "/metrics")[1]
    monkeypatch.setattr("services.cni.tests.agent.test_health.reasons", ["no primary", "no pods"])
    assert get(health, "/readyz") == (503, "no primary\nno pods\n")
    assert get(health, "/healthz")[0] == 200
    assert "microgateway_cni_ready 0\n" in get(health, "/metrics")[1]
    assert get(health, "/")[0] == 404

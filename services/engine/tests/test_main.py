"""The engine as a process: from its last good configuration, without Redis."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from engine_process import ENGINE, PATIENCE, Engine


class Application(BaseHTTPRequestHandler):
    #: One for each slow request that has come, and what they wait for.
    arrived = threading.Semaphore(0)
    answer = threading.Event()

    def do_GET(self) -> None:
        if self.path == "/slow":
            self.arrived.release()
            self.answer.wait(PATIENCE)
        self.send_response(200)
        self.send_header("Content-Length", "5")
        self.end_headers()
        self.wfile.write(b"hello")

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name of the base class
        """Tests look at the engine's log."""


@pytest.fixture
def application_port() -> Iterator[int]:
    Application.arrived, Application.answer = threading.Semaphore(0), threading.Event()
    server = ThreadingHTTPServer(("127.0.0.1", 0), Application)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield server.server_address[1]
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture(scope="session")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A cache that `microgateway-engine warm` filled, as an image build does."""
    cache = tmp_path_factory.mktemp("engine") / "cache"
    done = subprocess.run(
        [ENGINE, "--cache-dir", cache, "warm"], capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr
    assert str(cache) in done.stdout
    return cache


@pytest.fixture
def engine(tmp_path: Path, application_port: int, cache: Path) -> Iterator[Engine]:
    engine = Engine(tmp_path, application_port, cache)
    yield engine
    engine.close()


@pytest.fixture
def configured(engine: Engine) -> Engine:
    """One that has a last good configuration on its disk."""
    engine.configure()
    return engine


@pytest.mark.parametrize("workers", [1, 3])
def test_without_a_configuration_it_runs_and_is_not_ready(workers: int, engine: Engine) -> None:
    engine.workers = workers
    engine.start()
    assert engine.get(engine.probe, "/ready") == (503, b"no configuration yet\n")
    engine.until(lambda: engine.get(engine.probe, "/livez") == (200, b"alive\n"))
    assert engine.get(engine.listen, "/") is None
    metrics = engine.get(engine.metrics, "/metrics")
    assert metrics is not None
    assert b"\nmicrogateway_config_ready 0\n" in metrics[1]
    engine.signal(signal.SIGTERM)
    assert engine.wait() == 0


@pytest.mark.parametrize("workers", [1, 3])
def test_it_serves_drains_and_ends(workers: int, configured: Engine) -> None:
    engine = configured
    engine.workers = workers
    engine.start()
    engine.until(lambda: engine.get(engine.probe, "/ready") == (200, b"ready\n"))
    assert engine.get(engine.listen, "/") == (200, b"hello")
    refused = engine.get(engine.listen, "/?q=%27%20UNION%20SELECT%20a%20FROM%20b--")
    assert refused is not None
    assert refused[0] == 400
    configuration = engine.get(engine.admin, "/configuration")
    assert configuration is not None
    assert json.loads(configuration[1])["serving"]["generation"] == 5

    found: list[tuple[int, bytes] | None] = []
    slow = threading.Thread(target=lambda: found.append(engine.get(engine.listen, "/slow")))
    slow.start()
    assert Application.arrived.acquire(timeout=PATIENCE)
    engine.signal(signal.SIGTERM)
    engine.until(lambda: engine.get(engine.listen, "/late") is None)
    assert engine.get(engine.probe, "/ready") == (503, b"draining\n")
    Application.answer.set()
    slow.join(PATIENCE)
    assert found == [(200, b"hello")]
    assert engine.wait() == 0

    lines = engine.lines()
    access = [line for line in lines if line["event"]["dataset"] == "envoy.access"]
    ended = [line["airlock"]["summary"]["action"] for line in access if line["url"]["path"] != "/late"]
    assert ended == ["forwarded", "blocked", "forwarded"]
    assert lines[-1]["message"] == "stopped"


@pytest.mark.parametrize("workers", [1, 2])
def test_names_of_the_installation_are_masked(
    workers: int, configured: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MICROGATEWAY_MASK", "customerno")
    monkeypatch.setenv("MICROGATEWAY_UNMASK", "passenger")
    configured.workers = workers
    configured.start()
    configured.until(lambda: configured.get(configured.probe, "/ready") == (200, b"ready\n"))
    for name in ("oldCustomerNo", "passenger", "password"):
        refused = configured.get(configured.listen, f"/?{name}=%27%20UNION%20SELECT%20{name}s%20FROM%20b--")
        assert refused is not None
        assert refused[0] == 400
    configured.signal(signal.SIGTERM)
    assert configured.wait() == 0
    log = configured.log.read_text()
    assert "UNION SELECT passengers" in log
    assert "SELECT oldCustomerNos" not in log
    assert "SELECT passwords" not in log


@pytest.mark.parametrize("workers", [1, 3])
def test_an_interrupt_ends_it_as_well(workers: int, configured: Engine) -> None:
    configured.workers = workers
    configured.start()
    configured.signal(signal.SIGINT)
    assert configured.wait() == 0


@pytest.mark.parametrize("workers", [1, 3])
@pytest.mark.parametrize("which", ["listen", "probe", "metrics", "admin"])
def test_an_address_that_is_taken_is_named(which: str, workers: int, configured: Engine) -> None:
    configured.workers = workers
    with socket.create_server(("127.0.0.1", getattr(configured, which))):
        done = subprocess.run(
            configured.command, capture_output=True, text=True, timeout=PATIENCE, check=False
        )
    assert done.returncode == 1
    assert done.stderr == ""
    *_, last = (
        line for line in map(json.loads, done.stdout.splitlines()) if line["log"]["level"] == "critical"
    )
    assert "cannot start" in last["message"]
    assert str(getattr(configured, which)) in last["message"]
    assert "in use" in last["message"].lower()


def test_a_bad_flag_is_named() -> None:
    done = subprocess.run(
        [ENGINE, "--pod", "nonsense"], capture_output=True, text=True, timeout=PATIENCE, check=False
    )
    assert done.returncode == 2
    assert "expected NAMESPACE/NAME, got 'nonsense'" in done.stderr


def test_a_start_uses_the_cache_and_leaves_it_as_it_is(configured: Engine, cache: Path) -> None:
    before = {path: path.stat().st_mtime_ns for path in cache.rglob("*") if path.is_file()}
    assert before
    configured.start()
    configured.signal(signal.SIGTERM)
    assert configured.wait() == 0
    assert {path: path.stat().st_mtime_ns for path in cache.rglob("*") if path.is_file()} == before


@pytest.mark.parametrize(("workers", "expected"), [(1, 0), (2, 3)])
def test_one_worker_is_the_only_process(workers: int, expected: int, configured: Engine) -> None:
    configured.workers = workers
    configured.start()
    configured.until(lambda: len(configured.processes()) == expected)


@pytest.fixture
def three(configured: Engine) -> Engine:
    """Three workers that serve."""
    configured.workers = 3
    configured.start()
    configured.until(lambda: configured.samples("microgateway_workers") == {(): 3.0})
    configured.until(lambda: configured.get(configured.probe, "/ready") == (200, b"ready\n"))
    return configured


def test_what_workers_count_is_summed(three: Engine) -> None:
    for number in range(60):
        assert three.get(three.listen, f"/{number}") == (200, b"hello")
    name, labels = "envoy_http_downstream_rq_total", (("envoy_http_conn_manager_prefix", "inbound_8080"),)
    assert three.samples(name) == {labels: 60.0}
    assert three.samples("envoy_http_downstream_cx_total") == {labels: 60.0}
    (memory,) = three.samples("envoy_server_memory_allocated").values()
    assert 10e6 < memory < 1e9
    three.until(lambda: len({each["process"]["pid"] for each in three.lines() if "process" in each}) == 4)
    three.until(lambda: sum("url" in line for line in three.lines()) == 60)


def test_a_worker_that_dies_is_replaced_and_the_others_go_on(three: Engine) -> None:
    for _ in range(30):
        assert three.get(three.listen, "/") is not None
    name = "envoy_http_downstream_rq_total"
    three.until(lambda: list(three.samples(name).values()) == [30.0])  # the workers have told it
    victim = three.serving()[1]
    os.kill(victim, signal.SIGSEGV)
    three.until(lambda: victim not in three.serving())
    for _ in range(30):
        assert three.get(three.listen, "/") == (200, b"hello")
    assert three.get(three.probe, "/ready") == (200, b"ready\n")
    three.until(lambda: three.samples("microgateway_workers") == {(): 3.0})
    assert three.samples("microgateway_worker_restarts_total") == {(): 1.0}
    assert list(three.samples(name).values()) == [60.0]
    (line,) = [line for line in three.lines() if line["log"].get("level") == "error"]
    assert f"process {victim}, signal 11" in line["message"]


def test_when_all_workers_die_they_all_come_back(three: Engine) -> None:
    killed = set(three.serving())
    for pid in killed:
        os.kill(pid, signal.SIGKILL)
    three.until(lambda: len(three.serving()) == 3 and killed.isdisjoint(three.serving()))
    three.until(lambda: three.get(three.probe, "/ready") == (200, b"ready\n"))
    three.until(lambda: three.samples("microgateway_workers") == {(): 3.0})
    assert three.get(three.listen, "/") == (200, b"hello")


def test_a_worker_told_to_stop_finishes_its_requests(three: Engine) -> None:
    found: list[tuple[int, bytes] | None] = []
    slow = [threading.Thread(target=lambda: found.append(three.get(three.listen, "/slow"))) for _ in range(6)]
    for thread in slow:
        thread.start()
    for _ in slow:
        assert Application.arrived.acquire(timeout=PATIENCE)
    for pid in three.serving():
        os.kill(pid, signal.SIGTERM)
    Application.answer.set()
    for thread in slow:
        thread.join(PATIENCE)
    assert found == [(200, b"hello")] * 6
    three.until(lambda: three.get(three.listen, "/") == (200, b"hello"))


def test_workers_do_not_outlive_the_supervisor(three: Engine) -> None:
    processes = list(three.processes())
    assert len(processes) == 4
    three.signal(signal.SIGKILL)
    three.wait()
    deadline = time.monotonic() + PATIENCE
    while any(is_running(pid) for pid in processes):
        assert time.monotonic() < deadline
        time.sleep(0.02)


def is_running(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False

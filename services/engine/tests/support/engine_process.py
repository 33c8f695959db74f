"""The engine as a process, serving its last good configuration without Redis."""

from __future__ import annotations

import http.client
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import engine_configurations as configurations
from prometheus_client.parser import text_string_to_metric_families
from written import json_lines

from microgateway_cli.processes import free_port
from microgateway_common import wire
from microgateway_common.ir.gateway import GatewayConfig
from microgateway_common.names import Generation
from microgateway_engine.config.disk import LastGood

PATIENCE = 60.0
ENGINE = Path(sys.executable).parent / "microgateway-engine"


class Engine:
    def __init__(self, scratch: Path, application_port: int, cache: Path) -> None:
        self.workers = 1
        self.redis = f"redis://127.0.0.1:{free_port()}"
        self._cache = cache
        self.state = scratch / "state"
        self.listen, self.probe, self.metrics, self.admin = (free_port() for _ in range(4))
        self.log = scratch / "engine.log"
        self._application_port = application_port
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def command(self) -> list[str]:
        return [
            str(ENGINE), "--pod", "shop/a", "--state-dir", str(self.state),
            "--listen", f"127.0.0.1:{self.listen}", "--upstream", f"127.0.0.1:{self._application_port}",
            "--application-port", str(configurations.PORT), "--redis", self.redis,
            "--workers", str(self.workers), "--trust", "unsigned",
            "--probe-listen", f"127.0.0.1:{self.probe}", "--metrics-listen", f"127.0.0.1:{self.metrics}",
            "--admin-listen", f"127.0.0.1:{self.admin}", "--drain-seconds", "5",
            "--cache-dir", str(self._cache),
        ]  # fmt: skip

    def configure(self, config: GatewayConfig | None = None) -> None:
        """What it finds on its disk, generation 5."""
        config = config or configurations.gateway_config()
        data = wire.pack(config.gateway, Generation(5), wire.encode(config), wire.LeaveUnsigned())
        LastGood(self.state).save(data)

    def resident(self) -> int:
        """Bytes of memory that its process takes."""
        assert self._process is not None
        status = Path(f"/proc/{self._process.pid}/status").read_text()
        return int(status.partition("VmRSS:")[2].split()[0]) * 1024

    def start(self) -> None:
        with self.log.open("wb") as log:
            self._process = subprocess.Popen(self.command, stdout=log, stderr=subprocess.STDOUT)
        self.until(lambda: self.get(self.probe, "/ready") is not None)

    def until(self, condition: Callable[[], bool]) -> None:
        deadline = time.monotonic() + PATIENCE
        while not condition():
            assert time.monotonic() < deadline, self.log.read_text()
            assert self._process is None or self._process.poll() is None, self.log.read_text()
            time.sleep(0.01)

    def get(self, port: int, path: str) -> tuple[int, bytes] | None:
        """Status and body; None when nobody listens."""
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
        try:
            connection.request("GET", path, headers={"Host": "shop"})
            response = connection.getresponse()
            return response.status, response.read()
        except ConnectionRefusedError:
            return None
        finally:
            connection.close()

    def samples(self, name: str) -> dict[tuple[tuple[str, str], ...], float]:
        """Values of a metric by its labels."""
        answer = self.get(self.metrics, "/metrics")
        assert answer is not None
        return {
            tuple(sorted(sample.labels.items())): sample.value
            for family in text_string_to_metric_families(answer[1].decode())
            for sample in family.samples
            if sample.name == name
        }

    def processes(self) -> dict[int, int]:
        """Parent of each of the engine's processes."""
        assert self._process is not None
        found: dict[int, int] = {}
        parents = [self._process.pid]
        while parents:
            parent = parents.pop()
            try:
                texts = [(task / "children").read_text() for task in Path(f"/proc/{parent}/task").iterdir()]
            except (FileNotFoundError, ProcessLookupError):
                continue  # it ended while we looked
            children = [int(each) for text in texts for each in text.split()]
            found.update(dict.fromkeys(children, parent))
            parents += children
        return found

    def serving(self) -> list[int]:
        """Processes of the workers."""
        assert self._process is not None
        return [pid for pid, parent in self.processes().items() if parent != self._process.pid]

    def signal(self, number: signal.Signals) -> None:
        assert self._process is not None
        self._process.send_signal(number)

    def wait(self) -> int:
        assert self._process is not None
        return self._process.wait(PATIENCE)

    def close(self) -> None:
        if self._process is not None and self._process.poll() is None:
            self._process.kill()
            self._process.wait()

    def lines(self) -> list[dict[str, Any]]:
        return json_lines(self.log)

"""The chain as real processes, to be killed and brought back: Redis, application, reconciler, engine."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar

import httpx
from written import whole_lines

from microgateway_cli.processes import free_port
from microgateway_cli.redis_server import RedisServer

ROOT = Path(__file__).resolve().parents[2]
BIN = Path(sys.executable).parent

#: Seconds in which anything that should happen must have happened, also on a busy machine.
PATIENCE = 60.0

#: Seconds in which a process that was told to end must have ended: what Kubernetes leaves a pod.
ENDING = 30.0

#: Seconds until an engine is ready: the first one of a run compiles all rules.
COLD_START = 180.0

T = TypeVar("T")


def eventually(look: Callable[[], T | None], what: str, patience: float = PATIENCE) -> T:
    """The first value that is neither None nor False; fails when it takes too long."""
    deadline = time.monotonic() + patience
    while time.monotonic() < deadline:
        value = look()
        if value is not None and value is not False:
            return value
        time.sleep(0.01)
    raise AssertionError(f"waited {patience:g} s in vain: {what}")


class Service:
    """One process, started and ended at will, its output in a file."""

    def __init__(self, name: str, command: list[str], log: Path, environment: Mapping[str, str]) -> None:
        self.name = name
        self.command = command
        self._environment = environment
        self.log = log
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    def start(self) -> None:
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                self.command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env={**os.environ, **self._environment},
            )

    def end(self, number: signal.Signals) -> int:
        """Send the signal and wait for the end. The exit code."""
        assert self._process is not None
        self._process.send_signal(number)
        code = self._process.wait(ENDING)
        self._process = None
        return code

    def close(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def events(self) -> Iterator[dict[str, Any]]:
        """JSON lines it has written so far."""
        for line in whole_lines(self.log):
            try:
                event = json.loads(line)
            except ValueError:
                continue
            if isinstance(event, dict):
                yield event

    def messages(self) -> list[str]:
        return [str(event.get("message", "")) for event in self.events()]

    def resident_bytes(self) -> int:
        status = Path(f"/proc/{self.pid}/status").read_text()
        (line,) = (line for line in status.splitlines() if line.startswith("VmRSS:"))
        return int(line.split()[1]) * 1024


class Chain:
    """manifests: a folder that tests write to; it begins as a copy of `source`."""

    def __init__(self, scratch: Path, source: Path, pod: str = "shop/shop-0") -> None:
        self.manifests = scratch / "manifests"
        shutil.copytree(source, self.manifests)
        self.redis = RedisServer()
        self.port = free_port()
        self.probe = free_port()
        self.metrics = free_port()
        self.admin = free_port()
        self.application_port = free_port()
        environment = {"MICROGATEWAY_REDIS": self.redis.url, "MICROGATEWAY_TRUST": "unsigned"}
        self.application = Service(
            "application",
            [sys.executable, "-m", "microgateway_cli.demo_application",
             "--listen", f"127.0.0.1:{self.application_port}"],
            scratch / "application.log", {},
        )  # fmt: skip
        self._scratch = scratch
        self.reconciler = self.another_reconciler()
        self.engine = Service(
            "engine",
            [str(BIN / "microgateway-engine"), "--pod", pod,
             "--listen", f"127.0.0.1:{self.port}", "--upstream", f"127.0.0.1:{self.application_port}",
             "--application-port", "8080", "--state-dir", str(scratch / "state"),
             "--cache-dir", str(ROOT / "build"), "--probe-listen", f"127.0.0.1:{self.probe}",
             "--metrics-listen", f"127.0.0.1:{self.metrics}", "--admin-listen", f"127.0.0.1:{self.admin}",
             "--drain-seconds", "5"],
            scratch / "engine.log", environment,
        )  # fmt: skip
        self._client = httpx.Client(timeout=30)

    def another_reconciler(self) -> Service:
        """One that is not started yet, with the same manifests and the same Redis."""
        number = len(list(self._scratch.glob("reconciler-*.log")))
        log = self._scratch / f"reconciler-{number}.log"
        log.touch()
        return Service(
            "reconciler",
            [str(BIN / "microgateway-reconciler"), "--manifests", str(self.manifests),
             "--metrics-listen", f"127.0.0.1:{free_port()}"],
            log, {"MICROGATEWAY_REDIS": self.redis.url, "MICROGATEWAY_TRUST": "unsigned"},
        )  # fmt: skip

    @property
    def services(self) -> list[Service]:
        return [self.application, self.reconciler, self.engine]

    def __enter__(self) -> Self:
        try:
            self.redis.start()
            for service in self.services:
                service.start()
            self.await_ready()
        except BaseException as error:
            self.__exit__(type(error), error, None)
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is not None:
            for service in self.services:
                print(f"--- {service.name}", *service.log.read_text().splitlines()[-15:], sep="\n")
        for service in self.services:
            service.close()
        self.redis.close()
        self._client.close()

    def await_ready(self) -> None:
        eventually(self.is_ready, "the engine to be ready", COLD_START)

    def is_ready(self) -> bool:
        try:
            return self._client.get(f"http://127.0.0.1:{self.probe}/ready").status_code == 200
        except httpx.TransportError:
            return False

    def get(self, path: str, **options: Any) -> httpx.Response:
        return self._client.get(f"http://127.0.0.1:{self.port}{path}", **options)

    def post(self, path: str, **options: Any) -> httpx.Response:
        return self._client.post(f"http://127.0.0.1:{self.port}{path}", **options)

    def acknowledged(self) -> dict[str, Any]:
        """What the engine serves, from its admin port."""
        answer: dict[str, Any] = self._client.get(f"http://127.0.0.1:{self.admin}/configuration").json()
        return answer

    def generation(self) -> int:
        return int(self.acknowledged()["serving"].get("generation", 0))

    def metric(self, line_start: str) -> float:
        """A sample by the beginning of its line; 0 when it is not there."""
        for line in self._client.get(f"http://127.0.0.1:{self.metrics}/metrics").text.splitlines():
            if line.startswith(line_start):
                return float(line.rsplit(" ", 1)[1])
        return 0.0

    def write(self, name: str, text: str) -> None:
        (self.manifests / name).write_text(text)

    def set_marker(self, value: str) -> None:
        """A change that shows in every response: the header X-Marker."""
        self.write("marker.yaml", MARKER.format(value=value))

    def marker(self) -> str | None:
        marker: str | None = self.get("/products").headers.get("x-marker")
        return marker

    def await_marker(self, value: str, patience: float = PATIENCE) -> None:
        eventually(lambda: self.marker() == value, f"responses to have the marker {value}", patience)


#: HeaderRewrites that replace those of the example: `use_marker` makes the policy refer to them.
MARKER = """\
apiVersion: microgateway.airlock.com/v1alpha1
kind: HeaderRewrites
metadata: {{name: marker, namespace: shop}}
spec:
  response:
    add:
      custom:
        - name: marker
          mode: OverwriteOrAdd
          headers: [{{name: X-Marker, value: "{value}"}}]
"""


def use_marker(chain: Chain) -> None:
    """Let the shop's policy add the marker to responses."""
    chain.set_marker("0")
    policy = chain.manifests / "content-security.yaml"
    policy.write_text(
        policy.read_text().replace(
            "headerRewritesRef:\n    name: shop", "headerRewritesRef:\n    name: marker"
        )
    )
    chain.await_marker("0")

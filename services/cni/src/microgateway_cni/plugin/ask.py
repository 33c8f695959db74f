"""Who knows the pod: the node's agent over its Unix socket, else the API server.

One JSON line each way. To the agent `{"namespace": …, "name": …, "uid": …}`; back one of
`{"answer": "pod", "pod": …}` (`pods.to_wire`), `{"answer": "missing"}`,
`{"answer": "unknown", "reason": …}`.
"""

from __future__ import annotations

import json
import socket
from pathlib import Path

from microgateway_cni.pods import from_object, from_wire

from .decide import Answer, Known, Missing, NobodyKnows, Question
from .settings import Settings

#: The agent answers from memory, or after one call to the API server of its own (`_API_SECONDS`).
_AGENT_SECONDS = 4.0
_API_SECONDS = 3.0
#: A pod is at most 1.5 MiB in etcd, and its labels, annotations and names are less.
_ANSWER_BYTES = 2 * 1024 * 1024


def ask(question: Question, settings: Settings) -> Answer:
    """Never fails: what went wrong is in NobodyKnows."""
    answer = ask_agent(question, settings.agent_socket)
    match answer:
        case Known() | Missing():
            return answer
        case NobodyKnows(reason):
            fallback = ask_api_server(question, settings.kubeconfig)
            if isinstance(fallback, NobodyKnows):
                return NobodyKnows(f"{reason}; {fallback.reason}")
            return fallback


def ask_agent(question: Question, path: Path) -> Answer:
    line = json.dumps({"namespace": question.namespace, "name": question.name, "uid": question.uid})
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
            connection.settimeout(_AGENT_SECONDS)
            connection.connect(str(path))
            connection.sendall(line.encode() + b"\n")
            return _read_answer(_receive_line(connection))
    except (OSError, ValueError) as error:
        return NobodyKnows(f"agent at {path}: {error}")


def ask_api_server(question: Question, kubeconfig: Path) -> Answer:
    # 25 ms of imports (http.client, ssl) that only this path needs.
    from microgateway_cni.kube.access import from_kubeconfig
    from microgateway_cni.kube.client import Client, KubeError, NotFound

    try:
        client = Client(from_kubeconfig(kubeconfig), seconds=_API_SECONDS)
        return Known(from_object(client.get(f"/api/v1/namespaces/{question.namespace}/pods/{question.name}")))
    except NotFound:
        return Missing()
    except (KubeError, OSError, ValueError) as error:
        return NobodyKnows(f"API server: {error}")


def _receive_line(connection: socket.socket) -> bytes:
    received = b""
    while not received.endswith(b"\n"):
        chunk = connection.recv(65536)
        if not chunk:
            raise ValueError("expected a line, got the end of the connection")
        received += chunk
        if len(received) > _ANSWER_BYTES:
            raise ValueError(f"expected a line of at most {_ANSWER_BYTES} bytes, got more")
    return received


def _read_answer(line: bytes) -> Answer:
    raw = json.loads(line)
    match raw:
        case {"answer": "pod", "pod": dict(pod)}:
            return Known(from_wire(pod))
        case {"answer": "missing"}:
            return Missing()
        case {"answer": "unknown", "reason": str(reason)}:
            return NobodyKnows(f"agent: {reason}")
        case _:
            raise ValueError(f"expected an answer, got {line[:256]!r}")

"""The pages of the health port at which the kubelet asks."""

from __future__ import annotations

from typing import assert_never

from microgateway_engine.admin import Answer, Page
from microgateway_engine.http.messages import RequestHead

from .outcomes import Failed, Succeeded
from .prober import Prober

#: As the kubelet calls itself, without a version of its own.
AGENT = "kube-probe/"


def pages(prober: Prober) -> dict[str, Page]:
    """One for each probe: 200 when it succeeds, else the application's status or 503, and why."""

    def page(path: str) -> Page:
        async def answer(head: RequestHead) -> Answer:
            match await prober.run(path, _agent(head)):
                case Succeeded():
                    return Answer(200, b"ok\n")
                case Failed(reason, status):
                    return Answer(status, f"{reason}\n".encode())
                case unknown:
                    assert_never(unknown)

        return answer

    return {path: page(path) for path in prober.probes}


def _agent(head: RequestHead) -> str:
    for name, value in head.headers:
        if name == b"user-agent" and value:
            return value.decode("latin-1")
    return AGENT

from __future__ import annotations

import urllib.request
from urllib.error import HTTPError

from microgateway_common.settings import Address
from microgateway_reconciler.metrics import Metrics


def test_it_is_alive_before_it_is_ready_and_says_why() -> None:
    reasons = ["the pods have not been listed yet"]
    metrics = Metrics("1.2.3")
    server = metrics.serve(Address("127.0.0.1", 0), lambda: reasons[0])

    def ask(path: str) -> tuple[int, str]:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{server.server_port}{path}", timeout=10) as answer:
                return answer.status, answer.read().decode()
        except HTTPError as refused:
            with refused:
                return refused.code, refused.read().decode()

    try:
        assert ask("/livez") == (200, "ok\n")
        assert ask("/readyz") == (503, "the pods have not been listed yet\n")
        reasons[0] = ""
        assert ask("/readyz") == (200, "ok\n")
        assert "microgateway_build_info" in ask("/metrics")[1]
    finally:
        server.shutdown()
        server.server_close()

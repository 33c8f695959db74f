"""What a kubelet asks: `/livez`, and `/readyz` with the reason while it is not ready."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment


def with_health(others: WSGIApplication, not_ready: Callable[[], str]) -> WSGIApplication:
    """others: who answers everything else. not_ready: why it is not, empty when it is."""

    def answer(environment: WSGIEnvironment, start: StartResponse) -> Iterable[bytes]:
        match environment.get("PATH_INFO"):
            case "/livez":
                reason = ""
            case "/readyz":
                reason = not_ready()
            case _:
                return others(environment, start)
        body = f"{reason or 'ok'}\n".encode()
        headers = [("Content-Type", "text/plain; charset=utf-8"), ("Content-Length", str(len(body)))]
        start("503 Service Unavailable" if reason else "200 OK", headers)
        return [body]

    return answer

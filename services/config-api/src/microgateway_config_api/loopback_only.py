"""Where nobody is asked who they are, only whoever calls us by a name of the loopback is answered.

A page of anybody's can make its name lead a browser to 127.0.0.1 and read what is answered there (DNS
rebinding). The browser then sends that name as Host.
"""

from __future__ import annotations

from ipaddress import ip_address

from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.types import ASGIApp, Receive, Scope, Send

from . import problem_details
from .problem_details import MisdirectedError


class LoopbackOnly:
    """Middleware that answers 421 under any other name (RFC 9110 section 15.5.20)."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            host = Headers(scope=scope).get("host", "")
            if not names_loopback(host):
                error = MisdirectedError(f"Host: expected localhost or a loopback address, got {host[:64]!r}")
                await problem_details.answer(Request(scope), error)(scope, receive, send)
                return
        await self._app(scope, receive, send)


def names_loopback(host: str) -> bool:
    """A Host field, with or without a port. Without the field it is nobody's browser."""
    name, _, port = host.rpartition(":")
    if not port.isdecimal():
        name = host
    if not host or name.lower() == "localhost":
        return True
    try:
        return ip_address(name[1:-1] if name.startswith("[") and name.endswith("]") else name).is_loopback
    except ValueError:
        return False

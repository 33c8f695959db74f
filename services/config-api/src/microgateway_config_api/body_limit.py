"""No request has a larger body than a dry run of many manifests needs."""

from __future__ import annotations

from typing import Final

from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from . import problem_details
from .problem_details import TooLargeError

#: Bytes. etcd takes objects of 1.5 MB; people write such of some kilobytes.
LARGEST_BODY: Final = 2 * 1024 * 1024


class BodyLimit:
    """Middleware that reads bodies whole, as all endpoints do, and answers those that are too large."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["method"] in ("GET", "HEAD"):
            await self._app(scope, receive, send)
            return
        body = b""
        while True:
            message = await receive()
            if message["type"] != "http.request":
                return  # the client has gone
            body += message.get("body", b"")
            if len(body) > LARGEST_BODY:
                error = TooLargeError(f"body: expected at most {LARGEST_BODY} bytes, got more")
                await problem_details.answer(Request(scope), error)(scope, receive, send)
                return
            if not message.get("more_body", False):
                break
        waiting: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

        async def again() -> Message:
            return waiting.pop() if waiting else await receive()

        await self._app(scope, again, send)

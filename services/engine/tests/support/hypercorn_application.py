"""A real server of HTTP/1.1 and HTTP/2: here without TLS, or a process of its own with it."""

from __future__ import annotations

import asyncio
import socket
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from certificates import self_signed
from hypercorn.asyncio import serve
from hypercorn.config import Config

from microgateway_cli.processes import free_port
from microgateway_common.settings import Address


@asynccontextmanager
async def hypercorn() -> AsyncIterator[Address]:
    """It answers with version, method, path and body, in two pieces."""

    async def app(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            return
        body = b""
        while True:
            event = await receive()
            body += event["body"]
            if not event["more_body"]:
                break
        answer = f"{scope['http_version']} {scope['method']} {scope['path']}\n".encode()
        fields = [(b"content-type", b"text/plain")]
        await send({"type": "http.response.start", "status": 200, "headers": fields})
        await send({"type": "http.response.body", "body": answer, "more_body": True})
        await send({"type": "http.response.body", "body": body})

    with socket.create_server(("127.0.0.1", 0)) as listening:
        address = Address(*listening.getsockname())
        config = Config()
        config.bind = [f"fd://{listening.fileno()}"]
        config.loglevel = "CRITICAL"
        stop = asyncio.Event()
        serving = asyncio.ensure_future(serve(app, config, shutdown_trigger=stop.wait))
        try:
            yield address
        finally:
            stop.set()
            await serving
            listening.detach()


@asynccontextmanager
async def hypercorn_over_tls(folder: Path, application: str) -> AsyncIterator[Address]:
    """application: the source of a module with an `app`. It may not listen yet."""
    (folder / "both.py").write_text(application)
    chain, key = self_signed("application").files(folder, "application")
    port = free_port()
    options = ["--bind", f"127.0.0.1:{port}", "--certfile", str(chain), "--keyfile", str(key)]
    options += ["--workers", "0"]  # none that would outlive the process that is ended
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "hypercorn", "both:app", *options, cwd=folder, stderr=subprocess.DEVNULL
    )
    try:
        yield Address("127.0.0.1", port)
    finally:
        process.kill()
        await process.wait()

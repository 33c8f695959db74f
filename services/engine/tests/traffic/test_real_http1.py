"""HTTP/1.1 between clients and application servers that people use."""

from __future__ import annotations

import asyncio
import hashlib
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path

import aiohttp
import httpx
import pytest
from running_gateway import Gateway, StartGateway, eventually

from microgateway_cli.processes import free_port
from microgateway_common.settings import Address

#: An ASGI application: what came as JSON, a body back in pieces, and a response without a length.
APPLICATION = """
import hashlib, json

async def app(scope, receive, send):
    assert scope["type"] == "http"
    size, digest = 0, hashlib.sha256()
    while True:
        message = await receive()
        piece = message.get("body", b"")
        size += len(piece)
        digest.update(piece)
        if not message.get("more_body"):
            break
    if scope["path"] == "/open/pieces":
        await send({"type": "http.response.start", "status": 200, "headers": []})
        for number in range(50):
            await send({"type": "http.response.body", "body": b"%d " % number, "more_body": True})
        await send({"type": "http.response.body", "body": b""})
        return
    body = json.dumps({
        "method": scope["method"], "path": scope["path"], "query": scope["query_string"].decode(),
        "size": size, "digest": digest.hexdigest(),
        "forwarded": dict(scope["headers"]).get(b"x-forwarded-for", b"").decode(),
    }).encode()
    await send({"type": "http.response.start", "status": 200, "headers": [
        (b"content-type", b"application/json"), (b"content-length", b"%d" % len(body))]})
    await send({"type": "http.response.body", "body": body})
"""

NGINX_PROGRAM = "/usr/sbin/nginx"
NGINX = """
daemon off; master_process off; pid {directory}/nginx.pid; error_log {directory}/error.log;
events {{ worker_connections 256; }}
http {{
  access_log off; client_body_temp_path {directory}; proxy_temp_path {directory};
  fastcgi_temp_path {directory}; uwsgi_temp_path {directory}; scgi_temp_path {directory};
  server {{
    listen 127.0.0.1:{port};
    location /open/pieces {{ proxy_pass http://127.0.0.1:{behind}; proxy_buffering off; }}
    location / {{
      proxy_pass http://127.0.0.1:{behind}; proxy_set_header X-Forwarded-For $http_x_forwarded_for;
    }}
  }}
}}
"""


@dataclass
class Server:
    address: Address
    process: asyncio.subprocess.Process


Start = Callable[[str], Awaitable[Address]]


@pytest.fixture
async def start(tmp_path: Path) -> AsyncIterator[Start]:
    """Starts an application server by its name."""
    (tmp_path / "application.py").write_text(APPLICATION)
    async with AsyncExitStack() as stack:

        async def run(port: int, *command: str) -> Address:
            with (tmp_path / "server.log").open("ab") as log:
                process = await asyncio.create_subprocess_exec(
                    *command, cwd=tmp_path, stdout=log, stderr=subprocess.STDOUT
                )
            stack.push_async_callback(_end, process)
            await eventually(lambda: _listens(port), "the server")
            return Address("127.0.0.1", port)

        async def start(name: str) -> Address:
            port = free_port()
            match name:
                case "uvicorn":
                    options = ["--port", str(port), "--log-level", "warning", "--http", "h11"]
                    return await run(port, sys.executable, "-m", "uvicorn", "application:app", *options)
                case "hypercorn":
                    # No workers of its own, which would outlive the process that is ended.
                    options = ["--bind", f"127.0.0.1:{port}", "--workers", "0"]
                    return await run(port, sys.executable, "-m", "hypercorn", "application:app", *options)
                case "nginx":
                    if not Path(NGINX_PROGRAM).exists():
                        pytest.skip(f"needs {NGINX_PROGRAM}")
                    behind = (await start("uvicorn")).port
                    configuration = tmp_path / "nginx.conf"
                    text = NGINX.format(directory=tmp_path, port=port, behind=behind)
                    configuration.write_text(text)
                    return await run(port, NGINX_PROGRAM, "-c", str(configuration), "-p", str(tmp_path))
                case _:
                    raise ValueError(name)

        yield start


async def _end(process: asyncio.subprocess.Process) -> None:
    process.kill()
    await process.wait()


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


async def with_httpx(url: str, body: bytes | None) -> bytes:
    async with httpx.AsyncClient(timeout=60, trust_env=False) as client:
        answer = await client.request("GET" if body is None else "POST", url, content=body)
        assert answer.status_code == 200
        return answer.content


async def with_aiohttp(url: str, body: bytes | None) -> bytes:
    async def pieces() -> AsyncIterator[bytes]:
        for at in range(0, len(body or b""), 10_000):
            yield (body or b"")[at : at + 10_000]

    async with (
        aiohttp.ClientSession() as session,
        session.request(
            "GET" if body is None else "POST", url, data=None if body is None else pieces()
        ) as answer,
    ):
        assert answer.status == 200
        return await answer.read()


async def with_curl(url: str, body: bytes | None) -> bytes:
    given = [] if body is None else ["--data-binary", "@-", "-H", "Content-Type: application/octet-stream"]
    process = await asyncio.create_subprocess_exec(
        "curl", "-sS", "--fail", "--noproxy", "*", *given, url,
        stdin=subprocess.PIPE, stdout=subprocess.PIPE,
    )  # fmt: skip
    out, _ = await process.communicate(body)
    assert process.returncode == 0
    return out


@pytest.mark.parametrize("server", ["uvicorn", "hypercorn", "nginx"])
async def test_clients_and_servers(server: str, start: Start, start_gateway: StartGateway) -> None:
    gateway: Gateway = await start_gateway(await start(server))
    base = f"http://{gateway.address}"
    body = bytes(range(256)) * 2000
    expected = hashlib.sha256(body).hexdigest().encode()
    for client in (with_httpx, with_aiohttp, with_curl):
        small = await client(f"{base}/open/a?b=c", None)
        assert b'"path": "/open/a", "query": "b=c", "size": 0' in small
        assert b'"forwarded": "127.0.0.1"' in small
        answer = await client(f"{base}/open/upload", body)
        assert b'"size": 512000' in answer
        assert expected in answer
        assert await client(f"{base}/open/pieces", None) == b"".join(b"%d " % each for each in range(50))
    assert len(await gateway.log(9)) == 9

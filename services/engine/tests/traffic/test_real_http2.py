"""Clients that people use, over HTTP/2 without TLS."""

from __future__ import annotations

import asyncio
import shutil
from pathlib import Path

import engine_configurations as configurations
import httpx
import pytest
from hypercorn_application import hypercorn
from running_gateway import Gateway, StartGateway
from scripted_origin import StartOrigin

from microgateway_common.ir.gateway import AutoProtocol, Http2Protocol, Protocol

CURL = shutil.which("curl")
H2 = Http2Protocol(allow_connect=False)
AUTO = AutoProtocol(allow_connect=False)

needs_curl = pytest.mark.skipif(CURL is None, reason="curl is not installed")


async def curl(gateway: Gateway, path: str, *more: str) -> tuple[str, bytes]:
    """HTTP version with status, and the body."""
    process = await asyncio.create_subprocess_exec(
        str(CURL), "--silent", "--max-time", "10", "--http2-prior-knowledge",
        "--no-progress-meter",
        "--write-out", "%{stderr}%{http_version} %{http_code} ", *more, f"http://{gateway.address}{path}",
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    body, said = await process.communicate()
    return said.decode().strip(), body


@needs_curl
async def test_curl(start_origin: StartOrigin, start_gateway: StartGateway, tmp_path: Path) -> None:
    gateway = await start_gateway((await start_origin()).address)
    assert await curl(gateway, "/a?b=c") == ("2 200", b"/a?b=c\n")
    upload = tmp_path / "upload"
    upload.write_bytes(b"tea " * 500_000)
    said, body = await curl(gateway, "/open", "--upload-file", str(upload))
    assert (said, body) == ("2 200", b"/open\n" + upload.read_bytes())
    said, _ = await curl(gateway, "/?q=%27%20UNION%20SELECT%20a%20FROM%20b--")
    assert said == "2 400"


@needs_curl
async def test_curl_with_many_requests_at_once(
    start_origin: StartOrigin, start_gateway: StartGateway
) -> None:
    gateway = await start_gateway((await start_origin()).address)
    paths = [f"http://{gateway.address}/{number}" for number in range(20)]
    said, body = await curl(gateway, "/last", "--parallel", "--parallel-immediate", *paths)
    assert said.split().count("200") == 21
    assert sorted(body.split()) == sorted([b"/last", *(b"/%d" % number for number in range(20))])


@pytest.mark.parametrize("upstream", [AUTO, H2], ids=["to HTTP/1.1", "to HTTP/2"])
@pytest.mark.parametrize("version", ["HTTP/1.1", "HTTP/2"])
async def test_httpx(version: str, upstream: Protocol, start_gateway: StartGateway) -> None:
    async with hypercorn() as address:
        config = configurations.gateway_config(configurations.application(upstream_protocol=upstream))
        gateway = await start_gateway(address, config)
        multiplexed = version == "HTTP/2"
        async with httpx.AsyncClient(
            http1=not multiplexed, http2=multiplexed, base_url=f"http://{gateway.address}", trust_env=False
        ) as client:
            answers = await asyncio.gather(
                *(client.put(f"/open/{number}", content=b"x" * number * 10_000) for number in range(20))
            )
        spoken = "2" if upstream is H2 else "1.1"
        for number, answer in enumerate(answers):
            assert (answer.status_code, answer.http_version) == (200, version)
            assert answer.content == f"{spoken} PUT /open/{number}\n".encode() + b"x" * number * 10_000

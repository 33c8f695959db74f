from __future__ import annotations

import asyncio
import signal
import socket
import sys
import time

import pytest

from microgateway_cli import processes
from microgateway_cli.processes import Child, free_port


async def start(code: str) -> Child:
    return await Child.start("child", [sys.executable, "-u", "-c", code], {"MESSAGE": "hello"})


async def test_its_lines_are_read_until_it_ends() -> None:
    child = await start("import os, sys; print(os.environ['MESSAGE']); print('bye', file=sys.stderr)")
    assert [line async for line in child.lines()] == ["hello", "bye"]
    assert await child.wait() == 0
    assert not child.running


async def test_a_line_that_is_too_long_is_skipped() -> None:
    child = await start("print('x' * 3_000_000); print('next')")
    lines = [line async for line in child.lines()]
    assert lines[-1] == "next"
    assert await child.wait() == 0


async def test_stop_asks_first_and_kills_who_does_not_listen() -> None:
    polite = await start("import time; time.sleep(60)")
    await polite.stop(10)
    assert await polite.wait() == -signal.SIGTERM

    stubborn = await start(
        "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('deaf'); time.sleep(60)"
    )
    async for _ in stubborn.lines():
        break
    started = time.monotonic()
    await stubborn.stop(0.2)
    assert await stubborn.wait() == -signal.SIGKILL
    assert time.monotonic() - started < 30


async def test_stopping_what_has_ended_is_nothing() -> None:
    child = await start("")
    await child.wait()
    async with asyncio.timeout(30):
        await child.stop(60)


def test_a_free_port_is_given_once_and_never_to_a_connection() -> None:
    given = {free_port() for _ in range(500)}
    assert len(given) == 500
    assert max(given) < 32_768


def test_a_port_that_somebody_listens_on_is_not_free(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("", 0)) as listening:
        free = free_port()
        monkeypatch.setattr(processes, "_candidates", iter([listening.getsockname()[1], free]))
        assert free_port() == free

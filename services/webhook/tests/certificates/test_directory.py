from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from microgateway_webhook.certificates.authority import CertificateError, KeyPair
from microgateway_webhook.certificates.directory import follow, read_pair
from microgateway_webhook.certificates.life import Policy, first


def write(folder: Path, pair: KeyPair) -> KeyPair:
    (folder / "tls.crt").write_bytes(pair.certificate)
    (folder / "tls.key").write_bytes(pair.key)
    return pair


def pair() -> KeyPair:
    return first(Policy(("localhost",)), datetime.now(UTC)).serving


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not condition():  # noqa: ASYNC110 - a log line and a list have no event to wait for
            await asyncio.sleep(0.01)


async def test_a_new_pair_is_shown_and_a_broken_one_is_not(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    known = write(tmp_path, pair())
    shown: list[KeyPair] = []
    following = asyncio.create_task(follow(tmp_path, known, shown.append, interval=0.01))
    (tmp_path / "tls.key").write_bytes(b"half")
    await until(lambda: "the certificate stays as it is" in caplog.text)
    assert shown == []
    renewed = write(tmp_path, pair())
    await until(lambda: bool(shown))
    following.cancel()
    assert shown == [renewed]


def test_an_unreadable_folder(tmp_path: Path) -> None:
    with pytest.raises(OSError, match=r"tls\.crt"):
        read_pair(tmp_path)
    write(tmp_path, KeyPair(b"x", b"y"))
    with pytest.raises(CertificateError):
        read_pair(tmp_path)

from __future__ import annotations

from itertools import islice
from pathlib import Path

import pytest

from microgateway_common.bus.connection import RedisAccess, backoff, read_access
from microgateway_common.settings import RedisUrl


def test_pauses_double_with_jitter_and_are_bounded() -> None:
    pauses = list(islice(backoff(first=0.1, largest=1.0), 12))
    for number, pause in enumerate(pauses):
        delay = min(0.1 * 2**number, 1.0)
        assert delay / 2 <= pause <= delay


def test_credentials_are_files_and_each_may_be_missing(tmp_path: Path) -> None:
    url = RedisUrl("rediss://redis:6379/0")
    assert read_access(url, None) == RedisAccess(url)
    (tmp_path / "..data").mkdir()  # as the kubelet leaves it
    assert read_access(url, tmp_path) == RedisAccess(url)
    for name, text in {"username": "me", "password": "pass\n", "ca.crt": "PEM"}.items():
        (tmp_path / name).write_text(text)
    assert read_access(url, tmp_path) == RedisAccess(url, "me", "pass", "PEM")
    for name, text in {"sentinel-username": "asks", "sentinel-password": "sesame"}.items():
        (tmp_path / name).write_text(text)
    assert read_access(url, tmp_path) == RedisAccess(url, "me", "pass", "PEM", "asks", "sesame")
    with pytest.raises(FileNotFoundError):
        read_access(url, tmp_path / "absent")


def test_an_access_shows_no_password() -> None:
    shown = repr(RedisAccess(RedisUrl("redis://u:one@redis:1"), "me", "two", "PEM", "asks", "three"))
    assert shown == "RedisAccess('redis://u:***@redis:1', 'me')"

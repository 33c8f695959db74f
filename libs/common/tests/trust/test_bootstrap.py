from __future__ import annotations

from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from microgateway_common.bus.connection import RedisAccess
from microgateway_common.settings import RedisUrl
from microgateway_common.trust import bootstrap
from microgateway_common.trust.bootstrap import Bootstrap, BootstrapError
from microgateway_common.trust.sealing import new_namespace_key
from microgateway_common.trust.signing import new_signing_key, verify_key

REDIS = RedisAccess(RedisUrl("rediss://redis:6379/0"), "mgw-ns-shop", "pass", "PEM")
BOOTSTRAP = Bootstrap(1, REDIS, (verify_key(new_signing_key()),), (new_namespace_key(),))


def test_it_is_read_as_written(tmp_path: Path) -> None:
    (tmp_path / bootstrap.FILE_NAME).write_bytes(bootstrap.encode(BOOTSTRAP))
    assert bootstrap.load(tmp_path) == BOOTSTRAP


def test_no_representation_shows_a_secret() -> None:
    shown = repr(BOOTSTRAP) + str(BOOTSTRAP) + repr(REDIS)
    assert "pass" not in shown
    assert repr(BOOTSTRAP.namespace_keys[0])[2:20] not in shown


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"version": 2}, "expected version 1, got 2"),
        ({"signing_keys": (b"short",)}, "signing_keys: expected 32 bytes each, got 5"),
        ({"namespace_keys": (b"",)}, "namespace_keys: expected 64 bytes each, got 0"),
        ({"redis": RedisAccess(RedisUrl("http://redis"))}, "got scheme 'http'"),
        ({"redis": RedisAccess(RedisUrl("rediss://redis?ssl_cert_reqs=none"))}, "expected no ssl_cert_reqs"),
    ],
)
def test_nonsense_is_refused(change: dict[str, object], message: str) -> None:
    with pytest.raises(BootstrapError, match=message):
        bootstrap.read(bootstrap.encode(msgspec.structs.replace(BOOTSTRAP, **change)))


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(BootstrapError, match=r"cannot read .*bootstrap\.json: No such file"):
        bootstrap.load(tmp_path)


@given(st.binary())
def test_arbitrary_bytes_raise_nothing_but_bootstrap_errors(data: bytes) -> None:
    with pytest.raises(BootstrapError):
        bootstrap.read(data)

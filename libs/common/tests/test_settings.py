from __future__ import annotations

import argparse
import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from microgateway_common.settings import (
    Address,
    address,
    from_environment,
    log_level,
    masked,
    parse_address,
    parse_redis_url,
    redis_url,
)


@pytest.mark.parametrize("text", ["127.0.0.1:80", "[::1]:13378", "localhost:0", "example.com:65535"])
def test_an_address_comes_out_as_it_went_in(text: str) -> None:
    assert str(parse_address(text)) == text


def test_an_ipv6_address_loses_its_brackets() -> None:
    assert parse_address("[::1]:80") == Address("::1", 80)


@pytest.mark.parametrize(
    "text", ["", "80", ":80", "host:", "host:65536", "host:-1", "host:٣", "::1:80", "[]:1"]
)
def test_what_is_no_address_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="expected"):
        parse_address(text)
    with pytest.raises(argparse.ArgumentTypeError, match="expected"):
        address(text)


@given(st.text())
def test_no_text_raises_anything_but_value_error(text: str) -> None:
    for parse in (parse_address, parse_redis_url):
        with contextlib.suppress(ValueError):
            parse(text)
    masked(text)


@pytest.mark.parametrize(
    "url", ["redis://h", "redis://h:6379/0", "rediss://u:p@h:1/2", "unix:///run/redis.sock", "redis://[::1]/"]
)
def test_a_redis_url_is_kept(url: str) -> None:
    assert parse_redis_url(url) == url
    assert redis_url(url) == url


@pytest.mark.parametrize(
    "url",
    [
        "",
        "h:6379",
        "http://:hunter2@h",
        "redis://",
        "redis://:hunter2@:6379",
        "redis://:hunter2@h:0",
        "rediss://:hunter2@h:1?ssl_cert_reqs=none",
        "rediss://:hunter2@h:1?ssl_check_hostname=False",
        "redis://:hunter2@h/zero",
        "redis://:hun/ter2@h:6379",
        "redis://[::1",
        "unix://",
    ],
)
def test_what_is_no_redis_url_is_refused_without_its_password(url: str) -> None:
    with pytest.raises(argparse.ArgumentTypeError, match="expected") as refused:
        redis_url(url)
    assert "hun" not in str(refused.value)


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("redis://h:6379/0", "redis://h:6379/0"),
        ("redis://user:hunter2@h:6379/0", "redis://user:***@h:6379/0"),
        ("rediss://:hunter2@[::1]/0", "rediss://:***@[::1]/0"),
        ("unix:///run/r.sock?password=hunter2&db=1", "unix:///run/r.sock?password=***&db=1"),
        ("redis://[::1", "(not a URL)"),
    ],
)
def test_a_password_is_masked(url: str, shown: str) -> None:
    assert masked(url) == shown


def test_an_empty_variable_counts_as_unset(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MICROGATEWAY_REDIS", "")
    assert from_environment("REDIS", "default") == "default"
    monkeypatch.setenv("MICROGATEWAY_REDIS", "redis://h")
    assert from_environment("REDIS", "default") == "redis://h"


@pytest.mark.parametrize("arguments", [["--log-level", "loud"], []])
def test_a_log_level_is_checked_wherever_it_comes_from(
    arguments: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("MICROGATEWAY_LOG_LEVEL", "loud")
    parser = argparse.ArgumentParser()
    parser.add_argument("--log-level", type=log_level, default=from_environment("LOG_LEVEL", "info"))
    with pytest.raises(SystemExit):
        parser.parse_args(arguments)
    assert "expected one of trace, debug" in capsys.readouterr().err
    assert parser.parse_args(["--log-level", "off"]).log_level == "off"

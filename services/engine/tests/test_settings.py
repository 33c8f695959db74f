"""Flags and environment: a flag wins, and nonsense is refused with a message that names it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from microgateway_common.bus.connection import RedisAccess
from microgateway_common.names import UNKNOWN_UID
from microgateway_common.settings import DEFAULT_REDIS_URL, PREFIX, Address, RedisUrl
from microgateway_engine.config.bus import BootstrapFolder, FixedAccess
from microgateway_engine.probes.definitions import TcpProbe
from microgateway_engine.settings import (
    INBOUND_PORT,
    ExplicitMode,
    Settings,
    TransparentMode,
    WarmUp,
    parse,
)
from microgateway_engine.telemetry.tracing.settings import TracingOff
from microgateway_engine.workers import cpus

POD = ["--pod", "shop/a", "--trust", "unsigned"]
EXPLICIT = [*POD, "--listen", "127.0.0.1:8000", "--upstream", "127.0.0.1:3000"]


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("POD_NAMESPACE", "POD_NAME", "POD_UID", "POD_IP"):
        monkeypatch.delenv(name, raising=False)
    for name in [each for each in os.environ if each.startswith((PREFIX, "OTEL_"))]:
        monkeypatch.delenv(name)


def settings(*arguments: str) -> Settings:
    found = parse(list(arguments))
    assert isinstance(found, Settings)
    return found


def test_defaults() -> None:
    assert settings(*POD) == Settings(
        mode=TransparentMode((Address("0.0.0.0", INBOUND_PORT), Address("::", INBOUND_PORT))),
        pod="shop/a",  # type: ignore[arg-type]
        uid=UNKNOWN_UID,
        bus=FixedAccess(RedisAccess(DEFAULT_REDIS_URL)),
        state_dir=None,
        cache_dir=None,
        probe_listen=Address("::", 19001),
        metrics_listen=Address("::", 19002),
        admin_listen=Address("127.0.0.1", 19000),
        probes={},
        probe_host="127.0.0.1",
        workers=cpus.workers(),
        block_events=10.0,
        log_level="info",
        drain_seconds=20.0,
        tracing=TracingOff(),
        masked_words=(),
        unmasked_names=(),
    )


def test_explicit_mode() -> None:
    mode = settings(*EXPLICIT).mode
    assert mode == ExplicitMode(Address("127.0.0.1", 8000), Address("127.0.0.1", 3000), None)
    mode = settings(
        *POD, "--listen", "[::1]:8000", "--upstream", "app:3000", "--application-port", "8080"
    ).mode
    assert mode == ExplicitMode(Address("::1", 8000), Address("app", 3000), 8080)


def test_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {
        "POD_NAMESPACE": "shop",
        "POD_NAME": "b",
        "POD_UID": "5e0f",
        "MICROGATEWAY_TRUST": "unsigned",
        "MICROGATEWAY_REDIS": "rediss://redis:6380/1",
        "MICROGATEWAY_STATE_DIR": "/state",
        "MICROGATEWAY_CACHE_DIR": "/cache",
        "MICROGATEWAY_PROBE_LISTEN": "127.0.0.1:1",
        "MICROGATEWAY_METRICS_LISTEN": "127.0.0.1:2",
        "MICROGATEWAY_ADMIN_LISTEN": "127.0.0.1:3",
        "MICROGATEWAY_LOG_LEVEL": "debug",
        "MICROGATEWAY_DRAIN_SECONDS": "2.5",
    }.items():
        monkeypatch.setenv(name, value)
    found = settings()
    assert (found.pod, found.uid) == ("shop/b", "5e0f")
    assert found.bus == FixedAccess(RedisAccess(RedisUrl("rediss://redis:6380/1")))
    assert (found.state_dir, found.cache_dir) == (Path("/state"), Path("/cache"))
    assert [found.probe_listen.port, found.metrics_listen.port, found.admin_listen.port] == [1, 2, 3]
    assert (found.log_level, found.drain_seconds) == ("debug", 2.5)
    assert settings("--pod", "x/y", "--log-level", "warn", "--drain-seconds", "0").pod == "x/y"


def test_an_empty_variable_is_no_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MICROGATEWAY_DRAIN_SECONDS", "")
    monkeypatch.setenv("MICROGATEWAY_REDIS", "")
    assert settings(*POD).drain_seconds == 20.0
    assert settings(*POD).bus == FixedAccess(RedisAccess(DEFAULT_REDIS_URL))


def test_keys_come_from_a_folder_unless_told_otherwise() -> None:
    found = settings("--pod", "shop/a", "--bootstrap-dir", "/etc/microgateway/bootstrap")
    assert found.bus == BootstrapFolder(Path("/etc/microgateway/bootstrap"))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "--pod (or POD_NAMESPACE and POD_NAME): expected NAMESPACE/NAME, got '/'"),
        (["--pod", "shop/a"], "expected --bootstrap-dir, or --trust unsigned for local development"),
        (["--pod", "shop/a", "--trust", "me"], "--trust: expected unsigned, got 'me'"),
        ([*POD, "--bootstrap-dir", "/b"], "expected --bootstrap-dir or --trust unsigned, got both"),
        (["--pod", "shop"], "expected NAMESPACE/NAME, got 'shop'"),
        (["--pod", "/a"], "expected NAMESPACE/NAME, got '/a'"),
        (["--pod", "shop/a/b"], "expected NAMESPACE/NAME, got 'shop/a/b'"),
        ([*POD, "--listen", "127.0.0.1:1"], "--listen needs --upstream"),
        ([*POD, "--upstream", "127.0.0.1:1"], "--upstream needs --listen"),
        ([*POD, "--listen", "8000", "--upstream", "a:1"], "expected HOST:PORT, got '8000'"),
        ([*POD, "--probe-listen", "a:99999"], "expected HOST:PORT, got 'a:99999'"),
        ([*EXPLICIT, "--application-port", "0"], "expected a port from 1 to 65535, got '0'"),
        ([*EXPLICIT, "--application-port", "http"], "expected a port from 1 to 65535, got 'http'"),
        ([*POD, "--log-level", "loud"], "--log-level: expected one of trace, debug"),
        ([*POD, "--block-events", "-1"], "expected a number from 0 to 1000, got '-1'"),
        ([*POD, "--block-events", "nan"], "expected a number from 0 to 1000, got 'nan'"),
        ([*POD, "--drain-seconds", "soon"], "expected seconds, 0 or more, got 'soon'"),
        ([*POD, "--drain-seconds", "-1"], "expected seconds, 0 or more, got '-1'"),
        ([*POD, "--drain-seconds", "nan"], "expected seconds, 0 or more, got 'nan'"),
        ([*POD, "--drain-seconds", "inf"], "expected seconds, 0 or more, got 'inf'"),
        ([*POD, "--redis", "http://redis"], "got scheme 'http'"),
        ([*POD, "--unknown"], "unrecognized arguments: --unknown"),
        (["warm"], "warm needs --cache-dir or MICROGATEWAY_CACHE_DIR"),
        (["cool"], "cool"),
    ],
)
def test_nonsense_is_refused(arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as exit_:
        parse(arguments)
    assert exit_.value.code == 2
    assert message in capsys.readouterr().err


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("DRAIN_SECONDS", "soon"),
        ("REDIS", "http://redis"),
        ("PROBE_LISTEN", "nowhere"),
        ("LOG_LEVEL", "loud"),
    ],
)
def test_nonsense_in_the_environment_is_refused_alike(
    name: str, value: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv(f"MICROGATEWAY_{name}", value)
    with pytest.raises(SystemExit) as exit_:
        parse(POD)
    assert exit_.value.code == 2
    assert name.lower().replace("_", "-") in capsys.readouterr().err


def test_warming_up(tmp_path: Path) -> None:
    assert parse(["--cache-dir", str(tmp_path), "warm"]) == WarmUp(tmp_path)


@pytest.mark.parametrize(("text", "workers"), [("1", 1), ("64", 64), ("auto", cpus.workers())])
def test_workers(text: str, workers: int, monkeypatch: pytest.MonkeyPatch) -> None:
    assert settings(*POD, "--workers", text).workers == workers
    monkeypatch.setenv("MICROGATEWAY_WORKERS", text)
    assert settings(*POD).workers == workers


@pytest.mark.parametrize("text", ["0", "65", "-1", "many", "1.5", "\u0661"])
def test_a_number_of_workers_that_is_none(text: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        parse([*POD, f"--workers={text}"])
    assert f"expected auto or a number from 1 to 64, got {text!r}" in capsys.readouterr().err


def test_probes_of_the_application(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("MICROGATEWAY_APP_PROBES", '{"/app-health/a/livez": {"tcpSocket": {"port": 1}}}')
    assert settings(*POD).probes == {"/app-health/a/livez": TcpProbe(1, 1.0)}
    assert settings(*POD).probe_host == "127.0.0.1"
    assert settings(*EXPLICIT, "--upstream", "app:3000").probe_host == "app"
    monkeypatch.setenv("POD_IP", "10.1.2.3")
    assert settings(*POD).probe_host == "10.1.2.3"
    assert settings(*POD, "--pod-ip", "fd00::1").probe_host == "fd00::1"
    monkeypatch.setenv("MICROGATEWAY_APP_PROBES", "{}}")
    with pytest.raises(SystemExit):
        parse(POD)
    assert "--app-probes: expected probes as the webhook writes them" in capsys.readouterr().err


def test_names_to_mask_are_a_list() -> None:
    settings = parse([*EXPLICIT, "--mask", "customerno, a.b,größe", "--unmask", "passenger,"])
    assert isinstance(settings, Settings)
    assert settings.masked_words == ("customerno", "a.b", "größe")
    assert settings.unmasked_names == ("passenger",)


@pytest.mark.parametrize("text", ["a b", "a,-", "a*", "x=1", "a" * 65])
def test_what_is_no_name_is_refused(text: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        parse([*EXPLICIT, "--mask", text])
    assert "letters, digits, '.'" in capsys.readouterr().err

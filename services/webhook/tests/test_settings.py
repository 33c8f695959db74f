from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from microgateway_webhook.settings import KeepOurOwn, Settings, from_arguments

OFFLINE = ["--server-version", "1.30", "--certificate-dir", "/certificates"]
HEAD = "apiVersion: config.airlock.com/v1alpha1\nkind: OperatorConfig\n"


def parse(*arguments: str) -> Settings:
    return from_arguments([*OFFLINE, *arguments])


def test_images_come_from_the_operator_config_or_a_flag_or_the_tag(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    assert parse("--image-tag", "1").template.engine.image == "microgateway/engine:1"
    monkeypatch.setenv("MICROGATEWAY_ENGINE_IMAGE", "registry.example/engine@sha256:12")
    settings = parse("--netcheck-image", "registry.example/netcheck:2")
    assert settings.template.engine.image == "registry.example/engine@sha256:12"
    assert settings.template.netcheck.image == "registry.example/netcheck:2"

    config = tmp_path / "operator-config.yaml"
    config.write_text(f"{HEAD}spec: {{sidecar: {{engine: {{image: other/engine:3}}}}}}\n")
    settings = parse("--operator-config", str(config))
    assert settings.template.engine.image == "other/engine:3"
    assert settings.template.netcheck.image == "microgateway/netcheck:dev"


def test_engines_get_the_bus_of_the_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    default = parse().template
    monkeypatch.setenv("MICROGATEWAY_REDIS", "rediss://other:6379/0")
    assert default.redis.endswith("microgateway-redis.microgateway-system.svc:6379/0")
    assert parse().template.redis == "rediss://other:6379/0"


def test_certificates_of_our_own_live_as_long_as_they_are_told(
    capsys: pytest.CaptureFixture[str],
) -> None:
    def kept(*arguments: str) -> KeepOurOwn:
        certificates = from_arguments(["--api-server", "https://kube", *arguments]).certificates
        assert isinstance(certificates, KeepOurOwn)
        return certificates

    default = kept()
    assert (default.authority_lifetime.days, default.serving_lifetime.days) == (365, 30)
    assert default.overlap == timedelta(minutes=5)
    short = kept("--authority-lifetime", "3600", "--serving-lifetime", "600", "--certificate-overlap", "60")
    assert (short.serving_lifetime, short.overlap) == (timedelta(minutes=10), timedelta(minutes=1))
    for wrong, said in (
        (["--certificate-overlap", "0"], "expected a number of seconds above 0, got '0'"),
        (["--serving-lifetime", "soon"], "expected a number of seconds above 0, got 'soon'"),
        (["--authority-lifetime", "1800", "--serving-lifetime", "60"], "more than six times"),
        (["--authority-lifetime", "86400"], "expected at least --serving-lifetime"),
    ):
        with pytest.raises(SystemExit):
            kept(*wrong)
        assert said in capsys.readouterr().err


def test_the_log_level_comes_from_a_flag_or_the_operator_config(tmp_path: Path) -> None:
    assert parse().log_level == "info"
    config = tmp_path / "operator-config.yaml"
    config.write_text(f"{HEAD}spec: {{logLevel: debug}}\n")
    assert parse("--operator-config", str(config)).log_level == "debug"
    assert parse("--operator-config", str(config), "--log-level", "error").log_level == "error"


def test_a_wrong_operator_config_is_refused(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    with pytest.raises(SystemExit):
        parse("--operator-config", str(tmp_path / "none.yaml"))
    assert "--operator-config: [Errno 2]" in capsys.readouterr().err

"""The command in a real network namespace: every exit code has its cause."""

from __future__ import annotations

import json
import threading
from pathlib import Path

import pytest

from microgateway_netcheck.main import main

from .conftest import REDIRECT_IPV4, REDIRECT_IPV6, Pod

root = pytest.mark.root
BOTH = (REDIRECT_IPV4, REDIRECT_IPV6)
ONE_TRY = ("--timeout", "0.4")


@root
def test_0_both_families_are_redirected(pod: Pod) -> None:
    pod.rules(*BOTH)
    outcome = pod.netcheck()
    assert outcome.code == 0
    assert outcome.line["microgateway"]["netcheck"] == {
        "reason": "REDIRECTED",
        "findings": {"ipv4": "redirected", "ipv6": "redirected"},
    }
    assert outcome.line["event"]["outcome"] == "success"
    assert outcome.termination == (
        "inbound traffic is redirected to the engine (IPv4: redirected; IPv6: redirected)\n"
    )


@root
def test_0_again_at_once_as_no_connection_lingers_on_the_port(pod: Pod) -> None:
    pod.rules(*BOTH)
    assert [pod.netcheck(*ONE_TRY).code for _ in range(3)] == [0, 0, 0]
    pod.execute("python3", "-c", "import socket; socket.socket().bind(('127.0.0.1', 13378))")


@root
def test_0_without_ipv6_on_loopback_says_that_it_was_skipped(pod: Pod) -> None:
    pod.execute("sysctl", "-q", "-w", "net.ipv6.conf.all.disable_ipv6=1")
    pod.rules(REDIRECT_IPV4)
    outcome = pod.netcheck()
    assert outcome.code == 0
    assert "IPv6: skipped, the loopback interface has no address of this family" in outcome.termination


@root
def test_0_when_the_redirect_comes_between_two_tries(pod: Pod) -> None:
    repair = threading.Timer(0.5, pod.rules, BOTH)
    repair.start()
    outcome = pod.netcheck()
    repair.join()
    assert outcome.code == 0
    assert outcome.line["event"]["duration"] > 1e9


@root
def test_10_without_any_redirect_after_three_tries(pod: Pod) -> None:
    outcome = pod.netcheck()
    assert outcome.code == 10
    assert "IPv4: not redirected, 127.0.0.1 port 19003: Connection refused" in outcome.termination
    assert "IPv6: not redirected, ::1 port 19003: Connection refused" in outcome.termination
    assert outcome.line["event"]["outcome"] == "failure"
    assert 2e9 <= outcome.line["event"]["duration"] < 3.5e9


@root
def test_10_with_ipv6_alone(pod: Pod) -> None:
    pod.rules(REDIRECT_IPV6)
    outcome = pod.netcheck(*ONE_TRY)
    assert outcome.code == 10
    assert outcome.line["microgateway"]["netcheck"]["findings"]["ipv6"] == "redirected"


@root
def test_11_with_ipv4_alone(pod: Pod) -> None:
    pod.rules(REDIRECT_IPV4)
    outcome = pod.netcheck(*ONE_TRY)
    assert outcome.code == 11
    assert outcome.line["microgateway"]["netcheck"]["findings"]["ipv4"] == "redirected"


@root
def test_10_when_the_check_port_is_silently_dropped(pod: Pod) -> None:
    pod.execute("nft", "add table inet firewall")
    pod.execute("nft", "add chain inet firewall input { type filter hook input priority 0; }")
    pod.execute("nft", "add rule inet firewall input tcp dport 19003 drop")
    outcome = pod.netcheck(*ONE_TRY)
    assert outcome.code == 10
    assert "127.0.0.1 port 19003 did not answer within 0.2 s" in outcome.termination


@root
@pytest.mark.parametrize("address", ["::", "0.0.0.0", "127.0.0.1", "::1"])
def test_12_when_the_engine_is_running_already(pod: Pod, address: str) -> None:
    pod.rules(*BOTH)
    with pod.server(address, 13378):
        outcome = pod.netcheck(*ONE_TRY)
    assert outcome.code == 12
    assert outcome.termination.startswith(
        "port 13378 is taken and the redirect was not tested: either the engine"
    )


@root
@pytest.mark.parametrize("address", ["::", "127.0.0.1", "::1"])
def test_13_when_another_process_answers_on_the_check_port(pod: Pod, address: str) -> None:
    with pod.server(address, 19003):
        outcome = pod.netcheck(*ONE_TRY)
    assert outcome.code == 13
    assert "19003 answered, but the connection did not arrive on port 13378" in outcome.termination


@root
def test_13_when_the_redirect_leads_elsewhere(pod: Pod) -> None:
    pod.rules("tcp dport 19003 redirect to :8080")
    with pod.server("::", 8080):
        assert pod.netcheck(*ONE_TRY).code == 13


@root
def test_a_server_on_the_check_port_is_out_of_reach_where_the_redirect_works(pod: Pod) -> None:
    pod.rules(*BOTH)
    with pod.server("::", 19003):
        assert pod.netcheck(*ONE_TRY).code == 0


@root
def test_14_without_a_loopback_address(pod: Pod) -> None:
    pod.execute("sysctl", "-q", "-w", "net.ipv6.conf.all.disable_ipv6=1")
    pod.execute("ip", "address", "flush", "dev", "lo")
    outcome = pod.netcheck(*ONE_TRY)
    assert outcome.code == 14
    assert outcome.termination.startswith(
        "the redirect was not tested: the loopback interface has no address"
    )


def test_14_where_the_operating_system_refuses(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["--timeout", "0.1", "--termination-log", str(tmp_path / "missing")]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("microgateway_netcheck.main.check", refuse)
        assert main(arguments) == 14
    line = json.loads(capsys.readouterr().out)
    assert line["message"] == "the redirect was not tested: [Errno 24] Too many open files"
    assert not (tmp_path / "missing").exists()


def refuse(*_: object) -> None:
    raise OSError(24, "Too many open files")


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (["--timeout", "0"], "expected seconds above 0 and up to 3600, got '0'"),
        (["--timeout", "nan"], "expected seconds above 0 and up to 3600, got 'nan'"),
        (["--timeout", "soon"], "expected seconds above 0 and up to 3600, got 'soon'"),
        (["--inbound-port", "65536"], "expected a port number from 1 to 65535, got '65536'"),
        (["--inbound-port", "19003"], "expected two different ports, got 19003 for both"),
        (["--check-port", "٨"], "expected a port number from 1 to 65535, got '٨'"),
    ],
)
def test_2_wrong_arguments(arguments: list[str], problem: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as exit_:
        main(arguments)
    assert exit_.value.code == 2
    assert problem in capsys.readouterr().err

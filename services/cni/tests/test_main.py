from __future__ import annotations

from pathlib import Path

import pytest

from microgateway_cni.main import main

from .conftest import Network

GOLDEN = Path(__file__).parent / "golden"


def test_show_prints_the_transaction_and_changes_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["--inbound-port", "15378", "--exclude-inbound-ports", "8081, 9090", "--engine-uid", "1001"]
    assert main([*arguments, "--show"]) == 0
    assert capsys.readouterr().out == (GOLDEN / "excluded-ports-and-engine-uid.nft").read_text()


def test_show_prints_the_deletion(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--delete", "--show"]) == 0
    assert capsys.readouterr().out == (GOLDEN / "delete.nft").read_text()


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (["--exclude-inbound-ports", "80,x"], "expected a port number from 1 to 65535, got 'x'"),
        (["--inbound-port", "0"], "expected a port number from 1 to 65535, got '0'"),
        (["--engine-uid", "root"], "expected a user id from 0 to 4294967294, got 'root'"),
    ],
)
def test_wrong_arguments_exit_with_2(
    arguments: list[str], problem: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as exit_:
        main(arguments)
    assert exit_.value.code == 2
    assert problem in capsys.readouterr().err


def test_a_failure_exits_with_1(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--netns", "/run/netns/mg-missing"]) == 1
    assert capsys.readouterr().err.startswith(
        "microgateway-redirect: network namespace /run/netns/mg-missing: expected nft to accept the rules"
    )


@pytest.mark.root
def test_the_redirect_is_applied_and_deleted(network: Network, capsys: pytest.CaptureFixture[str]) -> None:
    where = str(network.pod.path)
    assert main(["--netns", where, "--exclude-inbound-ports", "8081"]) == 0
    assert capsys.readouterr().out == (
        f"network namespace {where}: inbound TCP is redirected to port 13378, excluded ports: 8081\n"
    )
    assert "8081" in network.pod.command("nft", "list", "table", "inet", "microgateway").stdout
    assert main(["--netns", where, "--delete"]) == 0
    assert network.pod.command("nft", "list", "ruleset").stdout == ""

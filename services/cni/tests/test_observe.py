"""Deleting any single rule, or adding one, is seen."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from microgateway_cni.apply import ApplyError, apply
from microgateway_cni.netns import NamespaceAt
from microgateway_cni.observe import differences, in_force, missing_programs
from microgateway_cni.redirect import Redirect, install, remove

from .conftest import Network

pytestmark = pytest.mark.root

REDIRECT = Redirect(excluded_ports=frozenset({8081, 9090}), engine_uid=1001)


def test_the_rules_that_were_set_do_not_differ(network: Network) -> None:
    where = NamespaceAt(network.pod.path)
    apply(install(REDIRECT), where)
    assert differences(REDIRECT, where) == []


def test_traffic_makes_no_difference(network: Network) -> None:
    where = NamespaceAt(network.pod.path)
    apply(install(Redirect()), where)
    with pytest.raises(ConnectionRefusedError):
        network.dial(network.client, network.pod_addresses[0], 80)
    assert differences(Redirect(), where) == []


def test_every_single_rule_is_missed(network: Network) -> None:
    where = NamespaceAt(network.pod.path)
    apply(install(REDIRECT), where)
    listed = json.loads(network.pod.command("nft", "-j", "list", "table", "inet", "microgateway").stdout)
    rules = [each["rule"] for each in listed["nftables"] if "rule" in each]
    assert len(rules) == 10
    for index in range(len(rules)):
        apply(install(REDIRECT), where)
        again = json.loads(network.pod.command("nft", "-j", "list", "table", "inet", "microgateway").stdout)
        rule = [each["rule"] for each in again["nftables"] if "rule" in each][index]
        network.pod.command(
            *("nft", "delete", "rule", "inet", "microgateway", rule["chain"], "handle", str(rule["handle"]))
        )
        (found,) = differences(REDIRECT, where)
        assert found.startswith("- ")
        assert rule["comment"] in found


def test_a_rule_too_many_and_other_settings_are_seen(network: Network) -> None:
    where = NamespaceAt(network.pod.path)
    apply(install(Redirect()), where)
    network.pod.command(
        "nft", "insert", "rule", "inet", "microgateway", "prerouting", "tcp", "dport", "8080", "accept"
    )
    assert differences(Redirect(), where) == ["+ tcp dport 8080 accept"]
    apply(install(REDIRECT), where)
    assert differences(Redirect(), where) != []


def test_no_table_at_all_is_one_difference(network: Network) -> None:
    where = NamespaceAt(network.pod.path)
    assert in_force(where) == ""
    apply(install(Redirect()), where)
    apply(remove(), where)
    assert differences(Redirect(), where) == ["- table inet microgateway"]


def test_a_namespace_that_does_not_exist_is_no_empty_one() -> None:
    with pytest.raises(ApplyError, match=r"/run/netns/mg-missing: expected nft to list the rules"):
        in_force(NamespaceAt(Path("/run/netns/mg-missing")))


def test_what_the_machine_lacks_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    assert missing_programs() == []
    monkeypatch.setattr("microgateway_cni.programs.DIRECTORIES", str(tmp_path))
    assert missing_programs() == ["nft", "nsenter", "unshare"]

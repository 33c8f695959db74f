"""What the rules do, between two real network namespaces."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from microgateway_cni.apply import ApplyError, apply
from microgateway_cni.netns import NamespaceAt, OwnNamespace
from microgateway_cni.redirect import Redirect, install, remove

from .conftest import Namespace, Network, original_destination

pytestmark = pytest.mark.root

INBOUND, CHECK, APPLICATION = 13378, 19003, 8080
FAMILIES = pytest.mark.parametrize("family", [0, 1], ids=["ipv4", "ipv6"])


def redirect(network: Network, settings: Redirect | None = None) -> None:
    apply(install(settings or Redirect()), NamespaceAt(network.pod.path))


def ruleset(namespace: Namespace) -> str:
    return namespace.command("nft", "list", "ruleset").stdout


@FAMILIES
def test_inbound_tcp_arrives_at_the_engine_with_its_original_destination(
    network: Network, family: int
) -> None:
    redirect(network)
    servers = network.serve(INBOUND, APPLICATION)
    address = network.pod_addresses[family]
    network.dial(network.client, address, APPLICATION)
    connection, _ = servers[INBOUND].accept()
    with connection:
        assert original_destination(connection) == (address, APPLICATION)


@FAMILIES
def test_a_port_nobody_listens_on_arrives_at_the_engine_too(network: Network, family: int) -> None:
    redirect(network)
    servers = network.serve(INBOUND)
    address = network.pod_addresses[family]
    for port in (1, 22, 19000, 19003, 65535):
        network.dial(network.client, address, port)
        connection, _ = servers[INBOUND].accept()
        with connection:
            assert original_destination(connection) == (address, port)


@FAMILIES
def test_an_excluded_port_is_reached_directly(network: Network, family: int) -> None:
    redirect(network, Redirect(excluded_ports=frozenset({8081})))
    servers = network.serve(INBOUND, 8081)
    network.dial(network.client, network.pod_addresses[family], 8081)
    servers[8081].accept()[0].close()


@FAMILIES
@pytest.mark.parametrize("port", [19001, 19002])
def test_the_engines_own_ports_are_reached_directly(network: Network, family: int, port: int) -> None:
    redirect(network)
    servers = network.serve(INBOUND, port)
    network.dial(network.client, network.pod_addresses[family], port)
    servers[port].accept()[0].close()


@FAMILIES
def test_without_an_engine_the_application_is_not_reached(network: Network, family: int) -> None:
    redirect(network)
    network.serve(APPLICATION)
    with pytest.raises(ConnectionRefusedError):
        network.dial(network.client, network.pod_addresses[family], APPLICATION)


@FAMILIES
def test_the_engine_reaches_the_application_over_loopback_and_the_pods_own_address(
    network: Network, family: int
) -> None:
    redirect(network)
    servers = network.serve(INBOUND, APPLICATION)
    for address in (("127.0.0.1", "::1")[family], network.pod_addresses[family]):
        network.dial(network.pod, address, APPLICATION)
        servers[APPLICATION].accept()[0].close()


@FAMILIES
def test_outbound_connections_of_the_pod_are_untouched(network: Network, family: int) -> None:
    redirect(network)
    outside = network.open_sockets.enter_context(network.client.listen(443))
    with network.dial(network.pod, ("10.77.0.1", "fd77::1")[family], 443) as connection:
        accepted, _ = outside.accept()
        with accepted:
            accepted.sendall(b"answer")
        assert connection.recv(6) == b"answer"


@FAMILIES
def test_the_check_port_on_loopback_leads_to_the_inbound_port(network: Network, family: int) -> None:
    redirect(network)
    servers = network.serve(INBOUND, CHECK)
    loopback = ("127.0.0.1", "::1")[family]
    network.dial(network.pod, loopback, CHECK)
    connection, _ = servers[INBOUND].accept()
    with connection:
        assert original_destination(connection) == (loopback, CHECK)


@FAMILIES
def test_the_engines_own_connections_are_not_redirected_even_to_the_check_port(
    network: Network, family: int
) -> None:
    redirect(network, Redirect(engine_uid=0))
    servers = network.serve(INBOUND, CHECK)
    network.dial(network.pod, ("127.0.0.1", "::1")[family], CHECK)
    servers[CHECK].accept()[0].close()


@FAMILIES
@pytest.mark.parametrize("priority", [-150, -100])
def test_someone_elses_translation_does_not_lead_around_the_engine(
    network: Network, family: int, priority: int
) -> None:
    """Before ours it wins, and `input` drops the connection; after ours it is not asked."""
    network.pod.command(
        "nft",
        f"""table inet other {{ chain prerouting {{
            type nat hook prerouting priority {priority}; policy accept;
            tcp dport 80 redirect to :{APPLICATION}
        }}
        }}""",
    )
    redirect(network)
    servers = network.serve(INBOUND, APPLICATION)
    address = network.pod_addresses[family]
    if priority == -100:
        network.dial(network.client, address, 80)
        servers[INBOUND].accept()[0].close()
    else:
        with pytest.raises(TimeoutError):
            network.dial(network.client, address, 80, seconds=0.3)
        assert "counter packets 0 " not in ruleset(network.pod)


def test_applying_again_changes_nothing(network: Network) -> None:
    redirect(network)
    once = ruleset(network.pod)
    redirect(network)
    assert ruleset(network.pod) == once
    assert once.count("redirect to :13378") == 3


def test_applying_other_settings_replaces_the_rules(network: Network) -> None:
    redirect(network, Redirect(excluded_ports=frozenset({8081})))
    redirect(network, Redirect(excluded_ports=frozenset({9090})))
    assert "9090" in ruleset(network.pod)
    assert "8081" not in ruleset(network.pod)


def test_applying_again_keeps_connections(network: Network) -> None:
    redirect(network)
    servers = network.serve(INBOUND)
    client = network.dial(network.client, network.pod_addresses[0], APPLICATION)
    connection, _ = servers[INBOUND].accept()
    with connection:
        redirect(network)
        client.sendall(b"still here")
        connection.settimeout(30)
        assert connection.recv(10) == b"still here"


@FAMILIES
def test_removing_restores_the_direct_way(network: Network, family: int) -> None:
    redirect(network)
    apply(remove(), NamespaceAt(network.pod.path))
    assert ruleset(network.pod) == ""
    servers = network.serve(INBOUND, APPLICATION)
    network.dial(network.client, network.pod_addresses[family], APPLICATION)
    servers[APPLICATION].accept()[0].close()


def test_a_thousand_excluded_ports_and_the_largest_user_id_are_accepted(network: Network) -> None:
    redirect(network, Redirect(excluded_ports=frozenset(range(20000, 21000)), engine_uid=2**32 - 2))
    assert "20999" in ruleset(network.pod)


def test_removing_what_is_not_there_succeeds(network: Network) -> None:
    apply(remove(), NamespaceAt(network.pod.path))
    assert ruleset(network.pod) == ""


def test_rules_of_others_stay(network: Network) -> None:
    network.pod.command("nft", "add table inet other")
    redirect(network)
    apply(remove(), NamespaceAt(network.pod.path))
    assert ruleset(network.pod).split() == ["table", "inet", "other", "{", "}"]


def test_a_refused_transaction_leaves_the_earlier_rules_in_force(network: Network) -> None:
    redirect(network)
    before = ruleset(network.pod)
    with pytest.raises(ApplyError, match=r"expected nft to accept the rules, got: .*redirect"):
        apply(
            install(Redirect()).replace("redirect to :13378", "redirect to :nowhere"),
            NamespaceAt(network.pod.path),
        )
    assert ruleset(network.pod) == before


def test_a_namespace_that_does_not_exist_is_named() -> None:
    missing = Path("/run/netns/mg-missing")
    with pytest.raises(ApplyError, match=f"network namespace {missing}: .*No such file or directory"):
        apply(remove(), NamespaceAt(missing))


def test_a_lack_of_privilege_is_named(network: Network) -> None:
    """As an unprivileged user inside the namespace, so that the host's rules are out of reach."""
    inside = """
import os
from microgateway_cni.main import main
os.setgroups([]); os.setgid(65534); os.setuid(65534)
raise SystemExit(main([]))
"""
    with pytest.raises(subprocess.CalledProcessError) as error:
        network.pod.command(sys.executable, "-c", inside)
    assert error.value.returncode == 1
    assert "Operation not permitted" in error.value.stderr
    assert "needs the capability NET_ADMIN" in error.value.stderr


def test_a_missing_nft_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("microgateway_cni.programs.DIRECTORIES", str(tmp_path))
    with pytest.raises(ApplyError, match=f"expected the program nft in {tmp_path}, got none"):
        apply(remove(), OwnNamespace())

"""The DNS server of scripts/cluster, without a cluster."""

from __future__ import annotations

import socket
import struct
from collections.abc import Iterator

import pytest
from scripts.cluster import dns

DOMAIN = "cluster.local"


@pytest.fixture(autouse=True)
def stored() -> Iterator[None]:
    """A Service with an address, and a headless one with two endpoints."""
    dns.SERVICES.objects = {
        ("shop", "shop"): {"spec": {"clusterIP": "10.96.3.4"}},
        ("shop", "each"): {"spec": {"clusterIP": "None"}},
    }
    addresses = [{"ip": "10.244.0.9", "hostname": "shop-0"}, {"ip": "10.244.0.8"}]
    dns.ENDPOINTS.objects = {("shop", "each"): {"subsets": [{"addresses": addresses}]}}
    dns.SERVICES.synced = dns.ENDPOINTS.synced = True
    yield
    dns.SERVICES, dns.ENDPOINTS = dns.Store(), dns.Store()


@pytest.mark.parametrize(
    ("name", "code", "addresses"),
    [
        ("shop.shop.svc.cluster.local", dns.NO_ERROR, ["10.96.3.4"]),
        ("each.shop.svc.cluster.local", dns.NO_ERROR, ["10.244.0.8", "10.244.0.9"]),
        ("shop-0.each.shop.svc.cluster.local", dns.NO_ERROR, ["10.244.0.9"]),
        ("shop-7.each.shop.svc.cluster.local", dns.NAME_ERROR, []),
        ("shop-0.shop.shop.svc.cluster.local", dns.NAME_ERROR, []),
        ("other.shop.svc.cluster.local", dns.NAME_ERROR, []),
        ("svc.cluster.local", dns.NAME_ERROR, []),
        ("shop.svc.cluster.local", dns.NAME_ERROR, []),
        ("shop.shop.svc.example.org", dns.NAME_ERROR, []),
        ("", dns.NAME_ERROR, []),
    ],
)
def test_names_are_looked_up_as_kubernetes_has_them(name: str, code: int, addresses: list[str]) -> None:
    assert dns.look_up(name, DOMAIN) == (code, addresses)


def test_before_the_api_has_answered_nothing_is_said_to_be_missing() -> None:
    dns.SERVICES.synced = False
    assert dns.look_up("shop.shop.svc.cluster.local", DOMAIN) == (dns.SERVER_FAILURE, [])


def test_an_answer_repeats_the_question_and_carries_the_addresses() -> None:
    question = b"\4SHOP\4shop\3svc\7cluster\5local\0" + struct.pack("!HH", dns.A, 1)
    answered = dns.answer(struct.pack("!HHHHHH", 7, 0x0100, 1, 0, 0, 0) + question, DOMAIN)
    assert struct.unpack_from("!HHHHHH", answered) == (7, 0x8580, 1, 1, 0, 0)
    assert answered[12 : 12 + len(question)] == question
    assert answered.endswith(socket.inet_aton("10.96.3.4"))


def test_a_response_is_not_answered() -> None:
    assert dns.answer(struct.pack("!HHHHHH", 7, 0x8000, 1, 0, 0, 0), DOMAIN) == b""

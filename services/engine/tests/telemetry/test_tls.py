"""What the log, command operators and metrics say of TLS."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable

import pytest
from certificates import authority

from microgateway_engine.telemetry.access_log import default_line
from microgateway_engine.telemetry.counters import TlsCounters
from microgateway_engine.telemetry.operators import ExchangeContext
from microgateway_engine.tls.identity import Identity
from microgateway_engine.tls.session import TlsSession
from microgateway_engine.traffic.exchange import Exchange, Peer

ExchangeFactory = Callable[..., Exchange]

CA = authority()
SERVER = CA.leaf("shop.example", "shop.example", "www.shop.example", "spiffe://shop/gateway")
CLIENT = CA.leaf("client", "client.example", "spiffe://shop/client")


def peer(client: Identity | None = Identity(CLIENT.certificate)) -> Peer:  # noqa: B008 - read only
    session = TlsSession(
        version="TLSv1.3",
        cipher="TLS_AES_256_GCM_SHA384",
        application_protocol="http/1.1",
        server_name="shop.example",
        resumed=False,
        client=client,
        server=Identity(SERVER.certificate),
    )
    return Peer("192.0.2.7", 50000, "10.0.0.5", 13378, b"https", session)


def test_the_line_says_how_the_client_came(exchange_at: ExchangeFactory) -> None:
    assert json.loads(default_line(exchange_at("finished", peer())))["tls"] == {
        "version": "1.3",
        "version_protocol": "tls",
        "cipher": "TLS_AES_256_GCM_SHA384",
        "next_protocol": "http/1.1",
        "resumed": False,
        "established": True,
        "client": {
            "server_name": "shop.example",
            "subject": "CN=client",
            "issuer": "CN=Test CA",
            "hash": {"sha256": hashlib.sha256(CLIENT.der).hexdigest().upper()},
        },
    }


def test_without_certificate_there_is_no_subject_and_in_cleartext_no_tls(
    exchange_at: ExchangeFactory,
) -> None:
    line = json.loads(default_line(exchange_at("finished", peer(client=None))))
    assert line["tls"]["client"] == {"server_name": "shop.example"}
    assert "tls" not in json.loads(default_line(exchange_at("finished")))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("DOWNSTREAM_TLS_VERSION", "TLSv1.3"),
        ("DOWNSTREAM_TLS_CIPHER", "TLS_AES_256_GCM_SHA384"),
        ("REQUESTED_SERVER_NAME", "shop.example"),
        ("DOWNSTREAM_PEER_SUBJECT", "CN=client"),
        ("DOWNSTREAM_PEER_ISSUER", "CN=Test CA"),
        ("DOWNSTREAM_PEER_SERIAL", f"{CLIENT.certificate.serial_number:x}"),
        ("DOWNSTREAM_PEER_FINGERPRINT_256", hashlib.sha256(CLIENT.der).hexdigest()),
        ("DOWNSTREAM_PEER_FINGERPRINT_1", hashlib.sha1(CLIENT.der).hexdigest()),
        ("DOWNSTREAM_PEER_DNS_SAN", "client.example"),
        ("DOWNSTREAM_PEER_URI_SAN", "spiffe://shop/client"),
        ("DOWNSTREAM_LOCAL_SUBJECT", "CN=shop.example"),
        ("DOWNSTREAM_LOCAL_DNS_SAN", "shop.example,www.shop.example"),
        ("DOWNSTREAM_LOCAL_URI_SAN", "spiffe://shop/gateway"),
        ("DOWNSTREAM_PEER_CERT", Identity(CLIENT.certificate).pem),
    ],
)
def test_operators_of_tls(exchange_at: ExchangeFactory, name: str, value: str) -> None:
    assert ExchangeContext(exchange_at("finished", peer())).operator_text(name, "") == value
    assert ExchangeContext(exchange_at("finished")).operator_text(name, "") is None


def test_certificates_have_times(exchange_at: ExchangeFactory) -> None:
    context = ExchangeContext(exchange_at("finished", peer()))
    begins, ends = CLIENT.certificate.not_valid_before_utc, CLIENT.certificate.not_valid_after_utc
    assert context.operator_text("DOWNSTREAM_PEER_CERT_V_START", "%s") == str(int(begins.timestamp()))
    assert context.operator_text("DOWNSTREAM_PEER_CERT_V_END", "%Y") == str(ends.year)


def test_the_scheme_is_that_of_the_connection(exchange_at: ExchangeFactory) -> None:
    assert ExchangeContext(exchange_at("finished", peer())).operator_text("REQ", ":SCHEME") == "https"
    assert ExchangeContext(exchange_at("finished")).operator_text("REQ", ":SCHEME") == "http"


def test_handshakes_are_counted_by_what_they_agreed_on() -> None:
    counters = TlsCounters()
    counters.established("TLSv1.3", "A", resumed=False)
    counters.established("TLSv1.2", "B", resumed=True)
    counters.failed("wrong_name")
    assert counters == TlsCounters(
        handshakes=2,
        resumed=1,
        versions={"TLSv1.3": 1, "TLSv1.2": 1},
        ciphers={"A": 1, "B": 1},
        errors={"wrong_name": 1},
    )

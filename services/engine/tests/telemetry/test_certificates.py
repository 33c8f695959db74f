"""When certificates of a configuration end."""

from __future__ import annotations

from certificates import authority, pem
from cryptography import x509
from tls_configurations import CA, CHAIN, CRL, config, materials, optional, required, server_tls

from microgateway_common.ir.tls import CrlScope
from microgateway_engine.telemetry.certificates import Expiry, authority_expiry, expiries

AUTHORITY = authority()
SERVER = AUTHORITY.leaf("shop.example", "shop.example")
LIST = AUTHORITY.revoke()


def test_everything_a_handshake_relies_on_is_there_once() -> None:
    found = expiries(config(materials(SERVER, AUTHORITY, LIST), server_tls(required(crl=CrlScope.LEAF))))
    due = x509.load_pem_x509_crl(LIST).next_update_utc
    assert due is not None
    assert set(found) == {
        Expiry("server", CHAIN, SERVER.certificate.not_valid_after_utc.timestamp()),
        Expiry("client-authority", CA, AUTHORITY.certificate.not_valid_after_utc.timestamp()),
        Expiry("revocation-list", CRL, due.timestamp()),
    }


def test_of_several_certificates_the_first_to_end_counts() -> None:
    chain = {**materials(SERVER, AUTHORITY), CHAIN: pem(AUTHORITY.certificate) + SERVER.pem}
    ends = min(each.not_valid_after_utc.timestamp() for each in (AUTHORITY.certificate, SERVER.certificate))
    assert Expiry("server", CHAIN, ends) in expiries(config(chain, server_tls(optional())))


def test_without_tls_there_is_nothing_to_end() -> None:
    assert expiries(config({})) == ()


def test_what_cannot_be_read_is_left_out() -> None:
    unreadable = {**materials(SERVER), CHAIN: b"-----BEGIN CERTIFICATE-----"}
    assert expiries(config(unreadable, server_tls())) == ()
    assert authority_expiry(b"") == ()
